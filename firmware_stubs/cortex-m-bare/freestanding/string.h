/* The two functions that generated C takes from libc, for compilers that ship no libc headers (zig, clang). */
#ifndef EDGEKIT_FREESTANDING_STRING_H
#define EDGEKIT_FREESTANDING_STRING_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void *memcpy(void *restrict destination, const void *restrict source, size_t size);
void *memset(void *destination, int value, size_t size);

#ifdef __cplusplus
}
#endif

/* A freestanding compiler takes the plain name for an unknown function and calls it for four bytes; this it expands. */
#define memcpy(destination, source, size) __builtin_memcpy(destination, source, size)

#endif
