/* Stack high-water mark by painting. */
#ifndef EDGEKIT_STACK_H
#define EDGEKIT_STACK_H

#include <stdint.h>

#define EDGEKIT_STACK_PAINT 0xA5C3A5C3u

/* Bytes from the top of the stack down to the lowest word that was ever written. */
uint32_t edgekit_stack_used(void);

#endif
