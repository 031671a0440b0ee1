"""A board behind a serial line: each request is asked until it is answered once, every wait bounded."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from edgekit.bench.serial_frame import DATA, FLUSH, REPLY, Decoder, Frame, encode
from edgekit.core.errors import TargetError
from edgekit.core.optional import require

HELLO, PUT, RUN, PUSH, SCORES, STACK = 1, 2, 3, 4, 5, 6
VERSION = 1
TRIES = 8
ANSWER_S = 1.0
"""Wait for an answer to a request that takes no time, its transfer at 9,600 baud included."""
RUN_S = 30.0
"""Longest single inference."""
POLL_S = 0.05
_MEND = "reset the board; is it flashed with the project cortex-m-serial, and is the baud rate right?"


class Port(Protocol):
    """A line: what pyserial's Serial offers of it."""

    def write(self, data: bytes) -> Any:
        """Send bytes."""
        ...

    def read(self, size: int) -> bytes:
        """Up to ``size`` received bytes; waits a short time for the first."""
        ...


@dataclass(frozen=True)
class Board:
    """What a board says of the model in it.

    Attributes:
        input_size, output_size: bytes.
        clip_samples: of a clip, 0 without front-end.
        hertz: ticks a second of its clock.
    """

    input_size: int
    output_size: int
    clip_samples: int
    hertz: int


@dataclass(frozen=True, eq=False)
class BoardRun:
    """One inference: int8 scores [outputs], index of the best, ticks."""

    scores: np.ndarray
    label: int
    ticks: int


class SerialLink:
    """Speaks the frames of firmware_stubs/cortex-m-serial.

    Args:
        port: an open line.
        where: its name in errors.
        answer_s: wait for an answer to a short request.
        run_s: wait for an inference.
    """

    def __init__(self, port: Port, where: str, *, answer_s: float = ANSWER_S, run_s: float = RUN_S) -> None:
        self._port, self._where, self._answer_s, self._run_s = port, where, answer_s, run_s
        self._decoder = Decoder()
        self._number = 0

    def hello(self) -> Board:
        """Ask the board what it is.

        Raises:
            TargetError: no answer, or another protocol.
        """
        data = self._ask(HELLO, b"", self._answer_s)
        if len(data) != 18 or data[0] != VERSION:
            raise TargetError("the board speaks another protocol", where=self._where, mend="flash it with this edgekit")
        _, frontend, inputs, outputs, samples, hertz = struct.unpack("<BBIIII", data)
        return Board(inputs, outputs, samples if frontend else 0, hertz)

    def run(self, features: np.ndarray, outputs: int) -> BoardRun:
        """One inference on int8 features.

        Raises:
            TargetError: an error code, or no answer in time.
        """
        data = np.ascontiguousarray(features, dtype=np.int8).tobytes()
        step = DATA - 4
        for offset in range(0, len(data), step):
            reply = self._ask(PUT, struct.pack("<I", offset) + data[offset : offset + step], self._answer_s)
            self._check(struct.unpack("<i", reply)[0])
        status, label, ticks = struct.unpack("<iiI", self._ask(RUN, b"", self._run_s))
        self._check(status)
        return BoardRun(self._scores(outputs), label, ticks)

    def push(self, pcm: np.ndarray, outputs: int) -> BoardRun:
        """One clip of int16 PCM through front-end and model; ticks of all its samples.

        Raises:
            TargetError: an error code, no answer in time, or no result at the clip's end.
        """
        step, status, label, ticks = DATA // 2 - 1, 0, 0, 0
        for begin in range(0, len(pcm), step):
            block = np.ascontiguousarray(pcm[begin : begin + step], dtype="<i2").tobytes()
            reply = self._ask(PUSH, bytes([begin == 0]) + block, self._run_s)
            status, label, ticks = struct.unpack("<iiI", reply) if len(reply) == 12 else (-100, 0, 0)
            self._check(min(status, 0))
        if status != 1:
            raise TargetError("no result at the clip's end", where=self._where, mend="reset the board")
        return BoardRun(self._scores(outputs), label, ticks)

    def stack(self) -> int:
        """Bytes of stack used since reset."""
        return int(struct.unpack("<I", self._ask(STACK, b"", self._answer_s))[0])

    def _scores(self, outputs: int) -> np.ndarray:
        data = b""
        while len(data) < outputs:
            part = self._ask(SCORES, struct.pack("<I", len(data)), self._answer_s)
            if not part:
                raise TargetError(f"the model has {len(data)} scores, not {outputs}", where=self._where, mend=_MEND)
            data += part
        return np.frombuffer(data, dtype=np.int8)[:outputs]

    def _ask(self, kind: int, data: bytes, seconds: float) -> bytes:
        """Send a request until its answer comes; the board answers a repeated number from memory."""
        self._number = (self._number + 1) % 256
        request = encode(Frame(kind, self._number, data))
        for attempt in range(TRIES):
            self._port.write(request if attempt == 0 else FLUSH + request)
            reply = self._wait(kind, seconds)
            if reply is not None:
                return reply
        waited = f"{TRIES} times {seconds:g} s"
        raise TargetError(f"no answer in {waited}", where=self._where, mend=_MEND)

    def _wait(self, kind: int, seconds: float) -> bytes | None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for frame in self._decoder.feed(self._port.read(4096)):
                if frame.type == kind | REPLY and frame.number == self._number:
                    return frame.data
        return None

    def _check(self, status: int) -> None:
        if status < 0:
            raise TargetError(f"the board answered error {status}", where=self._where, mend="flash it with this model")


def open_port(path: str, baud: int) -> Any:
    """An open serial line that nobody else has, as a context manager.

    Raises:
        MissingDependencyError: pyserial is not installed.
        TargetError: there is no such line, it is in use, or may not be opened.
    """
    serial = require("serial", "mcu")
    try:
        port = serial.Serial(path, baud, timeout=POLL_S, write_timeout=ANSWER_S * TRIES, exclusive=True)
    except (serial.SerialException, ValueError, OSError) as error:
        mend = "is the board plugged in, are you in the group dialout, is another program using it?"
        raise TargetError(f"cannot be opened: {error}", where=path, mend=mend) from error
    return port
