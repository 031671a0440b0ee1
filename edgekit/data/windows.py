"""Where a model listens in a clip that is longer than its own window.

A model hears ``clip_samples``; a recording of five seconds holds many such stretches. ``[windows]`` of a recipe says
which of them are trained on and which are heard in evaluation, where the clip's probabilities are the mean over its
windows. Stretches of digital silence, with which collections pad short sounds, are left out: a block of 50 ms is
audible when a sample of it lies further than 4 of 32,768 steps (−78 dBFS) from zero, and a window counts when at least
``audible_share`` of its blocks are audible. A clip without any such window keeps those with the most sound.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.core.limits import check_limits
from edgekit.data.cache import AudioCache

BLOCK_SECONDS = 0.05
"""Step in which silence is looked for, and in which training windows may start."""
AUDIBLE_PEAK = 4
"""Largest distance from zero, in int16 steps, of a block that is silent."""


@dataclass(frozen=True, kw_only=True)
class Windows:
    """``[windows]``: how a clip longer than the model's window is heard. 0 takes the window at its start only.

    Attributes:
        hop_ms: evaluation: step between windows; a last one ends with the clip.
        per_clip: training: windows an epoch takes of each clip, each from a random place.
        audible_share: windows with a smaller share of audible blocks are left out.
    """

    hop_ms: float = 0.0
    per_clip: int = 0
    audible_share: float = 0.2

    def __post_init__(self) -> None:
        check_limits("windows", hop_ms=(self.hop_ms, 0.0, 600_000.0), per_clip=(self.per_clip, 0, 10_000))
        check_limits("windows", audible_share=(self.audible_share, 0.0, 1.0))
        if 0.0 < self.hop_ms < 1.0:
            raise BadConfigError(f"hop_ms = {self.hop_ms} is below 1 ms", where="windows", mend="use 0, or 1 and more")

    def to_text(self) -> str:
        """JSON for a model's metadata."""
        return json.dumps({"hop_ms": self.hop_ms, "audible_share": self.audible_share})


START = Windows()
"""One window, from the clip's start."""
WINDOWS_KEY = "edgekit.windows"
"""Key of a model's metadata: how clips longer than its window are heard, as :meth:`Windows.to_text` writes it."""


def windows_from(metadata: Mapping[str, str], where: str) -> Windows:
    """The windows that a model's metadata names; :data:`START` where it names none.

    Raises:
        BadFileError: the text is not what :meth:`Windows.to_text` writes.
    """
    if WINDOWS_KEY not in metadata:
        return START
    mend = "export the model again"
    try:
        table = json.loads(metadata[WINDOWS_KEY])
        return Windows(hop_ms=float(table["hop_ms"]), audible_share=float(table["audible_share"]))
    except (ValueError, TypeError, KeyError, BadConfigError) as error:
        raise BadFileError(f"{WINDOWS_KEY} in its metadata is damaged: {error}", where=where, mend=mend) from error


@dataclass(frozen=True, eq=False)
class WindowTable:
    """Windows of some clips, clip by clip.

    Attributes:
        rows: int64 [windows], which of the clips asked for (0, 1, …) each window is of; rising.
        clips: int64 [windows], the same as indices of the cache.
        offsets: int64 [windows], first sample in the clip.
    """

    rows: np.ndarray
    clips: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean of each clip's windows: [windows, …] → float64 [clips, …]."""
        first = np.flatnonzero(np.r_[True, np.diff(self.rows) > 0])
        sums = np.add.reduceat(np.asarray(values, np.float64), first, axis=0)
        counts = np.diff(np.r_[first, len(self.rows)])
        out: np.ndarray = sums / counts.reshape(-1, *[1] * (sums.ndim - 1))
        return out


def evaluation_windows(cache: AudioCache, indices: np.ndarray, samples: int, windows: Windows) -> WindowTable:
    """The windows that evaluation hears of clips ``indices``, ``samples`` long each; at least one a clip."""
    if not windows.hop_ms:
        rows = np.arange(len(indices))
        return WindowTable(rows, np.asarray(indices, np.int64), np.zeros(len(rows), np.int64))
    found = [window_starts(cache.clip(int(index)), cache.sample_rate, samples, windows) for index in indices]
    rows = np.repeat(np.arange(len(indices)), [len(starts) for starts in found])
    return WindowTable(rows, np.asarray(indices, np.int64)[rows], np.concatenate(found))


def window_starts(pcm: np.ndarray, rate: int, samples: int, windows: Windows) -> np.ndarray:
    """Where evaluation listens in one clip: int64, first samples of windows; at least one.

    Args:
        pcm: int16 [n].
        rate: in Hz.
        samples: of a window.
        windows: how the clip is heard.
    """
    if not windows.hop_ms:
        return np.zeros(1, np.int64)
    hop = max(1, round(windows.hop_ms * rate / 1000.0))
    last = max(0, len(pcm) - samples)
    starts = np.unique(np.append(np.arange(0, last + 1, hop), last))
    return audible_starts(pcm, rate, starts, samples, windows.audible_share)


def training_starts(cache: AudioCache, index: int, samples: int, share: float) -> np.ndarray:
    """Where a training window of clip ``index`` may start, int64: a block apart, where there is enough sound."""
    starts = np.arange(0, max(0, int(cache.lengths[index]) - samples) + 1, _block(cache.sample_rate))
    return audible_starts(cache.clip(index), cache.sample_rate, starts, samples, share)


class TrainingStarts:
    """:func:`training_starts` of all clips, to be drawn from a batch at a time.

    Args:
        cache: the training clips.
        samples: length of a window.
        windows: what counts as enough.
    """

    def __init__(self, cache: AudioCache, samples: int, windows: Windows) -> None:
        found = [training_starts(cache, index, samples, windows.audible_share) for index in range(len(cache))]
        self._counts = np.array([len(starts) for starts in found], np.int64)
        self._first = np.cumsum(self._counts) - self._counts
        self._starts = np.concatenate(found)

    def of(self, index: int) -> np.ndarray:
        """Starts of one clip, int64, rising."""
        first = int(self._first[index])
        out: np.ndarray = self._starts[first : first + int(self._counts[index])]
        return out

    def draw(self, indices: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        """One start for each of ``indices``, int64 [n]."""
        chosen = draw.integers(0, self._counts[indices])
        out: np.ndarray = self._starts[self._first[indices] + chosen]
        return out


def audible_starts(pcm: np.ndarray, sample_rate: int, starts: np.ndarray, samples: int, share: float) -> np.ndarray:
    """Those of ``starts`` (int64, rising) whose window of int16 ``pcm`` is audible; those with the most sound if none.

    What lies beyond the clip's end is silent.
    """
    block = _block(sample_rate)
    blocks = -(-(int(starts[-1]) + samples) // block) + 1
    padded = np.zeros(blocks * block, np.int32)
    padded[: min(len(pcm), len(padded))] = pcm[: len(padded)]
    audible = np.abs(padded.reshape(blocks, block)).max(axis=1) > AUDIBLE_PEAK
    before = np.concatenate([[0], np.cumsum(audible)])
    inside = max(1, samples // block)
    first = starts // block
    shares = (before[np.minimum(first + inside, blocks)] - before[first]) / inside
    kept: np.ndarray = starts[shares >= min(share, float(shares.max()))]
    return kept


def _block(sample_rate: int) -> int:
    return max(1, round(BLOCK_SECONDS * sample_rate))
