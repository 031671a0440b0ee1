"""Training on streams: which windows count as the word, what a window is in a stretch, and that a word is learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgekit.data.stream import StreamPlan
from edgekit.features.reference import features
from edgekit.features.spec_file import load_spec
from edgekit.models.students.ds_tcn import DsTcn
from edgekit.train.wake.fit import Lesson, fit, stream_loss, window_targets
from edgekit.train.wake.stretches import FRAMES, negative_stretches, word_stretches
from edgekit.train.wake.vary import Variation, varied

SPEC = load_spec("kws-logmel-40").replace(
    clip_samples=8000, hop_length=320, padding="none", layout="time_freq", log_floor=1e-5
)


def test_windows_that_hold_the_word_whole_must_detect_it() -> None:
    told = window_targets(np.array([100, 0]), np.array([140, 0]), window=60, after=8, heard=0.6)
    assert told.shape == (2, FRAMES - 60 + 1) and not told[1].any()
    last = np.arange(60, FRAMES + 1)
    assert set(last[told[0] == 1.0]) == set(range(140, 149))
    # less than 24 of its 40 frames heard: windows that end before frame 124, or begin after frame 116
    assert set(last[told[0] == 0.0]) == set(range(60, 124)) | set(range(177, FRAMES + 1))


def test_a_word_longer_than_the_window_counts_at_its_end() -> None:
    told = window_targets(np.array([50]), np.array([130]), window=60, after=3, heard=0.6)
    last = np.arange(60, FRAMES + 1)
    assert set(last[told[0] == 1.0]) == {130}


@pytest.mark.parametrize("dilations", [(1, 1), (1, 2)])
def test_a_stretch_slid_over_gives_the_logits_of_its_windows(dilations: tuple[int, int]) -> None:
    torch.manual_seed(1)
    model = DsTcn(2, 8, channels=(6, 6), kernels=(3, (3, 5)), dilations=dilations, residual=(False, True)).eval()
    x = torch.randn(2, 1, 40, 8)
    with torch.no_grad():
        told = model.sliding(x, 12)
        for start in (0, 7, 28):
            torch.testing.assert_close(told[:, :, start], model(x[:, :, start : start + 12]))
    assert told.shape == (2, 2, 29)


def test_the_loss_counts_the_hardest_windows_once_more() -> None:
    targets = torch.full((1, 20), -1.0)
    targets[0, 0], targets[0, 1:17] = 1.0, 0.0
    margins = torch.zeros(1, 20)
    margins[0, 1:9] = 5.0
    plain = float(stream_loss(margins, targets, 0.0))
    hard, even = np.log1p(np.exp(5.0)), np.log(2.0)
    assert plain == pytest.approx(even + (8 * hard + 8 * even) / 16)
    assert float(stream_loss(margins, targets, 2.0)) == pytest.approx(plain + 2.0 * hard)


def test_a_gain_of_features_is_a_gain_of_the_samples() -> None:
    """Twice the amplitude in the samples is 6.02 dB more in the features, floor and all."""
    pcm = (1000 * np.random.default_rng(0).standard_normal(8000)).astype(np.int16)
    soft, loud = (torch.from_numpy(features(SPEC, part)[None].astype(np.float32)) for part in (pcm, 2 * pcm))
    how = Variation(gain_db=0.0, equaliser_db=0.0, warp=0.0, telephone=0.0, mask_frames=0, mask_bins=0)
    draw = torch.Generator().manual_seed(0)
    torch.testing.assert_close(varied(soft, SPEC.log_floor, how, draw), soft, atol=1e-3, rtol=0)
    gained = varied(soft, SPEC.log_floor, Variation(gain_db=6.0206, equaliser_db=0.0, warp=0.0, telephone=0.0,
                                                    mask_frames=0, mask_bins=0), draw)  # fmt: skip
    low, high = 2 * soft - loud, loud
    assert (gained >= low - 0.01).all() and (gained <= high + 0.01).all() and not torch.allclose(gained, soft)


def test_a_telephone_leaves_the_floor_of_the_upper_bins() -> None:
    x = torch.zeros(50, 64, 40)
    told = varied(x, 1e-5, Variation(telephone=1.0, mask_frames=0, mask_bins=0), torch.Generator().manual_seed(2))
    assert torch.isfinite(told).all()
    assert (told[:, :, 35:] < np.log(1.1e-5)).all() and (told[:, :, 10].amax(dim=1) > -5).all()


def test_stretches_hold_the_word_where_they_say() -> None:
    tone = (8000 * np.sin(2 * np.pi * 1000 * np.arange(4000) / 16000)).astype(np.int16)
    noise = [(40 * np.random.default_rng(1).standard_normal(32000)).astype(np.int16)]
    made = word_stretches(SPEC, [tone], noise, takes=3, snr_db=(30.0, 30.0), seed=4)
    assert made.features.shape == (3, FRAMES, 40)
    for row, start, end in zip(made.features.astype(np.float32), made.starts, made.ends, strict=True):
        loud = row.max(axis=1)
        middle = loud[start + 2 : end - 2]
        assert middle.min() > max(loud[: start - 3].max(), loud[end + 3 :].max())


def test_a_tone_among_noises_is_learned() -> None:
    draw = np.random.default_rng(3)
    noise = [(draw.uniform(300, 3000) * draw.standard_normal(16000)).astype(np.int16) for _ in range(6)]
    time = np.arange(5600) / 16000
    chirps = [(6000 * np.sin(2 * np.pi * (f + 900 * time) * time)).astype(np.int16) for f in (700, 760, 820)]
    words = word_stretches(SPEC, chirps, noise, takes=8, snr_db=(5.0, 15.0), seed=1)
    plan = StreamPlan(seconds=120, words_per_block=0, seed=9)
    others = negative_stretches(SPEC, SPEC.frames, plan, noise)
    torch.manual_seed(0)
    model = DsTcn(2, 40, channels=(16, 16), kernels=(5, 9), dropout=0.0)
    spec = SPEC.replace(mean=-6.0, std=3.0)
    fitted = fit(model, words, others, spec, Lesson(epochs=30, batch_size=16, ema_decay=0.9))

    def tops(values: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            told = fitted.sliding(torch.from_numpy((values.astype(np.float32) + 6.0) / 3.0)[:, None], spec.frames)
        return np.asarray((told[:, 1] - told[:, 0]).amax(dim=1))

    assert np.quantile(tops(words.features), 0.1) > np.quantile(tops(others.features), 0.95)
