"""Augmentation against closed forms: tones, impulses, ramps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgekit.augment.features import FeatureAugment, draw_pairing, mix_styles, warp_table
from edgekit.augment.spec import Augment
from edgekit.augment.waveform import NoiseBank, draw_factors, resample, roll_clips, scale_levels, source_samples
from edgekit.features.presets import PRESETS
from edgekit.features.reference import features as reference

SPEC = PRESETS["kws-logmel-40"]


def _tone(frequency: float, samples: int = 16_000) -> torch.Tensor:
    return torch.sin(2 * np.pi * frequency * torch.arange(samples) / 16_000.0)[None] * 0.5


def test_resample_moves_the_pitch_by_the_factor() -> None:
    out = resample(_tone(500.0, 20_000), torch.tensor([1.2]), 16_000)[0].numpy()
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    assert abs(np.argmax(spectrum) * 16_000 / len(out) - 600.0) < 1.5


def test_resample_at_speed_one_copies_and_pads_with_zeros() -> None:
    x = torch.arange(1.0, 11.0)[None]
    out = resample(x, torch.tensor([1.0]), 12)[0]
    np.testing.assert_array_equal(out[:9].numpy(), np.arange(1.0, 10.0))
    np.testing.assert_array_equal(out[10:].numpy(), 0.0)


def test_source_is_long_enough_for_the_highest_speed() -> None:
    source = source_samples(Augment(speed=0.25), 1000)
    out = resample(torch.ones(1, source), torch.tensor([1.25]), 1000)
    assert bool((out == 1.0).all())


def test_factors_are_symmetric_in_their_logarithm() -> None:
    factors = draw_factors(np.random.default_rng(0), 0.2, 20_000)
    assert factors.min() >= 1 / 1.2 and factors.max() <= 1.2
    assert abs(np.log(factors).mean()) < 0.003


def test_noise_has_the_wanted_ratio() -> None:
    bank = NoiseBank(16_000, 16_000, np.zeros(0, np.float32), seed=1)
    clean = _tone(440.0).repeat(8, 1)
    noisy = bank.mix(clean, np.random.default_rng(0), 1.0, (12.0, 12.0))
    ratio = clean.square().mean(1) / (noisy - clean).square().mean(1)
    np.testing.assert_allclose(10 * torch.log10(ratio).numpy(), 12.0, atol=0.05)


def test_noise_leaves_the_other_clips_alone_and_fills_silence_softly() -> None:
    bank = NoiseBank(16_000, 8_000, np.random.default_rng(3).normal(size=3000).astype(np.float32), seed=1)
    silence = torch.zeros(4, 8_000)
    assert torch.equal(bank.mix(silence, np.random.default_rng(0), 0.0, (0.0, 1.0)), silence)
    level = bank.mix(silence, np.random.default_rng(0), 1.0, (0.0, 1.0)).square().mean(1).sqrt()
    assert bool((level > 10 ** (-71 / 20)).all()) and bool((level < 10 ** (-34 / 20)).all())


def test_clips_are_rolled_as_numpy_rolls_them() -> None:
    pcm = torch.arange(40.0).reshape(4, 10) + 1.0
    out = roll_clips(pcm, np.random.default_rng(3), 6).numpy()
    by = np.random.default_rng(3).integers(-6, 7, 4)
    assert len(set(by.tolist())) > 1
    np.testing.assert_array_equal(out, np.stack([np.roll(row, n) for row, n in zip(pcm.numpy(), by, strict=True)]))


def test_gain_stays_inside_int16() -> None:
    out = scale_levels(torch.full((64, 10), 0.9), np.random.default_rng(0), 12.0)
    assert float(out.max()) == 1.0 - 2.0**-15
    assert float(out.min()) > 0.9 * 10 ** (-12 / 20) * 0.999


def test_formant_warp_puts_a_tone_where_the_scaled_tone_lies() -> None:
    table = warp_table(SPEC, 0.2)
    factor = 1.2  # the table's last row
    clean = reference(SPEC, _tone(1000.0)[0].numpy())  # [40, frames]
    scaled = reference(SPEC, _tone(1000.0 * factor)[0].numpy())
    column = clean[:, 50]
    warped = np.interp(table[-1], np.arange(40), column)
    assert abs(int(np.argmax(warped)) - int(np.argmax(scaled[:, 50]))) <= 1
    np.testing.assert_allclose(table[32], np.arange(40), atol=1e-9)  # the middle row scales by 1


@pytest.mark.parametrize("layout", ["freq_time", "time_freq"])
def test_stretch_moves_time_only(layout: str) -> None:
    spec = SPEC.replace(layout=layout)
    augment = FeatureAugment(Augment(stretch=0.3), spec)
    frames, bins = spec.frames, spec.mel_bins
    image = np.arange(frames)[:, None] + 1000.0 * np.arange(bins)[None, :]  # value names its own frame and bin
    image = image if layout == "time_freq" else image.T
    draw = np.random.default_rng(4)
    x = torch.tensor(image, dtype=torch.float32)[None, None]
    out = augment(x, draw)[0, 0].numpy()
    out = out if layout == "time_freq" else out.T
    factor = draw_factors(np.random.default_rng(4), 0.3, 1)[0]
    expected = np.minimum(np.arange(frames) * factor, frames - 1)
    np.testing.assert_allclose(out[:, 7] - 7000.0, expected, atol=0.01)


@pytest.mark.parametrize("layout", ["freq_time", "time_freq"])
def test_masks_have_their_widths_and_axes(layout: str) -> None:
    spec = SPEC.replace(layout=layout)
    augment = FeatureAugment(Augment(time_masks=1, time_mask_frames=10, frequency_masks=1, frequency_mask_bins=5), spec)
    x = torch.randn(200, 1, *spec.input_shape[1:3], generator=torch.Generator().manual_seed(0))
    changed = (augment(x, np.random.default_rng(0)) != x)[:, 0]
    time_axis = 1 if layout == "time_freq" else 2
    whole_frames = changed.all(dim=3 - time_axis).sum(1)
    whole_bins = changed.all(dim=time_axis).sum(1)
    assert int(whole_frames.max()) == 10 and int(whole_bins.max()) == 5
    assert int(whole_frames.min()) == 0 and int(whole_bins.min()) == 0


def test_equaliser_shifts_bins_by_at_most_its_decibels() -> None:
    augment = FeatureAugment(Augment(equaliser_db=6.0), SPEC.replace(std=2.0))
    shift = augment(torch.zeros(50, 1, 40, 101), np.random.default_rng(0))
    assert torch.equal(shift, shift[..., :1].expand_as(shift))  # the same in every frame
    limit = 6.0 * np.log(10.0) / 10.0 / 2.0
    assert 0.9 * limit < float(shift.abs().max()) <= limit


def test_mixup_mixes_features_and_targets_alike() -> None:
    features = torch.arange(6.0).reshape(6, 1, 1, 1)
    targets = torch.eye(6)
    augment = Augment(mixup_probability=1.0, mixup_alpha=0.5)
    pairing = draw_pairing(6, np.random.default_rng(1), augment, torch.device("cpu"))
    assert pairing is not None
    x, y = pairing.blend(features), pairing.blend(targets)
    np.testing.assert_allclose(y.sum(1).numpy(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(x.flatten().numpy(), (y @ torch.arange(6.0)).numpy(), rtol=1e-5)
    assert float(y.max(1).values.min()) >= 0.5


def test_plain_mixstyle_blends_the_statistics_of_whole_clips_and_keeps_their_pattern() -> None:
    noise = torch.randn(5, 1, 20, 30, generator=torch.Generator().manual_seed(0))
    x = 3 * noise + torch.arange(5.0).reshape(5, 1, 1, 1)
    augment = Augment(mixstyle_probability=1.0, mixstyle_alpha=0.4, mixstyle_over="all")
    out = mix_styles(x, np.random.default_rng(2), augment, 3).numpy()
    draw = np.random.default_rng(2)  # the same draws, in the order of the method's text
    draw.random()
    share, partner = draw.beta(0.4, 0.4, (5, 1, 1, 1)).ravel(), draw.permutation(5)
    for statistic in (np.mean, np.std):
        own = statistic(x.numpy(), axis=(1, 2, 3))
        wanted = share * own + (1 - share) * own[partner]
        np.testing.assert_allclose(statistic(out, axis=(1, 2, 3)), wanted, atol=1e-4)
    for before, after in zip(x.numpy(), out, strict=True):
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.99999


@pytest.mark.parametrize("time_axis", [2, 3])
def test_mixstyle_gives_each_bin_blended_statistics(time_axis: int) -> None:
    x = torch.randn(4, 1, 30, 30, generator=torch.Generator().manual_seed(0)) * 3 + 1
    augment = Augment(mixstyle_probability=1.0, mixstyle_alpha=0.4)
    out = mix_styles(x, np.random.default_rng(2), augment, time_axis)
    draw = np.random.default_rng(2)  # the same draws, in the order of the method's text
    draw.random()
    share, partner = draw.beta(0.4, 0.4, (4, 1, 1)), draw.permutation(4)
    before, after = x.numpy()[:, 0], out.numpy()[:, 0]
    for statistic in (np.mean, np.std):
        own = statistic(before, axis=time_axis - 1, keepdims=True)
        np.testing.assert_allclose(
            statistic(after, axis=time_axis - 1, keepdims=True), share * own + (1 - share) * own[partner], atol=1e-4
        )
