"""Stretches of stream as features, with and without the word: what a wake-word model learns from.

A stretch is longer than a model's window. A model of convolutions over time computes all windows in it at once, so the
seconds before, within and after a word all teach it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.data.stream import StreamPlan, as_pcm, make_block, place_word, sounding
from edgekit.features.spec import FrontendSpec
from edgekit.features.stretch import stretch_features

FRAMES = 256
"""Frames of a stretch."""
_TAIL_S = 1.1  # heard after a word


@dataclass(frozen=True, eq=False)
class Stretches:
    """Some stretches.

    Attributes:
        features: float16 [N, FRAMES, bins], before normalisation.
        starts, ends: int64 [N], first frame of the word and the one after its last; 0 and 0 without a word.
    """

    features: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def negative_stretches(
    spec: FrontendSpec, window: int, plan: StreamPlan, backgrounds: Sequence[np.ndarray]
) -> Stretches:
    """A stream without the word, cut so that every window of it lies in one stretch.

    Args:
        spec: front-end without normalisation.
        window: frames of a model's window.
        plan: of the stream; no words are placed.
        backgrounds: int16 recordings.
    """
    step = FRAMES - window + 1
    parts = []
    for number in range(plan.blocks):
        told = stretch_features(spec, make_block(plan, number, backgrounds).pcm).astype(np.float16)
        parts += [told[place : place + FRAMES] for place in range(0, len(told) - FRAMES + 1, step)]
    none = np.zeros(len(parts), np.int64)
    return Stretches(np.stack(parts), none, none)


def word_stretches(
    spec: FrontendSpec,
    words: Sequence[np.ndarray],
    backgrounds: Sequence[np.ndarray],
    takes: int,
    snr_db: tuple[float, float],
    seed: int,
) -> Stretches:
    """Every word ``takes`` times in other background, the ratio drawn evenly.

    Args:
        spec: front-end without normalisation.
        words: int16 recordings of the word alone.
        backgrounds: int16 recordings.
        takes: stretches a word.
        snr_db: lowest and highest ratio.
        seed: of places, ratios and backgrounds.
    """
    samples = (FRAMES - 1) * spec.hop_length + spec.span
    plan = StreamPlan(
        rate=spec.sample_rate, block_seconds=-(-samples // spec.sample_rate), words_per_block=0, layers=3, seed=seed
    )
    features, starts, ends = [], [], []
    for number in range(takes * len(words)):
        draw = np.random.default_rng([seed, number, 1])
        word = sounding(words[number % len(words)])
        signal = make_block(plan, number, backgrounds).pcm[:samples].astype(np.float32)
        last = max(1, samples - len(word) - round(_TAIL_S * spec.sample_rate))
        start = int(draw.integers(max(0, min(last - 1, spec.clip_samples - len(word))), last))
        place_word(signal, word, start, draw.uniform(*snr_db))
        features.append(stretch_features(spec, as_pcm(signal)).astype(np.float16))
        starts.append(start // spec.hop_length)
        ends.append((start + len(word) - spec.span) // spec.hop_length + 1)
    return Stretches(np.stack(features), np.array(starts), np.array(ends))


def joined_stretches(parts: Sequence[Stretches]) -> Stretches:
    """Several as one."""
    names = ("features", "starts", "ends")
    return Stretches(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
