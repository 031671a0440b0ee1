#include "commands.h"

#include <stddef.h>

#include "device.h"
#include "port.h"
#include "port_config.h"

enum { LINE = 80, PRINTED_A_LINE = 8, DEFAULT_WARMUP = 10 };

#define FIRMWARE "ULPMark for tinyML Firmware V0.0.1" /* the text that the tool knows */

static char line[LINE + 1];
static uint32_t length;
static int too_long;
static uint32_t expected; /* bytes of `db load` */
static uint32_t loaded;
static uint64_t microseconds;
static uint32_t last_ticks;

static void print(const char *text) {
    while (*text != '\0') {
        port_put((uint8_t)*text++);
    }
}

static void print_number(uint32_t value, int digits) {
    char text[11];
    int at = 10;
    text[at] = '\0';
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
        digits--;
    } while (value > 0 || digits > 0);
    print(text + at);
}

/* Three decimals, rounded to nearest. */
static void print_real(float value) {
    const float positive = value < 0 ? -value : value;
    const uint32_t thousandths = (uint32_t)(positive * 1000.0f + 0.5f);
    if (value < 0 && thousandths > 0) {
        print("-");
    }
    print_number(thousandths / 1000, 1);
    print(".");
    print_number(thousandths % 1000, 3);
}

static void print_between(const char *before, const char *text) {
    print(before);
    print(text);
    print("]\r\n");
}

/* Keeps count across wraps of the clock; called at least once each. */
static void timestamp(void) {
    const uint32_t now = port_ticks();
    const uint32_t hertz = port_hertz();
    microseconds += (uint64_t)(now - last_ticks) * 1000000u / hertz;
    last_ticks = now;
    print("m-lap-us-");
    print_number((uint32_t)microseconds, 1);
    print("\r\n");
}

/* The next word of the line, or NULL; ends it with a zero. */
static char *next_word(char **rest) {
    char *begin = *rest;
    while (*begin == ' ') {
        begin++;
    }
    char *end = begin;
    while (*end != '\0' && *end != ' ') {
        end++;
    }
    *rest = *end == '\0' ? end : end + 1;
    *end = '\0';
    return end == begin ? NULL : begin;
}

static int is(const char *text, const char *other) {
    while (*text != '\0' && *text == *other) {
        text++;
        other++;
    }
    return *text == *other;
}

/* A number up to 999999999; -1 for anything else. */
static int32_t number(const char *text) {
    int32_t value = 0;
    for (int i = 0; text[i] != '\0'; i++) {
        if (text[i] < '0' || text[i] > '9' || i >= 9) {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void load(const char *argument) {
    const int32_t bytes = argument == NULL ? 0 : number(argument);
    if (bytes <= 0 || bytes > EDGEKIT_MODEL_INPUT_SIZE) {
        print("e-[db load takes 1 to ");
        print_number(EDGEKIT_MODEL_INPUT_SIZE, 1);
        print(" bytes]\r\n");
        return;
    }
    expected = (uint32_t)bytes;
    loaded = 0;
    print("m-[Expecting ");
    print_number(expected, 1);
    print(" bytes]\r\n");
}

static void load_hex(const char *digits) {
    for (; *digits != '\0'; digits += 2) {
        const int high = hex_digit(digits[0]);
        const int low = high < 0 ? -1 : hex_digit(digits[1]);
        if (low < 0) {
            print("e-[Invalid hex digits]\r\n");
            return;
        }
        if (loaded >= expected) {
            print("e-[db load says how many bytes come]\r\n");
            return;
        }
        device_input[loaded++] = (int8_t)(high << 4 | low);
        if (loaded == expected) {
            print("m-load-done\r\n");
            return;
        }
    }
}

static void print_input(void) {
    static const char hex[] = "0123456789abcdef";
    for (uint32_t i = 0; i < expected; i++) {
        const uint8_t value = (uint8_t)device_input[i];
        print(i % PRINTED_A_LINE == 0 ? "m-buffer-" : "-");
        port_put((uint8_t)hex[value >> 4]);
        port_put((uint8_t)hex[value & 15]);
        if ((i + 1) % PRINTED_A_LINE == 0 || i + 1 == expected) {
            print("\r\n");
        }
    }
}

static void buffer(char *rest) {
    const char *word = next_word(&rest);
    if (word == NULL) {
        print("e-[db takes load, print, or hex digits]\r\n");
    } else if (is(word, "load")) {
        load(next_word(&rest));
    } else if (is(word, "print")) {
        print_input();
    } else {
        load_hex(word);
    }
}

static void results(void) {
    print("m-results-[");
    for (int i = 0; i < EDGEKIT_MODEL_OUTPUT_SIZE; i++) {
        print(i == 0 ? "" : ",");
        print_real((float)(device_scores[i] - EDGEKIT_MODEL_OUTPUT_ZERO_POINT) * EDGEKIT_MODEL_OUTPUT_SCALE);
    }
    print("]\r\n");
}

static int run_times(int32_t runs) {
    for (int32_t i = 0; i < runs; i++) {
        uint32_t ticks;
        if (device_run(&ticks) != 0) {
            print("e-[the model failed]\r\n");
            return -1;
        }
    }
    return 0;
}

static void say_count(const char *what, int32_t count) {
    print(what);
    print_number((uint32_t)count, 1);
    print("\r\n");
}

static void infer(char *rest) {
    const char *first = next_word(&rest);
    const char *second = next_word(&rest);
    const int32_t runs = first == NULL ? 1 : number(first);
    const int32_t warmup = second == NULL ? DEFAULT_WARMUP : number(second);
    if (runs <= 0 || warmup < 0) {
        print("e-[infer takes runs above 0 and warm-ups from 0]\r\n");
        return;
    }
    say_count("m-warmup-start-", warmup);
    if (run_times(warmup) != 0) {
        return;
    }
    print("m-warmup-done\r\n");
    say_count("m-infer-start-", runs);
    timestamp();
    if (run_times(runs) != 0) {
        return;
    }
    timestamp();
    print("m-infer-done\r\n");
    results();
}

static void obey(void) {
    char *rest = line;
    const char *command = next_word(&rest);
    if (command == NULL) {
        print("e-[Unknown command: ]\r\n");
    } else if (is(command, "name")) {
        print_between("m-name-dut-[", EDGEKIT_BOARD_NAME);
    } else if (is(command, "profile")) {
        print_between("m-profile-[", FIRMWARE);
        print_between("m-model-[", EDGEKIT_MODEL_NAME);
    } else if (is(command, "timestamp")) {
        timestamp();
    } else if (is(command, "db")) {
        buffer(rest);
    } else if (is(command, "infer")) {
        infer(rest);
    } else if (is(command, "results")) {
        results();
    } else if (is(command, "help")) {
        print(FIRMWARE "\r\nname, profile, timestamp, db load N, db HH..., db print, infer N W, results\r\n");
    } else {
        print_between("e-[Unknown command: ", command);
    }
}

void commands_start(void) {
    print("m-timestamp-mode-performance\r\n");
    timestamp();
    print("m-init-done\r\nm-ready\r\n");
}

void commands_take(char character) {
    if (character == '%') {
        line[length] = '\0';
        if (too_long) {
            print("e-[Command too long]\r\n");
        } else {
            obey();
        }
        print("m-ready\r\n");
        length = 0;
        too_long = 0;
    } else if (character >= ' ' && character <= '~') { /* line ends and noise are no part of a command */
        too_long |= length == LINE;
        line[length] = character;
        length += length < LINE ? 1u : 0u;
    }
}
