#include "frames.h"

#include <string.h>

#include "device.h"
#include "port.h"
#include "stack.h"

enum { FIRST = 0xA5, SECOND = 0x5A, HEAD = 4, CRC = 2, REPLY = 0x80, VERSION = 1 };
enum { HELLO = 1, PUT = 2, RUN = 3, PUSH = 4, SCORES = 5, STACK = 6 };

typedef enum { OUTSIDE, SYNC, INSIDE } position;

static position where;
static uint16_t have;
static uint8_t frame[HEAD + FRAME_DATA + CRC];
static uint8_t reply[HEAD + FRAME_DATA + CRC];
static uint16_t reply_length; /* 0: none yet */
static uint32_t clip_ticks;

static uint16_t crc(const uint8_t *data, uint32_t length) {
    uint16_t sum = 0xFFFFu;
    for (uint32_t i = 0; i < length; i++) {
        sum ^= (uint16_t)(data[i] << 8);
        for (int bit = 0; bit < 8; bit++) {
            sum = (uint16_t)((uint32_t)sum << 1 ^ ((sum & 0x8000u) != 0 ? 0x1021u : 0u));
        }
    }
    return sum;
}

static uint32_t word(const uint8_t *at) {
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint8_t *add_word(uint8_t *to, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        *to++ = (uint8_t)(value >> (8 * i));
    }
    return to;
}

static void send_reply(void) {
    port_put(FIRST);
    port_put(SECOND);
    for (uint16_t i = 0; i < reply_length; i++) {
        port_put(reply[i]);
    }
}

static void finish_reply(const uint8_t *end) {
    const uint16_t data = (uint16_t)(end - reply - HEAD);
    reply[0] = (uint8_t)(frame[0] | REPLY);
    reply[1] = frame[1];
    reply[2] = (uint8_t)data;
    reply[3] = (uint8_t)(data >> 8);
    const uint16_t sum = crc(reply, (uint32_t)HEAD + data);
    reply[HEAD + data] = (uint8_t)sum;
    reply[HEAD + data + 1] = (uint8_t)(sum >> 8);
    reply_length = (uint16_t)(HEAD + data + CRC);
}

static uint8_t *put(uint8_t *to, const uint8_t *data, uint32_t length) {
    const uint32_t offset = length >= 4 ? word(data) : 0;
    if (length < 4 || offset > sizeof device_input || length - 4 > sizeof device_input - offset) {
        return add_word(to, (uint32_t)DEVICE_BAD_LENGTH);
    }
    memcpy(device_input + offset, data + 4, length - 4);
    return add_word(to, 0);
}

static uint8_t *run(uint8_t *to) {
    uint32_t ticks = 0;
    const int error = device_run(&ticks);
    return add_word(add_word(add_word(to, (uint32_t)error), (uint32_t)device_label()), ticks);
}

static uint8_t *push(uint8_t *to, const uint8_t *data, uint32_t length) {
    static int16_t pcm[FRAME_DATA / 2];
    if (length % 2 == 0) {
        return add_word(to, (uint32_t)DEVICE_BAD_LENGTH);
    }
    if (data[0] == 1) {
        clip_ticks = 0;
    }
    for (uint32_t i = 0; i < length / 2; i++) {
        pcm[i] = (int16_t)(data[1 + 2 * i] | data[2 + 2 * i] << 8);
    }
    const int status = device_push(pcm, length / 2, &clip_ticks);
    return add_word(add_word(add_word(to, (uint32_t)status), (uint32_t)device_label()), clip_ticks);
}

static uint8_t *scores(uint8_t *to, const uint8_t *data, uint32_t length) {
    const uint32_t asked = length == 4 ? word(data) : sizeof device_scores;
    const uint32_t offset = asked < sizeof device_scores ? asked : sizeof device_scores;
    const uint32_t left = sizeof device_scores - offset;
    const uint32_t size = left < FRAME_DATA ? left : FRAME_DATA;
    memcpy(to, device_scores + offset, size);
    return to + size;
}

static uint8_t *hello(uint8_t *to) {
    *to++ = VERSION;
    *to++ = EDGEKIT_MODEL_HAS_FRONTEND;
    to = add_word(add_word(to, EDGEKIT_MODEL_INPUT_SIZE), EDGEKIT_MODEL_OUTPUT_SIZE);
#if EDGEKIT_MODEL_HAS_FRONTEND
    to = add_word(to, EDGEKIT_MODEL_CLIP_SAMPLES);
#else
    to = add_word(to, 0);
#endif
    return add_word(to, port_hertz());
}

static uint8_t *answer(uint8_t *to, uint8_t type, const uint8_t *data, uint32_t length) {
    switch (type) {
        case HELLO:
            return hello(to);
        case PUT:
            return put(to, data, length);
        case RUN:
            return run(to);
        case PUSH:
            return push(to, data, length);
        case SCORES:
            return scores(to, data, length);
        case STACK:
            return add_word(to, edgekit_stack_used());
        default:
            return add_word(to, (uint32_t)DEVICE_BAD_LENGTH);
    }
}

static void take_frame(uint32_t data) {
    const uint16_t sum = (uint16_t)(frame[HEAD + data] | frame[HEAD + data + 1] << 8);
    if (crc(frame, HEAD + data) != sum) {
        return;
    }
    /* A hello begins anew: a host that starts again may count from where the last one ended. */
    const int again = reply_length != 0 && reply[1] == frame[1] && reply[0] == (frame[0] | REPLY) && frame[0] != HELLO;
    if (!again) {
        finish_reply(answer(reply + HEAD, frame[0], frame + HEAD, data));
    }
    send_reply();
}

static void take_inside(uint8_t byte) {
    frame[have++] = byte;
    if (have < HEAD) {
        return;
    }
    const uint32_t data = frame[2] | (uint32_t)frame[3] << 8;
    if (data > FRAME_DATA) {
        where = OUTSIDE;
    } else if (have == HEAD + data + CRC) {
        where = OUTSIDE;
        take_frame(data);
    }
}

int frames_take(uint8_t byte) {
    if (where == INSIDE) {
        take_inside(byte);
        return 1;
    }
    if (where == SYNC && byte == SECOND) {
        where = INSIDE;
        have = 0;
        return 1;
    }
    where = byte == FIRST ? SYNC : OUTSIDE;
    return where == SYNC;
}
