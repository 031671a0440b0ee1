"""Requests and replies between a measuring host and what runs the model.

The bare-metal project (firmware_stubs/cortex-m-bare/main.c) knows features, PCM and stack; processes
(firmware_stubs/process/main.c and edgekit/bench/server.py) features, PCM, time, memory and about.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from edgekit.core.errors import TargetError

FEATURES, PCM, STACK, TIME, MEMORY, ABOUT, LOAD = 1, 2, 3, 4, 5, 6, 7

What = Literal["model", "clip", "frontend"]
WHAT: Mapping[What, int] = MappingProxyType({"model": 1, "clip": 2, "frontend": 3})
"""What can be timed: the model on features, front-end and model on a clip, the front-end alone."""


@dataclass(frozen=True, eq=False)
class Reply:
    """Answer to one request: model status (0 good), label index or stack bytes, scores int8 [outputs]."""

    status: int
    value: int
    scores: np.ndarray


def features_request(features: np.ndarray) -> bytes:
    """One inference on int8 features."""
    data = np.ascontiguousarray(features, dtype=np.int8).tobytes()
    return struct.pack("<II", FEATURES, len(data)) + data


def pcm_request(pcm: np.ndarray) -> bytes:
    """One clip of int16 PCM."""
    data = np.ascontiguousarray(pcm, dtype="<i2").tobytes()
    return struct.pack("<II", PCM, len(data)) + data


def stack_request() -> bytes:
    """Asks for the stack's high-water mark."""
    return struct.pack("<II", STACK, 0)


def time_request(what: What, warmup: int, runs: int) -> bytes:
    """Times ``runs`` runs on the latest input, after ``warmup`` untimed ones."""
    return struct.pack("<IIIII", TIME, 12, WHAT[what], warmup, runs)


def memory_request() -> bytes:
    """Asks for the peak of resident memory."""
    return struct.pack("<II", MEMORY, 0)


def about_request() -> bytes:
    """Asks a process what it runs."""
    return struct.pack("<II", ABOUT, 0)


def parse_head(data: bytes) -> tuple[int, int]:
    """(status, value) from the first 8 bytes of a reply."""
    status, value = struct.unpack("<ii", data)
    return status, value


def reply_size(outputs: int) -> int:
    """Bytes of a reply of a model with ``outputs`` scores."""
    return 8 + outputs


def parse_reply(data: bytes, outputs: int) -> Reply:
    """Read one reply.

    Raises:
        TargetError: the wrong number of bytes, or an error status.
    """
    if len(data) != reply_size(outputs):
        raise TargetError(f"the image answered {len(data)} B, {reply_size(outputs)} expected", mend="build it again")
    status, value = struct.unpack_from("<ii", data)
    if status != 0:
        raise TargetError(f"the model answered error {status}", mend="check the length of the input")
    return Reply(status, value, np.frombuffer(data, dtype=np.int8, offset=8).copy())
