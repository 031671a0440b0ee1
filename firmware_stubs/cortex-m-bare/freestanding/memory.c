/* memcpy and memset by words, for compilers that bring none or, when told to be small, one that goes byte by byte.
 * Left out where a libc is linked. The empty assembly keeps compilers from making a call of memcpy from the loops. */
#include <stddef.h>
#include <stdint.h>

#include "string.h"

#undef memcpy

/* A word that may lie anywhere: from Armv7-M on, loads and stores of single words need no alignment. */
typedef uint32_t __attribute__((aligned(1), may_alias)) any_word;

#if defined(__ARM_FEATURE_UNALIGNED)
#define BY_WORDS(places) 1
#else
#define BY_WORDS(places) (((places)&3u) == 0)
#endif

#define KEEP_LOOP() __asm__ volatile("" ::: "memory")

void *memcpy(void *restrict destination, const void *restrict source, size_t size) {
    uint8_t *to = destination;
    const uint8_t *from = source;
    if (BY_WORDS((uintptr_t)to | (uintptr_t)from)) {
        for (; size >= 16; size -= 16) {
            const uint32_t a = ((const any_word *)from)[0], b = ((const any_word *)from)[1];
            const uint32_t c = ((const any_word *)from)[2], d = ((const any_word *)from)[3];
            ((any_word *)to)[0] = a;
            ((any_word *)to)[1] = b;
            ((any_word *)to)[2] = c;
            ((any_word *)to)[3] = d;
            from += 16;
            to += 16;
            KEEP_LOOP();
        }
        for (; size >= 4; size -= 4) {
            *(any_word *)to = *(const any_word *)from;
            from += 4;
            to += 4;
            KEEP_LOOP();
        }
    }
    for (; size > 0; size--) {
        *to++ = *from++;
        KEEP_LOOP();
    }
    return destination;
}

void *memset(void *destination, int value, size_t size) {
    uint8_t *to = destination;
    const uint32_t word = (uint8_t)value * 0x01010101u;
    if (BY_WORDS((uintptr_t)to)) {
        for (; size >= 4; size -= 4) {
            *(any_word *)to = word;
            to += 4;
            KEEP_LOOP();
        }
    }
    for (; size > 0; size--) {
        *to++ = (uint8_t)value;
        KEEP_LOOP();
    }
    return destination;
}

/* The names under which compilers for Arm call it (Run-time ABI for the Arm Architecture, 4.3.4). */
void __aeabi_memcpy(void *, const void *, size_t) __attribute__((alias("memcpy")));
void __aeabi_memcpy4(void *, const void *, size_t) __attribute__((alias("memcpy")));
void __aeabi_memcpy8(void *, const void *, size_t) __attribute__((alias("memcpy")));
