"""Where a series lies in the source's clip, and which samples are free for the program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgekit.core.errors import BadConfigError

Placement = Literal["pad", "repeat"]
_PEAK = 0.5  # loudest sample of a placed series, out of 1: as loud as speech close to the microphone


@dataclass(frozen=True, eq=False)
class Placed:
    """Series in clips.

    Attributes:
        clips: float32 [N, samples], peak 0.5.
        free: bool [samples], where the program acts: no series has a sample there.
    """

    clips: np.ndarray
    free: np.ndarray


def place_series(series: Sequence[np.ndarray], samples: int, placement: Placement, segments: int = 3) -> Placed:
    """Put each series into a clip of ``samples``.

    Args:
        series: each float [length], no longer than ``samples``.
        samples: of the source's clip.
        placement: "pad" puts it into the middle between zeros; "repeat" puts ``segments`` copies one after another at
            even distances, as many as fit (Voice2Series' repeated segments); the program then acts between them.
        segments: copies of "repeat".

    Raises:
        BadConfigError: a series longer than the clip.
    """
    longest = max(len(item) for item in series)
    if longest > samples or segments < 1:
        text = f"a series of {longest} values in a clip of {samples} samples"
        raise BadConfigError(text, where="placement", mend="use a source with longer clips, or fewer dimensions")
    copies = 1 if placement == "pad" else min(segments, samples // longest)
    slot = samples // copies
    starts = [number * slot + (slot - longest) // 2 for number in range(copies)]
    clips = np.zeros((len(series), samples), np.float32)
    free = np.ones(samples, bool)
    for start in starts:
        free[start : start + longest] = False
        for row, item in zip(clips, series, strict=True):
            row[start : start + len(item)] = _PEAK * item / max(1e-8, float(np.abs(item).max()))
    return Placed(clips, free)
