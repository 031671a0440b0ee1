"""Multiplications of the front-end: a counted FFT, librosa's mel taps, and arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.budget.frontend_cost import frontend_macs, frontend_parts, frontend_quantities
from edgekit.budget.rules.transform import fft_multiplies
from edgekit.features.presets import PRESETS


def counted_fft(values: np.ndarray) -> tuple[np.ndarray, int]:
    """A radix-2 FFT that counts the real multiplications of its twiddles (4 a complex product)."""
    if values.size == 1:
        return values, 0
    even, first = counted_fft(values[0::2])
    odd, second = counted_fft(values[1::2])
    turned = np.exp(-2j * np.pi * np.arange(odd.size) / values.size) * odd
    return np.concatenate([even + turned, even - turned]), first + second + 4 * odd.size


@pytest.mark.parametrize("length", [2, 8, 64, 512])
def test_a_complex_fft_costs_what_a_written_one_multiplies(length: int) -> None:
    signal = np.random.default_rng(0).normal(size=length) + 0j
    spectrum, multiplications = counted_fft(signal)
    np.testing.assert_allclose(spectrum, np.fft.fft(signal), atol=1e-9)
    assert fft_multiplies(length, real=False) == multiplications


@pytest.mark.parametrize("length", [8, 64, 512])
def test_a_real_fft_is_half_a_complex_one_and_a_split(length: int) -> None:
    _, half = counted_fft(np.zeros(length // 2, complex))
    assert fft_multiplies(length, real=True) == half + 4 * (length // 4)


def test_other_lengths_count_the_defining_sum() -> None:
    assert fft_multiplies(480, real=True) == 480 * 241 * 2
    assert fft_multiplies(480, real=False) == 480 * 480 * 4
    assert fft_multiplies(1, real=True) == 0


def test_mfcc_front_end_stage_by_stage() -> None:
    spec = PRESETS["kws-mfcc-49x10"]
    parts = frontend_parts(spec)
    frames, n_fft = spec.frames, spec.n_fft
    assert frames == 49
    assert parts["window"] == frames * spec.window_length
    assert parts["FFT"] == frames * n_fft * int(np.log2(n_fft))
    assert parts["power"] == frames * 2 * (n_fft // 2 + 1)
    assert parts["DCT"] == frames * spec.mel_bins * 10
    assert frontend_macs(spec).value == sum(parts.values())


def test_mel_taps_are_librosas() -> None:
    librosa = pytest.importorskip("librosa")
    spec = PRESETS["dcase2024-baseline"]
    taps = librosa.filters.mel(
        sr=spec.sample_rate, n_fft=spec.n_fft, n_mels=spec.mel_bins, fmin=spec.f_min, fmax=spec.f_max,
        htk=spec.mel_scale == "htk", norm="slaney" if spec.mel_norm == "slaney" else None,
    )  # fmt: skip
    assert frontend_parts(spec)["mel"] == spec.frames * np.count_nonzero(taps)


def test_the_number_names_its_convention() -> None:
    quantity = frontend_macs(PRESETS["dcase2023"])
    assert (quantity.unit, quantity.method, quantity.convention) == ("MAC", "estimated", "edgekit-frontend-1")
    assert "FFT" in quantity.caveat


def test_a_hop_and_the_state_of_the_generated_c() -> None:
    """The state is the size that the generator states, a hop the clip's share."""
    from edgekit.deploy.frontend.generate import generate_frontend

    for name in ("kws-mfcc-49x10", "dcase2023"):
        spec = PRESETS[name]
        found = frontend_quantities(spec)
        assert found["frontend_state"].value == generate_frontend(spec, "probe", 0.1, 0).state_bytes
        assert found["frontend_macs_hop"].value == -(-frontend_macs(spec).value // spec.frames)
