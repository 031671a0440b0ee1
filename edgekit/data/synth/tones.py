"""Sounds that nobody says: melodies, sweeps, clicks and coloured noise, for a detector to leave alone."""

from __future__ import annotations

import numpy as np

from edgekit.data.synth.noise import coloured, hum, unit_rms

_SECONDS = 4.0
_KINDS = ("melody", "melody", "sweep", "clicks", "white", "pink", "brown", "hum", "bursts")


def tones(count: int, rate: int, seed: int = 0) -> list[np.ndarray]:
    """``count`` sounds of 4 s, int16.

    Args:
        count: how many; the kinds take turns.
        rate: in Hz.
        seed: of everything.
    """
    out = []
    for number in range(count):
        draw = np.random.default_rng([seed, number])
        signal = unit_rms(_sound(_KINDS[number % len(_KINDS)], round(_SECONDS * rate), rate, draw))
        out.append(np.clip(np.rint(signal * 3000.0), -32768, 32767).astype(np.int16))
    return out


def _sound(kind: str, samples: int, rate: int, draw: np.random.Generator) -> np.ndarray:
    if kind == "melody":
        return _melody(samples, rate, draw)
    if kind == "sweep":
        low, high = np.sort(draw.uniform(100.0, 0.45 * rate, 2))
        turns = draw.uniform(0.2, 4.0)
        place = 0.5 - 0.5 * np.cos(2 * np.pi * turns * np.arange(samples) / samples)
        swept: np.ndarray = np.sin(2 * np.pi * np.cumsum(low + (high - low) * place) / rate)
        return swept
    if kind == "clicks":
        out = np.zeros(samples)
        out[draw.integers(0, samples, draw.integers(3, 60))] = draw.uniform(-1.0, 1.0)
        response = np.exp(-np.arange(400) / draw.uniform(4.0, 120.0)) * draw.standard_normal(400)
        clicked: np.ndarray = np.convolve(out, response)[:samples]
        return clicked
    if kind == "bursts":  # noise in the rhythm of syllables
        beat = 0.5 - 0.5 * np.cos(2 * np.pi * draw.uniform(1.0, 7.0) * np.arange(samples) / rate)
        rhythm: np.ndarray = coloured("pink", samples, rate, draw) * beat ** draw.uniform(0.5, 4.0)
        return rhythm
    return hum(samples, rate, draw) if kind == "hum" else coloured(kind, samples, rate, draw)


def _melody(samples: int, rate: int, draw: np.random.Generator) -> np.ndarray:
    """Notes with harmonics, attack and decay, some at once, with a little vibrato."""
    out = np.zeros(samples)
    for _ in range(int(draw.integers(4, 24))):
        length = int(draw.uniform(0.08, 1.2) * rate)
        start = int(draw.integers(0, samples - 1))
        time = np.arange(min(length, samples - start)) / rate
        pitch = 55.0 * 2 ** (draw.integers(0, 60) / 12) * (1 + 0.004 * np.sin(2 * np.pi * draw.uniform(3, 7) * time))
        phase = 2 * np.pi * np.cumsum(pitch) / rate
        note = sum(draw.uniform(0.1, 1.0) / k * np.sin(k * phase) for k in range(1, 7))
        out[start : start + len(time)] += note * np.minimum(time / 0.01, 1.0) * np.exp(-time / draw.uniform(0.1, 1.0))
    return out
