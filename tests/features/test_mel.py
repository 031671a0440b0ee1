"""Mel filterbanks, DCT and windows against librosa, torchaudio, scipy and published formulas."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.signal

from edgekit.features.mel import cepstrum_matrix, hz_to_mel, mel_filterbank, mel_segments, mel_to_hz
from edgekit.features.presets import PRESETS
from edgekit.features.window import analysis_window

BASE = PRESETS["kws-logmel-40"]


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("norm", ["none", "slaney"])
@pytest.mark.parametrize(("bins", "f_min", "f_max"), [(40, 0.0, 8000.0), (64, 125.0, 7500.0), (13, 20.0, 4000.0)])
def test_filterbank_equals_librosa(scale: str, norm: str, bins: int, f_min: float, f_max: float) -> None:
    spec = BASE.replace(mel_scale=scale, mel_norm=norm, mel_bins=bins, f_min=f_min, f_max=f_max)
    wanted = librosa.filters.mel(
        sr=16_000, n_fft=512, n_mels=bins, fmin=f_min, fmax=f_max, htk=scale == "htk",
        norm=None if norm == "none" else norm, dtype=np.float64,
    )  # fmt: skip
    np.testing.assert_allclose(mel_filterbank(spec), wanted, atol=1e-12)


@pytest.mark.parametrize("name", ["dcase2023", "thesis-128x100", "kws-mfcc-49x10"])
def test_kaldi_filterbank_equals_torchaudio(torchaudio, name: str) -> None:
    spec = PRESETS[name]
    banks, _ = torchaudio.compliance.kaldi.get_mel_banks(
        spec.mel_bins, spec.n_fft, float(spec.sample_rate), spec.f_min, spec.f_max, 100.0, -500.0, 1.0
    )
    # The oracle computes mels of some thousands in float32: 4e-4 of steps of about 14.
    np.testing.assert_allclose(mel_filterbank(spec)[:, :-1], banks.numpy(), atol=2e-4)
    assert not mel_filterbank(spec)[:, -1].any()


def test_htk_filterbank_equals_torchaudio(torchaudio) -> None:
    spec = PRESETS["dcase2024-baseline"]
    wanted = torchaudio.functional.melscale_fbanks(2049, 0.0, 16_000.0, 256, 32_000, norm=None, mel_scale="htk")
    np.testing.assert_allclose(mel_filterbank(spec), wanted.numpy().T, atol=2e-4)


def test_kws_filterbank_equals_the_formula_of_tf_signal() -> None:
    """tf.signal.linear_to_mel_weight_matrix(40, 257, 16000, 20, 4000), written from its documentation."""

    def mel(hertz: np.ndarray) -> np.ndarray:
        return 1127.0 * np.log(1.0 + hertz / 700.0)

    bins = mel(np.linspace(0.0, 8000.0, 257)[1:])[:, None]
    edges = np.linspace(mel(np.array(20.0)), mel(np.array(4000.0)), 42)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    slopes = np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre))
    wanted = np.pad(np.maximum(0.0, slopes), ((1, 0), (0, 0)))
    np.testing.assert_allclose(mel_filterbank(PRESETS["kws-mfcc-49x10"]), wanted.T, atol=1e-10)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mel_scales_equal_librosa_and_invert(scale: str) -> None:
    hertz = np.array([0.0, 20.0, 500.0, 999.0, 1000.0, 1001.0, 4000.0, 16_000.0])
    np.testing.assert_allclose(hz_to_mel(hertz, scale), librosa.hz_to_mel(hertz, htk=scale == "htk"), rtol=1e-5)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hertz, scale), scale), hertz, atol=1e-8)


@pytest.mark.parametrize("name", list(PRESETS))
@pytest.mark.parametrize("norm", ["none", "slaney"])
def test_segments_hold_the_whole_filterbank(name: str, norm: str) -> None:
    spec = PRESETS[name] if PRESETS[name].mel_scale == "kaldi" else PRESETS[name].replace(mel_norm=norm)
    corners, rise, scale = mel_segments(spec)
    rebuilt = np.zeros((spec.mel_bins + 2, spec.n_fft // 2 + 1))
    for segment in range(spec.mel_bins + 1):
        for k in range(corners[segment], corners[segment + 1]):
            weight = rise[k - corners[0]]
            rebuilt[segment + 1, k] += weight
            rebuilt[segment, k] += 1.0 - weight
    wanted = mel_filterbank(spec)
    np.testing.assert_allclose(rebuilt[1:-1] * scale[:, None], wanted, atol=1e-12)


@pytest.mark.parametrize("lifter", [0.0, 22.0])
def test_orthonormal_cepstrum_equals_scipy(lifter: float) -> None:
    spec = PRESETS["kws-mfcc-49x10"].replace(dct="ortho", n_mfcc=13, lifter=lifter)
    log_mel = np.random.default_rng(1).standard_normal((5, 40))
    index = np.arange(13)
    factors = 1.0 + lifter / 2.0 * np.sin(np.pi * index / lifter) if lifter else np.ones(13)
    wanted = scipy.fft.dct(log_mel, type=2, norm="ortho", axis=1)[:, :13] * factors
    np.testing.assert_allclose(log_mel @ cepstrum_matrix(spec).T, wanted, atol=1e-12)


def test_tf_cepstrum_is_the_unnormalised_dct_over_root_2n() -> None:
    spec = PRESETS["kws-mfcc-49x10"]
    log_mel = np.random.default_rng(2).standard_normal((5, 40))
    wanted = scipy.fft.dct(log_mel, type=2, norm=None, axis=1)[:, :10] / np.sqrt(80.0)
    np.testing.assert_allclose(log_mel @ cepstrum_matrix(spec).T, wanted, atol=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), [("hann", "hann"), ("hamming", "hamming"), ("rect", "boxcar")])
@pytest.mark.parametrize("periodic", [True, False])
def test_windows_equal_scipy(ours: str, theirs: str, periodic: bool) -> None:
    window = analysis_window(BASE.replace(window=ours, window_periodic=periodic))
    np.testing.assert_allclose(window, scipy.signal.get_window(theirs, 480, fftbins=periodic), atol=1e-12)


def test_povey_window_equals_kaldi(torchaudio) -> None:
    import torch

    spec = BASE.replace(window="povey", window_periodic=False)
    wanted = torchaudio.compliance.kaldi._feature_window_function(
        "povey", 480, 0.42, torch.device("cpu"), torch.float64
    )
    np.testing.assert_allclose(analysis_window(spec), wanted.numpy(), atol=1e-7)
