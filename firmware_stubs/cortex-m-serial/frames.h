/* Requests and replies in frames, for a line that loses bytes and makes some up.
 *
 * Frame:  0xA5 0x5A, type, number, length (uint16), `length` bytes (at most FRAME_DATA), CRC-16 of all from type on
 *         (polynomial 0x1021, start 0xFFFF: CRC-16/IBM-3740). All numbers are little-endian.
 * A request that arrives damaged is not answered: the host asks again with the same number. A number that was answered
 * last is answered from memory: nothing runs twice. Before it asks again the host sends zeros until no frame can be open.
 *
 * type       data                          data of the reply (type + 128)
 * 1 hello    -                             version, flags (1: front-end), uint32 input bytes, output bytes, samples of a
 *                                          clip, ticks a second
 * 2 put      uint32 offset, bytes          int32 status
 * 3 run      -                             int32 status, int32 label, uint32 ticks
 * 4 push     uint8 1 at a clip's first     int32 status (1 at its end), int32 label, uint32 ticks of the clip so far
 *            block, int16 samples
 * 5 scores   uint32 offset                 scores from there on
 * 6 stack    -                             uint32 bytes of stack used since reset
 * other                                    int32 status -100
 */
#ifndef EDGEKIT_FRAMES_H
#define EDGEKIT_FRAMES_H

#include <stdint.h>

enum { FRAME_DATA = 256 };

/* Takes a received byte. Returns 1 where it belongs to a frame, 0 where it is something else's. */
int frames_take(uint8_t byte);

#endif
