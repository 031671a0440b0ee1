"""The numpy reference against librosa, torchaudio, Kaldi's front-end and the published pre-processing."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.fft
import torch

from edgekit.core.errors import DataError
from edgekit.features.presets import PRESETS
from edgekit.features.reference import features
from edgekit.features.spec import FrontendSpec

KALDI = FrontendSpec(
    kind="logmel", sample_rate=16_000, clip_samples=16_000, window_length=400, n_fft=512, hop_length=160,
    window="povey", window_periodic=False, window_align="left", preemphasis=0.97, preemphasis_scope="frame",
    remove_dc=True, mel_scale="kaldi", mel_bins=40, f_min=20.0, f_max=8_000.0,
    log_floor=float(np.finfo(np.float32).eps), log_floor_mode="max",
)  # fmt: skip


@pytest.mark.parametrize("name", ["dcase2024-baseline", "kws-logmel-40"])
def test_torchaudio_presets_equal_torchaudio(torchaudio, noise: np.ndarray, name: str) -> None:
    spec = PRESETS[name]
    mel = torchaudio.transforms.MelSpectrogram(
        sample_rate=spec.sample_rate, n_fft=spec.n_fft, win_length=spec.window_length, hop_length=spec.hop_length,
        n_mels=spec.mel_bins,
    ).double()  # fmt: skip
    pcm = noise[: spec.clip_samples]
    wanted = (mel(torch.from_numpy(pcm / 32768.0)) + spec.log_floor).log().numpy()
    assert wanted.shape == spec.feature_shape
    np.testing.assert_allclose(features(spec, pcm), wanted, atol=2e-4)


@pytest.mark.parametrize("name", ["dcase2023", "thesis-128x100"])
def test_passt_presets_equal_the_published_steps(torchaudio, noise: np.ndarray, name: str) -> None:
    """Valid convolution with [-0.97, 1], centred STFT, Kaldi mels padded by the Nyquist bin, ln(x + 1e-5), norm."""
    spec = PRESETS[name]
    signal = torch.from_numpy(noise / 32768.0)[None, None]
    signal = torch.nn.functional.conv1d(signal, torch.tensor([[[-0.97, 1.0]]], dtype=torch.float64))[0, 0]
    window = torch.hann_window(spec.window_length, periodic=False, dtype=torch.float64)
    spectrum = torch.stft(
        signal, spec.n_fft, spec.hop_length, spec.window_length, window, center=True, return_complex=True
    )
    banks, _ = torchaudio.compliance.kaldi.get_mel_banks(
        spec.mel_bins, spec.n_fft, float(spec.sample_rate), 0.0, spec.f_max, 100.0, -500.0, 1.0
    )
    mel = torch.nn.functional.pad(banks, (0, 1)).double() @ spectrum.abs().square()
    wanted = (((mel + 1e-5).log() + 4.5) / 5.0).numpy()
    assert wanted.shape == spec.feature_shape
    np.testing.assert_allclose(features(spec, noise), wanted, atol=5e-5)


def test_kws_mfcc_equals_the_steps_of_tf_signal(noise: np.ndarray) -> None:
    """Frames of 480 every 320 padded at their end to 512, periodic Hann, magnitudes, ln(mel + 1e-6), DCT / √(2·40)."""
    spec = PRESETS["kws-mfcc-49x10"]
    pcm = noise[:16_000] / 32768.0
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(480) / 480)
    blocks = np.stack([pcm[start : start + 480] * window for start in range(0, 16_000 - 479, 320)])
    magnitudes = np.abs(scipy.fft.rfft(blocks, 512))

    def mel(hertz: np.ndarray) -> np.ndarray:
        return 1127.0 * np.log(1.0 + hertz / 700.0)

    bins, edges = mel(np.linspace(0, 8000, 257))[:, None], np.linspace(*mel(np.array([20.0, 4000.0])), 42)
    up = (bins - edges[:-2]) / np.diff(edges)[:-1]
    down = (edges[2:] - bins) / np.diff(edges)[1:]
    log_mel = np.log(magnitudes @ np.maximum(0.0, np.minimum(up, down)) + 1e-6)
    wanted = scipy.fft.dct(log_mel, type=2)[:, :10] / np.sqrt(80)
    np.testing.assert_allclose(features(spec, noise[:16_000]), wanted, atol=1e-9)


def test_kaldi_fbank_equals_torchaudio(torchaudio, noise: np.ndarray) -> None:
    pcm = noise[:16_000]
    wanted = torchaudio.compliance.kaldi.fbank(
        torch.from_numpy(pcm.astype(np.float64))[None], num_mel_bins=40, dither=0.0, energy_floor=0.0
    ).numpy()
    # Kaldi works on int16 values: powers are 2^30 larger.
    np.testing.assert_allclose(features(KALDI, pcm) + 30.0 * np.log(2.0), wanted, atol=2e-4)


def test_kaldi_mfcc_equals_torchaudio(torchaudio, noise: np.ndarray) -> None:
    pcm = noise[:16_000]
    spec = KALDI.replace(kind="mfcc", n_mfcc=13, lifter=22.0)
    wanted = torchaudio.compliance.kaldi.mfcc(
        torch.from_numpy(pcm.astype(np.float64))[None], num_mel_bins=40, num_ceps=13, dither=0.0, energy_floor=0.0,
        cepstral_lifter=22.0, use_energy=False,
    ).numpy()  # fmt: skip
    got = features(spec, pcm)
    got[:, 0] += 30.0 * np.log(2.0) * np.sqrt(40.0)
    np.testing.assert_allclose(got, wanted, atol=2e-3)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("padding", ["reflect", "zero", "none"])
@pytest.mark.parametrize("power", [1, 2])
def test_log_mel_equals_librosa(noise: np.ndarray, scale: str, padding: str, power: int) -> None:
    spec = PRESETS["kws-logmel-40"].replace(
        mel_scale=scale, mel_norm="slaney", padding=padding, power=power, log="db", log_floor=1e-10,
        log_floor_mode="max", window="hamming",
    )  # fmt: skip
    pcm = noise[:16_000] / 32768.0
    mode = {"reflect": "reflect", "zero": "constant", "none": "constant"}[padding]
    mel = librosa.feature.melspectrogram(
        y=pcm, sr=16_000, n_fft=512, hop_length=160, win_length=480, window="hamming", center=padding != "none",
        pad_mode=mode, power=power, n_mels=40, htk=scale == "htk", norm="slaney",
    )  # fmt: skip
    to_db = librosa.power_to_db if power == 2 else librosa.amplitude_to_db
    wanted = to_db(mel, ref=1.0, amin=1e-10, top_db=None)
    np.testing.assert_allclose(features(spec, pcm), wanted, atol=1e-4)


def test_mfcc_equals_librosa(noise: np.ndarray) -> None:
    spec = PRESETS["kws-logmel-40"].replace(
        kind="mfcc", n_mfcc=20, mel_scale="slaney", mel_norm="slaney", log="db", log_floor=1e-10, log_floor_mode="max"
    )
    pcm = noise[:16_000] / 32768.0
    mel = librosa.feature.melspectrogram(
        y=pcm, sr=16_000, n_fft=512, hop_length=160, win_length=480, n_mels=40, pad_mode="reflect"
    )
    wanted = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None), n_mfcc=20)
    np.testing.assert_allclose(features(spec, pcm), wanted, atol=2e-4)


@pytest.mark.parametrize(("log", "factor"), [("ln", 1.0), ("log10", 1.0 / np.log(10)), ("db", 10.0 / np.log(10))])
def test_silence_is_the_logarithm_of_the_floor(log: str, factor: float) -> None:
    spec = PRESETS["kws-logmel-40"].replace(log=log, mean=2.0, std=4.0)
    wanted = (np.log(1e-6) * factor - 2.0) / 4.0
    np.testing.assert_allclose(features(spec, np.zeros(16_000, np.int16)), wanted, rtol=1e-12)


def test_short_clips_are_padded_and_long_ones_cut(noise: np.ndarray) -> None:
    spec = PRESETS["kws-logmel-40"]
    padded = np.concatenate([noise[:5_000], np.zeros(11_000, np.int16)])
    np.testing.assert_array_equal(features(spec, noise[:5_000]), features(spec, padded))
    np.testing.assert_array_equal(features(spec, noise), features(spec, noise[:16_000]))


def test_int16_is_divided_by_32768(noise: np.ndarray) -> None:
    spec = PRESETS["kws-logmel-40"]
    np.testing.assert_array_equal(features(spec, noise), features(spec, noise / 32768.0))


@pytest.mark.parametrize("pcm", [np.zeros((2, 16_000), np.int16), np.zeros(16_000, np.int32), np.full(16_000, np.nan)])
def test_unusable_pcm_is_refused(pcm: np.ndarray) -> None:
    with pytest.raises(DataError):
        features(PRESETS["kws-logmel-40"], pcm)


def test_layouts_are_transposes(noise: np.ndarray) -> None:
    spec = PRESETS["kws-logmel-40"]
    np.testing.assert_array_equal(features(spec, noise).T, features(spec.replace(layout="time_freq"), noise))
