"""Rooms and microphones as impulse responses, and convolution with them."""

from __future__ import annotations

import numpy as np

SOUND_SPEED = 343.0  # m/s
_ORDER = 4  # reflections by each pair of walls that are followed exactly
_TAPS = 512
MICROPHONES = 16
"""Synthetic microphones of a set."""


def room_response(chance: np.random.Generator, rate: int) -> np.ndarray:
    """Impulse response of a random shoebox room, float32 [n], direct sound at sample 0 with gain 1.

    Early reflections by the image-source method (Allen and Berkley, 1979) with one absorption for all walls, and from
    there on noise that decays with the reverberation time by Sabine's formula, T60 = 0.161 V / (S a).

    Args:
        chance: draws size (2 to 8 m), absorption and positions; T60 lies between 0.15 and 0.7 s.
        rate: in Hz.
    """
    size = chance.uniform((2.5, 2.5, 2.2), (8.0, 6.0, 3.5))
    volume = float(np.prod(size))
    surface = 2 * float(size[0] * size[1] + size[1] * size[2] + size[0] * size[2])
    t60 = float(chance.uniform(0.15, 0.7))
    absorption = min(0.161 * volume / (surface * t60), 0.95)
    source, ear = (chance.uniform(0.4, size - 0.4) for _ in range(2))
    length = round(min(t60, 0.5) * rate)
    out = np.zeros(length)
    delay, gain = _images(size, source, ear, np.sqrt(1 - absorption))
    first = delay.min()
    place = np.rint((delay - first) * rate).astype(np.int64)
    inside = place < length
    np.add.at(out, place[inside], (gain / gain[np.argmin(delay)])[inside])
    return _with_tail(out, t60, round(_ORDER * 2 * size.min() / SOUND_SPEED * rate), rate, chance)


def _images(size: np.ndarray, source: np.ndarray, ear: np.ndarray, reflection: float) -> tuple[np.ndarray, np.ndarray]:
    """Delays in seconds and gains of all image sources up to the order: eq. (6) to (8) of the paper."""
    span = np.arange(-_ORDER, _ORDER + 1)
    cells = np.stack(np.meshgrid(span, span, span, indexing="ij"), -1).reshape(-1, 1, 3)
    flips = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(1, -1, 3)
    distance = np.linalg.norm((1 - 2 * flips) * source + 2 * cells * size - ear, axis=-1).ravel()
    bounces = (np.abs(cells - flips) + np.abs(cells)).sum(-1).ravel()
    distance = np.maximum(distance, 0.1)
    return distance / SOUND_SPEED, reflection**bounces / distance


def _with_tail(out: np.ndarray, t60: float, mixing: int, rate: int, chance: np.random.Generator) -> np.ndarray:
    """Add decaying noise after the mixing time, as loud there as the reflections just before it."""
    if mixing < len(out):
        before = out[max(0, mixing // 2) : mixing]
        level = float(np.sqrt(np.mean(before**2)))
        time = np.arange(len(out) - mixing) / rate
        out[mixing:] += level * chance.standard_normal(len(time)) * 10 ** (-3 * time / t60)
    response: np.ndarray = out.astype(np.float32)
    return response


def microphone_response(chance: np.random.Generator, rate: int) -> np.ndarray:
    """Minimum-phase impulse response of a random small microphone, float32 [512], gain 1 at 1 kHz.

    A low cut at 50 to 300 Hz, a tilt of up to 2 dB per octave, two resonances of up to 8 dB, and a high cut.
    """
    frequency = np.maximum(np.fft.rfftfreq(4 * _TAPS, 1 / rate), 1.0)
    octaves = np.log2(frequency / 1000.0)
    decibels = chance.uniform(-2.0, 2.0) * octaves.clip(-3, 3)
    for _ in range(2):
        centre, width = chance.uniform(-2.0, np.log2(rate / 2200.0)), chance.uniform(0.2, 0.8)
        decibels += chance.uniform(-8.0, 8.0) * np.exp(-0.5 * ((octaves - centre) / width) ** 2)
    decibels -= 10 * np.log10(1 + (chance.uniform(50, 300) / frequency) ** 4)
    decibels -= 10 * np.log10(1 + (frequency / (chance.uniform(0.55, 1.2) * rate / 2)) ** 8)
    decibels -= np.interp(1000.0, frequency, decibels)
    return minimum_phase(10 ** (decibels / 20))


def minimum_phase(magnitude: np.ndarray) -> np.ndarray:
    """The causal response of least delay with a given magnitude, by folding of the real cepstrum.

    Oppenheim and Schafer, Discrete-Time Signal Processing, section 13.5.

    Args:
        magnitude: of the non-negative frequencies, [n/2 + 1], all positive.

    Returns:
        float32 [n/4], the part before the response has died away.
    """
    count = 2 * (len(magnitude) - 1)
    cepstrum = np.fft.irfft(np.log(magnitude), count)
    fold = np.zeros(count)
    fold[0], fold[1 : count // 2], fold[count // 2] = 1, 2, 1
    response = np.fft.irfft(np.exp(np.fft.rfft(cepstrum * fold)), count)
    return response[: count // 4].astype(np.float32)


def convolve(signal: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Full linear convolution by FFT, float32 [n + m - 1]."""
    length = len(signal) + len(response) - 1
    size = 1 << (length - 1).bit_length()
    product = np.fft.rfft(signal, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[:length].astype(np.float32)
