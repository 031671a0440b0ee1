"""Batches: every clip once an epoch, the same for the same (seed, epoch, step), shares for every process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgekit.core.errors import DataError
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.train.dataset import ClipBatches, Step
from edgekit.train.recipe import Augment, Recipe, Schedule

LABELS = ("beeps", "hiss", "tone")


@pytest.fixture
def cache(tones: Path, audio_cache: Path) -> AudioCache:
    return AudioCache(read_manifest(tones), 8000, audio_cache)


def _recipe(batch_size: int = 16, seed: int = 0, **schedule: object) -> Recipe:
    return Recipe(
        name="t", seed=seed, schedule=Schedule(batch_size=batch_size, **schedule), augment=Augment(shift_ms=10)
    )


def test_an_epoch_visits_every_clip_once(cache: AudioCache) -> None:
    batches = ClipBatches(cache, LABELS, 4000, _recipe(batch_size=12))
    assert batches.steps == 6
    seen = np.concatenate([batches.indices(3, step) for step in range(6)])
    assert sorted(seen) == list(range(72))


def test_order_depends_on_seed_and_epoch_only(cache: AudioCache) -> None:
    first = ClipBatches(cache, LABELS, 4000, _recipe())
    other = ClipBatches(cache, LABELS, 4000, _recipe())
    other.indices(0, 0)
    np.testing.assert_array_equal(first.indices(5, 2), other.indices(5, 2))
    assert list(first.indices(5, 2)) != list(first.indices(6, 2))
    assert list(first.indices(5, 2)) != list(ClipBatches(cache, LABELS, 4000, _recipe(seed=1)).indices(5, 2))


def test_processes_share_an_epoch_without_overlap(cache: AudioCache) -> None:
    batches = ClipBatches(cache, LABELS, 4000, _recipe(batch_size=9), world=2)
    seen = [batches.indices(1, step, rank) for step in range(batches.steps) for rank in range(2)]
    assert sorted(np.concatenate(seen)) == list(range(72))


def test_small_sets_make_one_whole_batch(cache: AudioCache) -> None:
    batches = ClipBatches(cache, LABELS, 4000, _recipe(batch_size=500))
    assert batches.steps == 1 and len(batches.indices(0, 0)) == 72


def test_balanced_order_draws_classes_equally(tones: Path, audio_cache: Path) -> None:
    manifest = read_manifest(tones)
    few = manifest.where(lambda clip: clip.label != "hiss" or clip.speaker == "s0")
    batches = ClipBatches(AudioCache(few, 8000, audio_cache), LABELS, 4000, _recipe(batch_size=17, balance="classes"))
    drawn = np.concatenate([batches.indices(0, step) for step in range(batches.steps)])
    counts = np.bincount(batches.targets[drawn], minlength=3)
    assert counts.sum() == 51 and counts.min() == counts.max() == 17


def test_pcm_is_the_clip_shifted_within_its_limit(cache: AudioCache) -> None:
    batches = ClipBatches(cache, LABELS, 4000, _recipe())
    pcm = batches.pcm(np.full(200, 4), np.random.default_rng(0))
    clip = np.concatenate([np.zeros(80, np.int16), cache.clip(4), np.zeros(480, np.int16)])
    offsets = {next(o for o in range(161) if np.array_equal(clip[o : o + 4000], row)) for row in pcm}
    assert min(offsets) < 10 and max(offsets) > 150


def test_streams_of_different_steps_differ() -> None:
    step = Step(0, 1, 2)
    assert step.draw().random() == Step(0, 1, 2).draw().random()
    others = [Step(1, 1, 2), Step(0, 2, 1), Step(0, 1, 3), replace(step, rank=1)]
    assert len({s.draw().random() for s in [step, *others]}) == 5
    assert len({s.torch_seed() for s in [step, *others]}) == 5


def test_a_class_without_clips_is_refused(cache: AudioCache) -> None:
    with pytest.raises(DataError, match="no training clip for whisper"):
        ClipBatches(cache, (*LABELS, "whisper"), 4000, _recipe())


def test_background_comes_from_silence_labels(tones: Path, audio_cache: Path) -> None:
    manifest = read_manifest(tones)
    renamed = replace(
        manifest,
        clips=tuple(replace(c, label="silence") if c.label == "hiss" else c for c in manifest.clips),
        labels=("beeps", "silence", "tone"),
    )
    batches = ClipBatches(AudioCache(renamed, 8000, audio_cache), renamed.labels, 4000, _recipe())
    assert len(batches.background()) == 24 * 3600
    assert ClipBatches(AudioCache(manifest, 8000, audio_cache), LABELS, 4000, _recipe()).background().size == 0
