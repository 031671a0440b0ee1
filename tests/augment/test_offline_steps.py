"""Offline steps against librosa, scipy and closed forms."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from scipy.signal import fftconvolve

from edgekit.augment.offline import stft, vocoder
from edgekit.augment.offline.steps import (
    FrequencyMask,
    Gain,
    ImpulseResponse,
    Noise,
    Pitch,
    Shift,
    Stretch,
    Studio,
    TimeMask,
)
from edgekit.core.errors import BadConfigError

RATE = 16_000
STUDIO = Studio(RATE)
SPEECH = (np.random.default_rng(0).normal(size=8_000) * np.hanning(8_000) * 0.1).astype(np.float32)


def _draw(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def _tone(frequency: float, samples: int = RATE) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(samples) / RATE)).astype(np.float32)


def _pitch_of(signal: np.ndarray) -> float:
    middle = signal[len(signal) // 4 : -len(signal) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 17))
    return float(np.argmax(spectrum)) * RATE / (1 << 17)


def test_spectra_equal_librosa_and_come_back() -> None:
    size = stft.window_size(RATE)
    assert size == 1024
    spectra = stft.analyse(SPEECH, size)
    wanted = librosa.stft(SPEECH.astype(np.float64), n_fft=size, hop_length=256, pad_mode="constant").T
    np.testing.assert_allclose(spectra, wanted, atol=1e-6)
    np.testing.assert_allclose(stft.synthesise(spectra, size, 8_000), SPEECH, atol=1e-9)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_the_phase_vocoder_equals_librosa(factor: float) -> None:
    spectra = stft.analyse(SPEECH, 1024)
    wanted = librosa.phase_vocoder(spectra.T, rate=1.0 / factor, hop_length=256).T
    got = vocoder.resample_frames(spectra, 1.0 / factor, 256)
    np.testing.assert_allclose(got, wanted, atol=1e-6)


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_stretch_changes_duration_and_keeps_pitch(factor: float) -> None:
    out = vocoder.stretch(_tone(440.0), RATE, factor)
    assert len(out) == round(RATE * factor)
    assert abs(_pitch_of(out) - 440.0) < 1.0


@pytest.mark.parametrize("semitones", [-7.0, 5.0, 12.0])
def test_pitch_changes_pitch_and_keeps_duration(semitones: float) -> None:
    out = Pitch(semitones=(semitones, semitones)).apply(_tone(440.0), STUDIO, _draw())
    assert len(out) == RATE and out.dtype == np.float32
    assert abs(_pitch_of(out) - 440.0 * 2 ** (semitones / 12)) < 1.5
    inner = slice(RATE // 4, RATE // 2)
    assert abs(np.std(out[inner]) / np.std(_tone(440.0)[inner]) - 1.0) < 0.15  # a phase vocoder loses up to 1.4 dB


def test_stretch_keeps_the_length_unless_told() -> None:
    kept = Stretch(factor=(0.5, 0.5)).apply(_tone(300.0), STUDIO, _draw())
    assert len(kept) == RATE and not kept[RATE // 2 :].any() and kept[: RATE // 2 - 500].any()
    assert len(Stretch(factor=(0.5, 0.5), keep_length=False).apply(_tone(300.0), STUDIO, _draw())) == RATE // 2


def test_shift_rolls_or_cuts() -> None:
    ramp = np.arange(1, 1601, dtype=np.float32)
    rolled = Shift(milliseconds=(10, 10), fill="roll").apply(ramp, STUDIO, _draw())
    np.testing.assert_array_equal(rolled, np.concatenate([ramp[-160:], ramp[:-160]]))
    late = Shift(milliseconds=(10, 10), fill="cut").apply(ramp, STUDIO, _draw())
    np.testing.assert_array_equal(late, np.concatenate([np.zeros(160), ramp[:-160]]))
    early = Shift(milliseconds=(-10, -10), fill="cut").apply(ramp, STUDIO, _draw())
    np.testing.assert_array_equal(early, np.concatenate([ramp[160:], np.zeros(160)]))


@pytest.mark.parametrize(("fill", "value"), [("silence", 0.0), ("mean", 0.5)])
def test_time_masks_have_their_width_and_value(fill: str, value: float) -> None:
    signal = np.tile([0.25, 0.75], 800).astype(np.float32)
    out = TimeMask(milliseconds=(20, 20), fill=fill).apply(signal, STUDIO, _draw())
    place = np.flatnonzero(out != signal)
    assert len(place) == 320 and place[-1] - place[0] == 319
    np.testing.assert_allclose(out[place], value)
    longest = TimeMask(milliseconds=(500, 500), fill=fill).apply(signal, STUDIO, _draw())  # longer than the clip
    np.testing.assert_allclose(longest, value)


def test_frequency_mask_takes_out_one_band_and_nothing_else() -> None:
    noise = np.random.default_rng(0).normal(size=4 * RATE).astype(np.float32)
    out = FrequencyMask(hertz=(800, 800)).apply(noise, STUDIO, _draw())
    before, after = (np.abs(np.fft.rfft(x)) ** 2 for x in (noise, out))
    bands = after.reshape(-1)[: 8000 * 4].reshape(80, -1).sum(1) / before[: 8000 * 4].reshape(80, -1).sum(
        1
    )  # of 100 Hz
    gone = np.flatnonzero(bands < 0.01)
    assert 6 <= len(gone) <= 8 and np.array_equal(gone, np.arange(gone[0], gone[-1] + 1))
    np.testing.assert_allclose(np.delete(bands, np.arange(gone[0] - 1, gone[-1] + 2)), 1.0, atol=0.02)


def test_noise_and_gain_have_their_decibels() -> None:
    tone = _tone(440.0)
    noise = Noise(snr_db=(12, 12)).apply(tone, STUDIO, _draw()) - tone
    assert abs(10 * np.log10(np.mean(tone**2) / np.mean(noise**2)) - 12.0) < 0.05
    np.testing.assert_allclose(Gain(decibels=(-6, -6)).apply(tone, STUDIO, _draw()), tone * 0.5011872, rtol=1e-5)


def test_impulse_responses_equal_scipy_and_are_the_ones_asked_for() -> None:
    taps = 0.1 * np.random.default_rng(3).normal(size=(6, 500)).astype(np.float32)
    wanted = [fftconvolve(SPEECH.astype(np.float64), row.astype(np.float64))[: len(SPEECH)] for row in taps]
    out = ImpulseResponse().apply(SPEECH, Studio(RATE, taps, response=4), _draw())
    np.testing.assert_allclose(out, wanted[4], atol=1e-5)
    found = set()
    for seed in range(60):
        out = ImpulseResponse().apply(SPEECH, Studio(RATE, taps), _draw(seed))
        found.add(int(np.argmin([np.abs(out - row).max() for row in wanted])))
    assert found == set(range(6))
    loud = ImpulseResponse().apply(SPEECH, Studio(RATE, taps * 100, response=4), _draw())
    np.testing.assert_allclose(loud, wanted[4] / np.abs(wanted[4]).max(), atol=1e-4)  # softer than asked, not cut off
    with pytest.raises(BadConfigError, match="no impulse responses"):
        ImpulseResponse().apply(SPEECH, STUDIO, _draw())


@pytest.mark.parametrize("step", [Shift(), Pitch(), Stretch(), TimeMask(), FrequencyMask(), Noise(), Gain()])
@pytest.mark.parametrize("samples", [1, 2, 700])
def test_steps_take_clips_of_any_length_and_repeat_themselves(step, samples: int) -> None:
    signal = SPEECH[4000 : 4000 + samples].copy()
    before = signal.copy()
    one, two = (step.apply(signal, STUDIO, _draw(5)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(signal, before)  # the source is not touched
    assert len(one) == samples and one.dtype == np.float32 and np.isfinite(one).all()
