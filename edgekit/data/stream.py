"""Long streams from a recipe: words placed in background at a chosen signal-to-noise ratio, with the truth beside them.

A stream is a row of blocks; each follows from the seed and its number alone, so that hours need no memory and any
process can make any part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import DataError

_FADE_S = 0.02
_QUIETEST_DB, _LOUDEST_DB = -45.0, -18.0  # RMS of background recordings, relative to full scale
_PEAK = 30000.0


@dataclass(frozen=True)
class PlacedWord:
    """A word in a stream.

    Attributes:
        label: which.
        start, end: its first sample, and the one after its last, in the stream.
        snr_db: its RMS against that of the background under it; more where that is nearly silent.
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
        snr_db: the ratios that words are placed at, in turn; a word is never quieter than the quietest background.
        layered: probability of one more recording under another.
        layers: recordings at once, at most.
        seed: of everything.
    """

    rate: int = 16_000
    seconds: int = 3600
    block_seconds: int = 60
    words_per_block: int = 6
    snr_db: tuple[float, ...] = (20.0, 10.0, 5.0)
    layered: float = 0.3
    layers: int = 2
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
        pieces: of the background: first sample in the stream and number of the (uppermost) recording.
    """

    number: int
    pcm: np.ndarray
    words: tuple[PlacedWord, ...]
    pieces: tuple[tuple[int, int], ...] = ()


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
    base = number * plan.block_samples
    signal, pieces = _background(plan, backgrounds, draw)
    placed: list[PlacedWord] = []
    for slot in range(plan.words_per_block):
        label, pcm = words[int(draw.integers(len(words)))]
        width = plan.block_samples // plan.words_per_block
        word = sounding(pcm)
        if len(word) > width:
            raise DataError(f"{label!r} is longer than its share of a block", where="stream", mend="place fewer words")
        start = slot * width + int(draw.integers(width - len(word) + 1))
        snr = plan.snr_db[(number * plan.words_per_block + slot) % len(plan.snr_db)]
        place_word(signal, word, start, snr)
        placed.append(PlacedWord(label, base + start, base + start + len(word), snr))
    return Block(number, as_pcm(signal), tuple(placed), tuple((base + place, index) for place, index in pieces))


def place_word(signal: np.ndarray, word: np.ndarray, start: int, snr_db: float) -> None:
    """Add a word to float32 background, in place, at that ratio to what lies under it, and at -45 dB at least."""
    under = signal[start : start + len(word)]
    level = max(_rms(under) * 10 ** (snr_db / 20), _full_scale(_QUIETEST_DB))
    signal[start : start + len(word)] = under + word * np.float32(level / max(_rms(word), 1.0))


def as_pcm(signal: np.ndarray) -> np.ndarray:
    """int16 of a float32 signal, made quieter as a whole where it would clip."""
    peak = float(np.abs(signal).max())
    scaled = signal * min(1.0, _PEAK / peak) if peak > 0 else signal
    return np.rint(scaled).astype(np.int16)


def _background(
    plan: StreamPlan, recordings: Sequence[np.ndarray], draw: np.random.Generator
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Recordings at drawn levels, one after another with short fades, some with others under them; where each is."""
    out = np.zeros(plan.block_samples, np.float32)
    pieces: list[tuple[int, int]] = []
    place = 0
    while place < len(out):
        index = int(draw.integers(len(recordings)))
        pieces.append((place, index))
        part = _at_level(recordings[index], draw)
        for _ in range(plan.layers - 1):
            if draw.random() >= plan.layered:
                break
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
    return out + draw.normal(0.0, 3.0, len(out)).astype(np.float32), pieces


def _at_level(recording: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    wanted = _full_scale(draw.uniform(_QUIETEST_DB, _LOUDEST_DB))
    values = recording.astype(np.float32)
    out: np.ndarray = values * (wanted / max(_rms(values), 1.0))
    result: np.ndarray = np.clip(out, -32768.0, 32767.0)
    return result


def sounding(pcm: np.ndarray) -> np.ndarray:
    """A word, float32, without what is 40 dB below its loudest at both ends."""
    word = pcm.astype(np.float32)
    loud = np.flatnonzero(np.abs(word) > 0.01 * np.abs(word).max())
    return word[loud[0] : loud[-1] + 1].copy() if len(loud) else word


def _full_scale(decibels: float) -> float:
    return float(32768.0 * 10 ** (decibels / 20))


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) if len(values) else 0.0
