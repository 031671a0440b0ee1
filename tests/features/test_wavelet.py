"""Scalograms against the wavelet transform's definition: a convolution in time, written out here."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch

from edgekit.api.features import describe_spec
from edgekit.api.verify_features import verify_features
from edgekit.augment.features import check_augment
from edgekit.augment.spec import Augment
from edgekit.budget.frontend_cost import frontend_macs, frontend_parts
from edgekit.core.errors import BadConfigError, UnsupportedOpError
from edgekit.deploy.frontend.generate import generate_frontend
from edgekit.features.presets import PRESETS
from edgekit.features.reference import features
from edgekit.features.spec import FrontendSpec, from_json
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.features.wavelet import centre_frequencies, scalogram, transform_size

LOGMEL = PRESETS["kws-logmel-40"]
SPEC = LOGMEL.replace(kind="scalogram", morlet=6.0, f_min=60.0, f_max=6000.0)
SMALL = SPEC.replace(clip_samples=3000, mel_bins=7, f_min=200.0, f_max=5000.0, padding="none")


def _by_definition(spec: FrontendSpec, signal: np.ndarray) -> np.ndarray:
    """|W(s, t)| = |Σ x[n] ψ*((n − t)/s)|, ψ(u) = 2/(s√2π)·exp(−u²/2)·exp(iω₀u), with silence around the signal."""
    assert spec.morlet is not None
    out = []
    for ratio in range(spec.mel_bins):
        hertz = spec.f_min * (spec.f_max / spec.f_min) ** (ratio / (spec.mel_bins - 1))
        s = spec.morlet * spec.sample_rate / (2 * np.pi * hertz)
        time = np.arange(-int(8 * s), int(8 * s) + 1)
        wavelet = 2 / (s * np.sqrt(2 * np.pi)) * np.exp(-0.5 * (time / s) ** 2 + 1j * spec.morlet * time / s)
        row = np.convolve(signal, wavelet)[int(8 * s) : int(8 * s) + len(signal)]
        magnitude = np.abs(row) ** spec.power
        bounds = [-(-k * len(signal) // spec.frames) for k in range(spec.frames + 1)]
        out.append([magnitude[a:b].mean() for a, b in itertools.pairwise(bounds)])
    return np.array(out).T


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("morlet", [5.5, 12.0])
def test_it_is_the_convolution_with_the_wavelet(power: int, morlet: float) -> None:
    spec = SMALL.replace(power=power, morlet=morlet)
    signal = np.random.default_rng(0).normal(size=3000)
    signal *= np.hanning(3000)
    wanted = _by_definition(spec, signal)
    np.testing.assert_allclose(scalogram(spec, signal), wanted, rtol=2e-3, atol=2e-4 * wanted.max())


def test_a_sine_shows_its_amplitude_at_its_own_bin() -> None:
    centre = centre_frequencies(SPEC)[20]
    signal = 0.25 * np.sin(2 * np.pi * centre * np.arange(16_000) / 16_000)
    found = np.sqrt(scalogram(SPEC, signal)[20:80].mean(axis=0))
    assert int(np.argmax(found)) == 20 and abs(found[20] - 0.25) < 1e-3
    # An octave-wide distance in standard deviations of the wavelet: ω₀(1 − f/fc)
    other = centre_frequencies(SPEC)[23]
    assert abs(found[23] - 0.25 * np.exp(-0.5 * (6.0 * (1 - centre / other)) ** 2)) < 1e-3


def test_a_click_stays_where_it_is_and_the_end_does_not_reach_the_start() -> None:
    signal = np.zeros(16_000)
    signal[-1] = 1.0
    found = scalogram(SPEC, signal)
    assert found[-1].min() > 1e3 * found[: SPEC.frames // 2].max()


def test_it_has_the_shape_of_the_log_mel_and_no_dc() -> None:
    assert features(SPEC, np.zeros(16_000)).shape == features(LOGMEL, np.zeros(16_000)).shape == (40, 101)
    steady = np.full(16_000, 0.5)
    assert scalogram(SPEC, steady)[40:60].max() < 1e-6


@pytest.mark.parametrize("changes", [{}, {"preemphasis": 0.97}, {"power": 1, "log": "db"}, {"layout": "time_freq"}])
def test_torch_equals_numpy(changes: dict) -> None:
    spec = SPEC.replace(clip_samples=5000, **changes)
    pcm = (3000 * np.random.default_rng(1).normal(size=(3, 4000))).astype(np.int16)
    got = TorchFrontend(spec)(torch.from_numpy(pcm)).numpy()
    for row, clip in zip(got, pcm, strict=True):
        np.testing.assert_allclose(row[0], features(spec, clip), atol=1e-4)


def test_torch_is_differentiable() -> None:
    front = TorchFrontend(SMALL)
    pcm = torch.randn(2, 3000, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.1
    pcm.requires_grad_(True)
    front(pcm).sum().backward()
    assert pcm.grad is not None and bool(pcm.grad.isfinite().all()) and bool((pcm.grad != 0).any())


def test_the_whole_command_compares_torch_only_and_c_is_refused() -> None:
    pcm = [(2000 * np.random.default_rng(2).normal(size=3000)).astype(np.int16)]
    found = verify_features(SMALL, pcm)
    assert found.passed and [item.implementation for item in found.comparisons] == ["torch"]
    with pytest.raises(UnsupportedOpError, match="no C for scalograms"):
        generate_frontend(SPEC, "model")
    with pytest.raises(UnsupportedOpError, match="no C for scalograms"):
        verify_features(SMALL, pcm, implementations=("c",))
    assert describe_spec(SPEC)["c_state_bytes"] is None


def test_the_cost_is_counted_by_hand() -> None:
    assert transform_size(SPEC) == 32_768  # 16,000 samples and 4 · 6/(2π·60)·16,000 = 1,019 more
    parts = frontend_parts(SPEC)
    assert parts["FFT"] == 32_768 * 15  # real: n·log2(n)
    assert parts["inverse FFT"] == 40 * 2 * 32_768 * 15  # complex: twice that
    assert parts["power"] == 2 * 40 * 16_000
    # 2·exp(−½(ω₀(f/fc − 1))²) is above 2e-4 within ±4.29/ω₀ of fc: 2·4.29/6·fc wide, less what is beyond 0 or Nyquist
    wide = sum(min(f * (1 + 4.292 / 6), 8000) - f * (1 - 4.292 / 6) for f in centre_frequencies(SPEC))
    assert abs(parts["wavelets"] - 2 * wide * 32_768 / 16_000) < 0.01 * parts["wavelets"]
    ratio = frontend_macs(SPEC).value / frontend_macs(LOGMEL).value
    assert 40 < ratio < 100


def test_the_digests_of_other_front_ends_do_not_know_wavelets() -> None:
    assert "morlet" not in LOGMEL.to_json() and LOGMEL.replace(morlet=None).digest == LOGMEL.digest
    assert SPEC.to_json()["morlet"] == 6.0 and from_json(json.loads(SPEC.canonical())) == SPEC
    assert SPEC.replace(morlet=7).digest != SPEC.digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"morlet": None}, "morlet is None"),
        ({"morlet": 2.0}, "use 4 to 30"),
        ({"morlet": "6"}, "finite number"),
        ({"f_min": 0.0}, "at least 1 Hz"),
        ({"remove_dc": True}, "no frames"),
        ({"n_mfcc": 10}, "n_mfcc"),
        ({"kind": "logmel"}, "only there"),
        ({"kind": "scalogramm"}, "did you mean 'scalogram'"),
    ],
)
def test_what_has_no_meaning_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(BadConfigError, match=message):
        SPEC.replace(**changes)
    with pytest.raises(BadConfigError, match="formant_warp"):
        check_augment(Augment(formant_warp=0.1), SPEC)
