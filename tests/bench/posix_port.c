/* The board of firmware_stubs/cortex-m-serial as a process: its serial line is stdin and stdout. */
#define _POSIX_C_SOURCE 200809L
#include "port.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "stack.h"

void port_start(void) {
}

int port_get(void) {
    struct pollfd in = {.fd = 0, .events = POLLIN};
    uint8_t byte;
    if (poll(&in, 1, 100) <= 0) {
        return -1;
    }
    if (read(0, &byte, 1) != 1) {
        exit(0);
    }
    return byte;
}

void port_put(uint8_t byte) {
    if (write(1, &byte, 1) != 1) {
        exit(1);
    }
}

uint32_t port_ticks(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
}

uint32_t port_hertz(void) {
    return 1000000;
}

uint32_t edgekit_stack_used(void) {
    return 4711;
}
