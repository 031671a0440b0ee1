/* Arm semihosting (Arm IHI 0086): the host behind a debugger or an emulator reads and writes for the core. */
#ifndef EDGEKIT_SEMIHOSTING_H
#define EDGEKIT_SEMIHOSTING_H

#include <stddef.h>
#include <stdint.h>

enum {
    SEMIHOSTING_OPEN = 0x01,
    SEMIHOSTING_WRITE = 0x05,
    SEMIHOSTING_READ = 0x06,
    SEMIHOSTING_EXIT = 0x18
};

static inline intptr_t semihosting_call(int operation, const void *argument) {
    register intptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* Opens the console: mode 0 reads, mode 4 writes. Returns a handle, or -1. */
static inline intptr_t semihosting_console(uintptr_t mode) {
    static const char name[] = ":tt";
    const uintptr_t block[3] = {(uintptr_t)name, mode, sizeof name - 1};
    return semihosting_call(SEMIHOSTING_OPEN, block);
}

/* Reads exactly `size` bytes; returns 0, or the number of bytes that are missing at the end of the input. */
static inline size_t semihosting_read(intptr_t handle, void *to, size_t size) {
    uint8_t *bytes = (uint8_t *)to;
    while (size > 0) {
        const uintptr_t block[3] = {(uintptr_t)handle, (uintptr_t)bytes, size};
        const size_t missing = (size_t)semihosting_call(SEMIHOSTING_READ, block);
        if (missing >= size) {
            return size;
        }
        bytes += size - missing;
        size = missing;
    }
    return 0;
}

/* Returns 0, or the number of bytes that were not written. */
static inline size_t semihosting_write(intptr_t handle, const void *from, size_t size) {
    const uintptr_t block[3] = {(uintptr_t)handle, (uintptr_t)from, size};
    return (size_t)semihosting_call(SEMIHOSTING_WRITE, block);
}

/* ADP_Stopped_ApplicationExit for status 0, ADP_Stopped_RunTimeErrorUnknown otherwise. */
__attribute__((noreturn)) static inline void semihosting_exit(int status) {
    const uintptr_t reason = status == 0 ? 0x20026u : 0x20023u;
    semihosting_call(SEMIHOSTING_EXIT, (const void *)reason);
    for (;;) {
    }
}

#endif
