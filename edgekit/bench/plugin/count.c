/* QEMU TCG plug-in: counts the instructions that functions of a guest execute, callees included.
 *
 * Arguments:  span=ENTRY:RETURN:RETURN…  a function by its first address and the addresses behind the calls of it,
 *                                        hexadecimal; may come several times
 *             out=FILE                   one line a finished call: number of the span, instructions
 *
 * The declarations are those of version 1 of the plug-in interface (QEMU 4.2 and later), which distributions ship
 * without a header. One virtual CPU is assumed.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info qemu_info;

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*cb)(plugin_id, struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned, void *),
                                                   int flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *to, uint64_t add);
extern void qemu_plugin_register_atexit_cb(plugin_id id, void (*cb)(plugin_id, void *), void *data);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(plugin_id id, const qemu_info *info, int argc, char **argv);

enum { NO_REGISTERS = 0, ADD_U64 = 0, MAX_SPANS = 512, MAX_RETURNS = 64 };

typedef struct {
    uint64_t entry;
    uint64_t returns[MAX_RETURNS];
    int return_count;
    bool inside;
    uint64_t start;
} span;

static span spans[MAX_SPANS];
static int span_count;
static uint64_t executed;
static FILE *out;

static void on_entry(unsigned cpu, void *data) {
    span *s = data;
    (void)cpu;
    if (!s->inside) {
        s->inside = true;
        s->start = executed;
    }
}

static void on_return(unsigned cpu, void *data) {
    span *s = data;
    (void)cpu;
    if (s->inside) {
        s->inside = false;
        fprintf(out, "%d %" PRIu64 "\n", (int)(s - spans), executed - s->start);
    }
}

static bool returns_to(const span *s, uint64_t address) {
    for (int i = 0; i < s->return_count; i++) {
        if (s->returns[i] == address) {
            return true;
        }
    }
    return false;
}

/* Calls are seen before their instruction is counted: QEMU runs an instruction's callbacks before its counters. */
static void on_translation(plugin_id id, struct qemu_plugin_tb *tb) {
    const size_t count = qemu_plugin_tb_n_insns(tb);
    (void)id;
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint64_t address = qemu_plugin_insn_vaddr(insn);
        for (int k = 0; k < span_count; k++) {
            if (returns_to(&spans[k], address)) {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_return, NO_REGISTERS, &spans[k]);
            }
            if (spans[k].entry == address) {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_entry, NO_REGISTERS, &spans[k]);
            }
        }
        qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &executed, 1);
    }
}

static void on_end(plugin_id id, void *data) {
    (void)id;
    (void)data;
    fclose(out);
}

static bool parse_span(const char *text) {
    if (span_count == MAX_SPANS) {
        return false;
    }
    span *s = &spans[span_count++];
    char *rest;
    s->entry = strtoull(text, &rest, 16);
    while (*rest == ':' && s->return_count < MAX_RETURNS) {
        s->returns[s->return_count++] = strtoull(rest + 1, &rest, 16);
    }
    return *rest == '\0' && s->return_count > 0;
}

int qemu_plugin_install(plugin_id id, const qemu_info *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "span=", 5) == 0 ? !parse_span(argv[i] + 5) : strncmp(argv[i], "out=", 4) != 0) {
            fprintf(stderr, "count: cannot use the argument %s\n", argv[i]);
            return 1;
        }
        if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        }
    }
    if (out == NULL) {
        fprintf(stderr, "count: no file for the counts\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
