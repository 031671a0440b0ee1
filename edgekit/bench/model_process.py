"""A model behind a channel: outputs, times, memory."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.bench.channel import Channel
from edgekit.bench.protocol import (
    LOAD,
    What,
    about_request,
    features_request,
    memory_request,
    parse_head,
    pcm_request,
    time_request,
)
from edgekit.core.errors import TargetError

ANSWER_S = 120.0
"""Longest wait for one inference, start-up of the runtime included."""
ABOUT_BYTES = 1 << 16
_STATUS = {-100: "it does not know the request", -101: "the front-end gave no result", -102: "it has no front-end"}


@dataclass(frozen=True, eq=False)
class Times:
    """Single runs, in nanoseconds, int64 [runs].

    Attributes:
        wall: passed on the clock.
        cpu: of processor time, all threads of the process.
    """

    wall: np.ndarray
    cpu: np.ndarray


class ModelProcess:
    """What ``firmware_stubs/process`` and ``server.py`` answer.

    Args:
        channel: to the process.
        outputs: scores of the model.
        dtype: of the scores, int8 or float32.
        answer_s: longest wait for one answer, seconds.
    """

    def __init__(
        self, channel: Channel, outputs: int, dtype: type[np.generic] = np.int8, answer_s: float = ANSWER_S
    ) -> None:
        self.channel, self._outputs, self._dtype, self._answer_s = channel, outputs, np.dtype(dtype), answer_s

    def load(self, model: bytes, options: Mapping[str, Any]) -> None:
        """Hand a model to ``server.py``.

        Args:
            model: contents of the file.
            options: as ``server.py`` says.

        Raises:
            TargetError: it cannot be loaded there; the message says why.
        """
        text = json.dumps(dict(options)).encode()
        data = struct.pack("<I", len(text)) + text + model
        self.channel.send(struct.pack("<II", LOAD, len(data)) + data, self._answer_s)
        status, value = parse_head(self.channel.read(8, self._answer_s))
        if status != 0:
            reason = self.channel.read(min(value, ABOUT_BYTES), self._answer_s).decode(errors="replace")
            mend = "install what it names, or leave this runner out"
            raise TargetError(f"cannot load the model: {reason}", where=self.channel.where, mend=mend)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """[N, …] features of the model's type to [N, outputs] scores.

        Raises:
            TargetError: an error code, an early end, or no answer in time.
        """
        return np.stack([self._scores(_features(clip)) for clip in features])

    def clip_scores(self, pcm: np.ndarray) -> np.ndarray:
        """int16 [N, samples] to [N, outputs] scores, through front-end and model."""
        return np.stack([self._scores(pcm_request(clip)) for clip in pcm])

    def times(self, what: What, warmup: int, runs: int, seconds: float) -> Times:
        """Time ``runs`` runs on the latest input.

        Args:
            what: "model", "clip" or "frontend".
            warmup: runs before, not timed.
            runs: timed runs.
            seconds: longest wait for all of them.
        """
        count, _ = self._ask(time_request(what, warmup, runs), 0, seconds)
        table = np.frombuffer(self.channel.read(16 * count, seconds), dtype="<u8").reshape(count, 2).astype(np.int64)
        return Times(table[:, 0], table[:, 1])

    def peak_bytes(self) -> int | None:
        """Peak of resident memory; None where the system does not tell."""
        kib, _ = self._ask(memory_request(), 0, self._answer_s)
        return kib * 1024 if kib >= 0 else None

    def about(self) -> dict[str, Any]:
        """What the process says about itself.

        Raises:
            TargetError: it does not speak the protocol.
        """
        size, _ = self._ask(about_request(), 0, self._answer_s)
        if not 0 <= size <= ABOUT_BYTES:
            raise TargetError("speaks another protocol", where=self.channel.where, mend="build it with this edgekit")
        told: dict[str, Any] = json.loads(self.channel.read(size, self._answer_s))
        return told

    def _scores(self, request: bytes) -> np.ndarray:
        _, data = self._ask(request, self._outputs * self._dtype.itemsize, self._answer_s)
        return np.frombuffer(data, dtype=self._dtype)

    def _ask(self, request: bytes, size: int, seconds: float) -> tuple[int, bytes]:
        """(value, the ``size`` bytes behind it)."""
        self.channel.send(request, seconds)
        status, value = parse_head(self.channel.read(8, seconds))
        if status != 0:
            said = _STATUS.get(status, f"error {status}")
            raise TargetError(f"the model answered: {said}", where=self.channel.where, mend="report it with the model")
        return value, self.channel.read(size, seconds)


def _features(clip: np.ndarray) -> bytes:
    """A request in the clip's own type: int8 for integer models, float32 for others."""
    if clip.dtype == np.int8:
        return features_request(clip)
    data = np.ascontiguousarray(clip, dtype="<f4")
    return features_request(data.view(np.int8))
