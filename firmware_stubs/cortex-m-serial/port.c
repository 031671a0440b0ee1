/* Arm's CMSDK UART (DDI 0479, 4.3) and SysTick: the boards mps2 and mps3, in silicon and in QEMU.
 *
 * For another board replace this file: six small functions, see port.h.
 */
#include "port.h"
#include "port_config.h"

#if EDGEKIT_CMSDK_UART == 0
#error "this board's serial line is not known: replace port.c, whose functions port.h describes"
#endif

enum { TX_FULL = 1u << 0, RX_FULL = 1u << 1, ENABLE_TX_RX = 3u };
enum { SYSTICK_MAX = 0xFFFFFF, SYSTICK_RUN_WITH_INTERRUPT = 7, BAUD = 115200, CLOCK = 25000000 };

typedef struct {
    volatile uint32_t data, state, control, interrupt, divider;
} cmsdk_uart;

typedef struct {
    volatile uint32_t control, reload, value;
} systick;

#define UART ((cmsdk_uart *)(uintptr_t)EDGEKIT_CMSDK_UART)
#define SYSTICK ((systick *)0xE000E010u)

static volatile uint32_t wraps;

void edgekit_systick(void) {
    wraps++;
}

void port_start(void) {
    UART->divider = CLOCK / BAUD;
    UART->control = ENABLE_TX_RX;
    SYSTICK->reload = SYSTICK_MAX;
    SYSTICK->value = 0;
    SYSTICK->control = SYSTICK_RUN_WITH_INTERRUPT;
}

int port_get(void) {
    return (UART->state & RX_FULL) != 0 ? (int)(UART->data & 0xFFu) : -1;
}

void port_put(uint8_t byte) {
    while ((UART->state & TX_FULL) != 0) {
    }
    UART->data = byte;
}

/* Counts down and interrupts on reaching 0, so 0 belongs to the next round. Reads again where it wrapped in between. */
uint32_t port_ticks(void) {
    uint32_t before, value;
    do {
        before = wraps;
        value = SYSTICK->value;
    } while (before != wraps);
    return (before << 24) + ((0u - value) & SYSTICK_MAX);
}

uint32_t port_hertz(void) {
    return CLOCK;
}
