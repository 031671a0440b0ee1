"""C around generated models for c_batches.py; ``@name@`` stands for values."""

from __future__ import annotations

HEAD = """\
#include <stdint.h>
#include <string.h>
@includes@
"""
"""Start of the unit of one model: its own sources, which bring their headers."""

HOST_RUN = """
int run_@name@(void);
int run_@name@(void) {
    @name@_state *state = malloc(sizeof *state);
    int8_t *in = malloc(@macro@_INPUT_SIZE);
    int8_t *out = malloc(@macro@_OUTPUT_SIZE);
    int error = @name@_init(state);
    putchar(@marker@);
    for (int i = 0; i < @clips@ && error == 0; i++) {
        error = fread(in, 1, @macro@_INPUT_SIZE, stdin) != @macro@_INPUT_SIZE;
        error = error != 0 ? error : @name@_invoke(state, in, out);
        fwrite(out, 1, @macro@_OUTPUT_SIZE, stdout);
    }
    free(in);
    free(out);
    free(state);
    fflush(stdout);
    return error;
}
"""
"""One model on this machine, in buffers of exactly the right size on the heap, so that a byte too far is seen."""

HOST_MAIN = """
#include <stdlib.h>
@declarations@
int main(int argc, char **argv) {
    int (*const run[])(void) = {@names@};
    for (int i = argc == 2 ? atoi(argv[1]) : 0; i < @count@; i++) {
        if (run[i]() != 0) {
            return 1;
        }
    }
    return 0;
}
"""
"""All models from the one on whose number is given."""

MCU_RUN = """
int run_@name@(intptr_t console_in, intptr_t console_out, void *memory, int8_t *in, int8_t *out);
int run_@name@(intptr_t console_in, intptr_t console_out, void *memory, int8_t *in, int8_t *out) {
    @name@_state *state = memory;
    static const uint8_t marker = @marker@;
    _Static_assert(sizeof(@name@_state) <= @state@, "the shared state is too small");
    int error = @name@_init(state);
    if (semihosting_write(console_out, &marker, 1) != 0) {
        return 1;
    }
    for (int i = 0; i < @clips@ && error == 0; i++) {
        error = semihosting_read(console_in, in, @macro@_INPUT_SIZE) != 0;
        error = error != 0 ? error : @name@_invoke(state, in, out);
        error = semihosting_write(console_out, out, @macro@_OUTPUT_SIZE) != 0 ? 1 : error;
    }
    return error;
}
"""
"""One model on a core; all share one buffer for their state."""

MCU_MAIN = """
#include <stdint.h>
#include "semihosting.h"
typedef int run(intptr_t, intptr_t, void *, int8_t *, int8_t *);
@declarations@
static _Alignas(16) uint8_t memory[@state@];
static int8_t in[@in@];
static int8_t out[@out@];
int main(void) {
    static run *const all[] = {@names@};
    const intptr_t console_in = semihosting_console(0);
    const intptr_t console_out = semihosting_console(4);
    for (int i = 0; i < @count@; i++) {
        if (all[i](console_in, console_out, memory, in, out) != 0) {
            return 1;
        }
    }
    /* An emulator that waits for more stays here; the end of the input ends the program. */
    return semihosting_read(console_in, in, 1) != 0 ? 0 : 1;
}
"""
"""All models in turn, over semihosting."""
