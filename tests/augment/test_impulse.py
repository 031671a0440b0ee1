"""Device impulse responses against scipy, and the rules of which clips they touch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import next_fast_len
from scipy.signal import fftconvolve

from edgekit.augment.impulse import ImpulseBank, eligible_clips, fast_length
from edgekit.augment.spec import Augment
from edgekit.core.errors import BadConfigError

DRAW = np.random.default_rng(0)
TAPS = (DRAW.normal(size=(5, 300)) * np.exp(-np.arange(300) / 40.0)).astype(np.float32)
TAPS /= np.sqrt(np.square(TAPS).sum(1, keepdims=True))
CLIPS = torch.from_numpy((0.05 * DRAW.normal(size=(40, 2000))).astype(np.float32))


def test_convolution_equals_scipy_cut_to_the_clip() -> None:
    bank = ImpulseBank(TAPS, 2000)
    which = torch.arange(40) % 5
    out = bank.convolve(CLIPS, which).numpy()
    for clip, row, index in zip(CLIPS.numpy(), out, which.tolist(), strict=True):
        wanted = fftconvolve(clip.astype(np.float64), TAPS[index].astype(np.float64))[:2000]
        np.testing.assert_allclose(row, wanted, atol=2e-6)


def test_a_unit_impulse_changes_nothing() -> None:
    unit = np.zeros((1, 10), np.float32)
    unit[0, 0] = 1.0
    out = ImpulseBank(unit, 2000).mix(CLIPS, np.random.default_rng(1), 1.0, np.ones(40, bool))
    np.testing.assert_allclose(out.numpy(), CLIPS.numpy(), atol=1e-6)


def test_only_clips_of_the_chosen_device_are_touched() -> None:
    devices = ["a", "b", None, "s1"] * 10
    eligible = eligible_clips(devices, "a")
    out = ImpulseBank(TAPS, 2000).mix(CLIPS, np.random.default_rng(1), 1.0, eligible)
    changed = (out != CLIPS).any(1).numpy()
    np.testing.assert_array_equal(changed, [device == "a" for device in devices])


def test_probability_is_the_share_of_eligible_clips() -> None:
    bank, clips = ImpulseBank(TAPS[:, :3], 8), torch.full((20_000, 8), 0.1)
    eligible = np.arange(20_000) % 2 == 0
    changed = (bank.mix(clips, np.random.default_rng(5), 0.4, eligible) != clips).any(1).numpy()
    assert not changed[~eligible].any()
    assert abs(changed[eligible].mean() - 0.4) < 0.015  # three standard deviations of 10,000 draws
    assert bank.mix(clips, np.random.default_rng(5), 0.0, eligible) is clips


def test_every_response_is_drawn_alike_and_draws_do_not_depend_on_eligibility() -> None:
    rows = np.eye(4, 4, dtype=np.float32)  # response k delays by k samples
    bank, clips = ImpulseBank(rows, 4), torch.zeros(8000, 4)
    clips[:, 0] = 0.5
    draw = np.random.default_rng(7)
    delays = bank.mix(clips, draw, 1.0, np.ones(8000, bool)).argmax(1).numpy()
    np.testing.assert_allclose(np.bincount(delays, minlength=4) / 8000, 0.25, atol=0.02)
    other = np.random.default_rng(7)
    bank.mix(clips, other, 1.0, np.zeros(8000, bool))
    assert draw.random() == other.random()


def test_the_result_is_a_legal_signal() -> None:
    loud = torch.full((4, 2000), 0.9)
    bank = ImpulseBank(np.full((1, 50), 0.2, np.float32), 2000)
    out = bank.mix(loud, DRAW, 1.0, np.ones(4, bool))
    assert abs(float(out.max()) - (1.0 - 2.0**-15)) < 1e-6
    # Softer, and otherwise the same: nothing is cut off.
    np.testing.assert_allclose(
        out.numpy(), bank.convolve(loud, torch.zeros(4, dtype=torch.int64)).numpy() / 9, atol=1e-3
    )


def test_a_device_that_recorded_nothing_is_an_error() -> None:
    assert eligible_clips([None, None], "all").all()
    np.testing.assert_array_equal(eligible_clips(["a", "b", "c"], "a, c"), [True, False, True])
    with pytest.raises(BadConfigError, match=r"device 'a' \(devices: b, c\)"):
        eligible_clips(["b", "c", None], "a")


def test_a_probability_needs_responses() -> None:
    with pytest.raises(BadConfigError, match="impulse_responses"):
        Augment(impulse_probability=0.4)
    assert Augment(impulse_probability=0.4, impulse_responses="mic_irs").impulse_device == "a"


@pytest.mark.parametrize("least", [2, 7, 31, 1000, 16_300, 17_000, 44_100, 65_537])
def test_lengths_are_fast_and_long_enough(least: int) -> None:
    length = fast_length(least)
    assert length % 2 == 0 and length >= least
    assert next_fast_len(length, real=True) == length  # scipy agrees that it is a quick one
    assert length <= 1.25 * next_fast_len(least, real=True) + 2
