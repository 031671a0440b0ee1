"""Long streams from a recipe: words placed in background at a chosen signal-to-noise ratio, with the truth beside them.

A stream is a row of blocks; each follows from the seed and its number alone, so that hours need no memory and any
process can make any part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import DataError

_FADE_S = 0.02
_QUIETEST_DB, _LOUDEST_DB = -45.0, -18.0  # RMS of background recordings, relative to full scale
_LAYERED = 0.3  # share of stretches with a second recording under the first
_PEAK = 30000.0


@dataclass(frozen=True)
class PlacedWord:
    """A word in a stream.

    Attributes:
        label: which.
        start, end: its first sample, and the one after its last, in the stream.
        snr_db: its RMS against that of the background under it.
    """

    label: str
    start: int
    end: int
    snr_db: float


@dataclass(frozen=True, kw_only=True)
class StreamPlan:
    """What a stream is made of.

    Attributes:
        rate: in Hz.
        seconds: of the whole stream, a multiple of ``block_seconds``.
        block_seconds: of one block.
        words_per_block: words placed in a block; 0 makes a stream of negatives.
        snr_db: the ratios that words are placed at, in turn.
        seed: of everything.
    """

    rate: int = 16_000
    seconds: int = 3600
    block_seconds: int = 60
    words_per_block: int = 6
    snr_db: tuple[float, ...] = (20.0, 10.0, 5.0)
    seed: int = 0

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return -(-self.seconds // self.block_seconds)

    @property
    def block_samples(self) -> int:
        """Samples of a block."""
        return self.block_seconds * self.rate


@dataclass(frozen=True, eq=False)
class Block:
    """A stretch of a stream.

    Attributes:
        number: from 0.
        pcm: int16 [block_samples].
        words: in it, whole, with places in the stream.
    """

    number: int
    pcm: np.ndarray
    words: tuple[PlacedWord, ...]


def make_block(
    plan: StreamPlan,
    number: int,
    backgrounds: Sequence[np.ndarray],
    words: Sequence[tuple[str, np.ndarray]] = (),
) -> Block:
    """One block of the stream.

    Args:
        plan: of the stream.
        number: of the block.
        backgrounds: int16 recordings at the plan's rate.
        words: (label, int16 recording of the word alone).

    Raises:
        DataError: no background, no word where some are to be placed, or words too long for their share of the block.
    """
    if not backgrounds or (plan.words_per_block and not words):
        raise DataError("no recording to make a stream of", where="stream", mend="give backgrounds and words")
    draw = np.random.default_rng([plan.seed, number])
    signal = _background(plan, backgrounds, draw)
    placed: list[PlacedWord] = []
    for slot in range(plan.words_per_block):
        label, pcm = words[int(draw.integers(len(words)))]
        width = plan.block_samples // plan.words_per_block
        word = _sounding(pcm.astype(np.float32))
        if len(word) > width:
            raise DataError(f"{label!r} is longer than its share of a block", where="stream", mend="place fewer words")
        start = slot * width + int(draw.integers(width - len(word) + 1))
        snr = plan.snr_db[(number * plan.words_per_block + slot) % len(plan.snr_db)]
        under = signal[start : start + len(word)]
        word *= _rms(under) / max(_rms(word), 1.0) * 10 ** (snr / 20)
        signal[start : start + len(word)] = under + word
        base = number * plan.block_samples
        placed.append(PlacedWord(label, base + start, base + start + len(word), snr))
    peak = float(np.abs(signal).max())
    scaled = signal * min(1.0, _PEAK / peak) if peak > 0 else signal
    return Block(number, np.rint(scaled).astype(np.int16), tuple(placed))


def make_stream(
    plan: StreamPlan, backgrounds: Sequence[np.ndarray], words: Sequence[tuple[str, np.ndarray]] = ()
) -> Iterator[Block]:
    """All blocks in order."""
    for number in range(plan.blocks):
        yield make_block(plan, number, backgrounds, words)


def _background(plan: StreamPlan, recordings: Sequence[np.ndarray], draw: np.random.Generator) -> np.ndarray:
    """Recordings at drawn levels, one after another with short fades, some with another one under them."""
    out = np.zeros(plan.block_samples, np.float32)
    place = 0
    while place < len(out):
        part = _at_level(recordings[int(draw.integers(len(recordings)))], draw)
        if draw.random() < _LAYERED:
            other = _at_level(recordings[int(draw.integers(len(recordings)))], draw)[: len(part)]
            part[: len(other)] += other
        fade = min(round(_FADE_S * plan.rate), len(part) // 2)
        if fade:
            ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
            part[:fade] *= ramp
            part[-fade:] *= ramp[::-1]
        part = part[: len(out) - place]
        out[place : place + len(part)] += part
        place += max(1, len(part) - fade)
    # a floor of noise far below: no microphone gives zeros
    return out + draw.normal(0.0, 3.0, len(out)).astype(np.float32)


def _at_level(recording: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    wanted = 32768.0 * 10 ** (draw.uniform(_QUIETEST_DB, _LOUDEST_DB) / 20)
    values = recording.astype(np.float32)
    out: np.ndarray = values * (wanted / max(_rms(values), 1.0))
    return np.clip(out, -32768.0, 32767.0)


def _sounding(word: np.ndarray) -> np.ndarray:
    """The word without what is 40 dB below its loudest at both ends."""
    loud = np.flatnonzero(np.abs(word) > 0.01 * np.abs(word).max())
    return word[loud[0] : loud[-1] + 1].copy() if len(loud) else word.copy()


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) if len(values) else 0.0
