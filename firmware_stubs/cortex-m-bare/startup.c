/* Vector table and reset handler of a Cortex-M image without CMSIS.
 *
 * The linker script puts the stack at the start of RAM, so that an overflow leaves RAM and faults
 * instead of overwriting data. The reset handler paints the stack: main.c reports how much was used.
 */
#include <stdint.h>

#include "semihosting.h"
#include "stack.h"

extern uint32_t __stack_bottom, __stack_top;
extern uint32_t __data_load, __data_start, __data_end, __bss_start, __bss_end;

int main(void);
void edgekit_reset(void);
static void edgekit_fault(void);

/* The clock's interrupt; a project that uses it has its own. */
__attribute__((weak, alias("edgekit_fault"))) void edgekit_systick(void);

typedef union {
    void *pointer;
    void (*handler)(void);
} vector;

/* Initial stack pointer, reset, and the system vectors, the last of them SysTick's; no device interrupt is used. */
__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    {.pointer = &__stack_top},
    {.handler = edgekit_reset},
    {.handler = edgekit_fault}, {.handler = edgekit_fault}, {.handler = edgekit_fault},
    {.handler = edgekit_fault}, {.handler = edgekit_fault}, {.handler = edgekit_fault},
    {.handler = edgekit_fault}, {.handler = edgekit_fault}, {.handler = edgekit_fault},
    {.handler = edgekit_fault}, {.handler = edgekit_fault}, {.handler = edgekit_fault},
    {.handler = edgekit_fault}, {.handler = edgekit_systick},
};

/* Any fault ends the run with a failing status; a debugger or the emulator shows where. */
static void edgekit_fault(void) {
    semihosting_exit(1);
}

static void enable_fpu(void) {
#if defined(__ARM_FP)
    volatile uint32_t *cpacr = (volatile uint32_t *)0xE000ED88u;
    *cpacr |= 0xFu << 20;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
#if defined(__ARM_ARCH_8_1M_MAIN__)
    /* CCR.LOB: the core remembers low-overhead loops instead of running their LE at every turn. */
    volatile uint32_t *ccr = (volatile uint32_t *)0xE000ED14u;
    *ccr |= 1u << 19;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
}

/* Word loops with volatile pointers: before .data and .bss exist, nothing may turn into a call of memcpy. */
static void copy_words(volatile uint32_t *to, const uint32_t *end, const volatile uint32_t *from) {
    while (to < end) {
        *to++ = *from++;
    }
}

static void fill_words(volatile uint32_t *to, const uint32_t *end, uint32_t value) {
    while (to < end) {
        *to++ = value;
    }
}

static inline uint32_t *stack_pointer(void) {
    uint32_t *sp;
    __asm__ volatile("mov %0, sp" : "=r"(sp));
    return sp;
}

__attribute__((used, noreturn)) void edgekit_reset(void) {
    enable_fpu();
    /* Leave what this function and its callees need just below the stack pointer. */
    fill_words(&__stack_bottom, stack_pointer() - 16, EDGEKIT_STACK_PAINT);
    copy_words(&__data_start, &__data_end, &__data_load);
    fill_words(&__bss_start, &__bss_end, 0);
    semihosting_exit(main());
}

uint32_t edgekit_stack_used(void) {
    const volatile uint32_t *word = &__stack_bottom;
    while (word < &__stack_top && *word == EDGEKIT_STACK_PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)&__stack_top - (uintptr_t)word);
}
