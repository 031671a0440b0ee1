"""Frames of the serial line to a board; firmware_stubs/cortex-m-serial/frames.h has the format."""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass

SYNC = b"\xa5\x5a"
HEAD, CRC = 4, 2
DATA = 256
"""Most bytes of data in a frame."""
REPLY = 0x80
FLUSH = bytes(HEAD + DATA + CRC)
"""Zeros that close any frame that the far side has open: its CRC is wrong then, and zeros begin none."""


@dataclass(frozen=True)
class Frame:
    """A frame whose CRC was right: type, number (0 to 255), data."""

    type: int
    number: int
    data: bytes


def crc16(data: bytes) -> int:
    """CRC-16/IBM-3740: polynomial 0x1021, start 0xFFFF, most significant bit first."""
    return binascii.crc_hqx(data, 0xFFFF)


def encode(frame: Frame) -> bytes:
    """A frame as bytes; its data must not be longer than DATA."""
    if len(frame.data) > DATA:
        raise ValueError(f"{len(frame.data)} bytes do not fit a frame")
    body = struct.pack("<BBH", frame.type, frame.number, len(frame.data)) + frame.data
    return SYNC + body + struct.pack("<H", crc16(body))


class Decoder:
    """Finds frames among whatever else comes; keeps what may still become one."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes; after a damaged one the search goes on one byte behind its start."""
        self._bytes += data
        found: list[Frame] = []
        while True:
            begin = self._bytes.find(SYNC)
            if begin < 0:
                del self._bytes[: max(len(self._bytes) - 1, 0)]
                return found
            del self._bytes[:begin]
            if len(self._bytes) < len(SYNC) + HEAD:
                return found
            kind, number, length = struct.unpack_from("<BBH", self._bytes, len(SYNC))
            end = len(SYNC) + HEAD + length + CRC
            if length > DATA:
                del self._bytes[:1]
                continue
            if len(self._bytes) < end:
                return found
            body = bytes(self._bytes[len(SYNC) : end - CRC])
            if crc16(body) == struct.unpack_from("<H", self._bytes, end - CRC)[0]:
                found.append(Frame(kind, number, body[HEAD:]))
                del self._bytes[:end]
            else:
                del self._bytes[:1]
