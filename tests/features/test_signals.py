"""The built-in signals of `features verify`."""

from __future__ import annotations

import numpy as np

from edgekit.features.signals import synthetic_clips


def test_clips_are_int16_of_the_wanted_length_and_repeatable() -> None:
    first, second = synthetic_clips(16_000, 5_000), synthetic_clips(16_000, 5_000)
    for name, pcm in first.items():
        assert pcm.dtype == np.int16
        assert pcm.shape == (5_000,)
        np.testing.assert_array_equal(pcm, second[name])


def test_the_corners_are_there() -> None:
    clips = synthetic_clips(16_000, 16_000)
    assert not clips["silence"].any()
    assert (clips["DC"] == 16_384).all()
    assert (clips["DC of one step"] == 1).all()
    assert set(np.unique(clips["full-scale square"])) == {-32_768, 32_767}
    assert np.count_nonzero(clips["impulses"]) <= 7
    assert all(np.unique(clips[name]).size > 1 for name in clips if name not in ("silence", "DC", "DC of one step"))


def test_the_quiet_tone_is_80_db_below_the_loud_one() -> None:
    clip = synthetic_clips(16_000, 16_000)["quiet beside loud"] * np.hanning(16_000)
    level = 20 * np.log10(np.abs(np.fft.rfft(clip)) + 1e-9)
    assert 75 < level[160] - level[5_333] < 85
