/* What this project needs of a board: a serial line and a clock. port.c is the only file that knows the board. */
#ifndef EDGEKIT_PORT_H
#define EDGEKIT_PORT_H

#include <stdint.h>

/* Sets up line and clock; called once, first. */
void port_start(void);

/* The next received byte, or -1 where there is none: does not wait. */
int port_get(void);

/* Sends a byte; waits until the line takes it. */
void port_put(uint8_t byte);

/* Ticks since the start; may wrap. */
uint32_t port_ticks(void);

/* Ticks a second. */
uint32_t port_hertz(void);

#endif
