"""Requests and replies between a host and the bare-metal project (firmware_stubs/cortex-m-bare/main.c)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import TargetError

FEATURES, PCM, STACK = 1, 2, 3


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
