"""What one training step makes of its clips: device impulse responses where they belong, the rest untouched."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edgekit.core.errors import BadConfigError, DataError
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.models.registry import build_model
from edgekit.train.dataset import ClipBatches, Step
from edgekit.train.module import StudentModule
from edgekit.train.recipe_file import load_recipe

LABELS = ("beeps", "hiss", "tone")
BARE = [f"augment.{name}=0" for name in ("shift_ms", "speed", "gain_db", "noise_probability", "mixup_probability")]


@pytest.fixture
def responses(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A folder with one response, and its taps of unit energy."""
    taps = np.array([1.0, 0.0, 0.6, -0.3], np.float32)
    (tmp_path / "mics").mkdir()
    soundfile.write(tmp_path / "mics" / "phone.wav", taps / 2, 8000, subtype="FLOAT")
    return tmp_path / "mics", taps / np.sqrt((taps**2).sum())


def _module(recipe_file: Path, tones: Path, audio_cache: Path, settings: list[str]) -> StudentModule:
    recipe = load_recipe(recipe_file, [*BARE, *settings])
    manifest = read_manifest(tones).select(split="train")
    named = [dataclasses.replace(clip, device="a" if clip.speaker in ("s0", "s1") else "b") for clip in manifest.clips]
    cache = AudioCache(dataclasses.replace(manifest, clips=tuple(named)), 8000, audio_cache)
    batches = ClipBatches(cache, LABELS, 4000, recipe)
    model = build_model("ds-cnn", classes=3, **recipe.model.arguments)
    return StudentModule(model, TorchFrontend(recipe.frontend.spec()), batches, None, recipe, LABELS)


def test_only_clips_of_the_named_device_are_heard_through_another(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path, responses: tuple[Path, np.ndarray]
) -> None:
    folder, taps = responses
    settings = ["augment.impulse_probability=1", f"augment.impulse_responses={folder}", "schedule.batch_size=45"]
    module = _module(tiny_recipe, tones, audio_cache, settings)
    batch = module.batch(Step(0, 0, 0))
    cache, changed = module.clips.cache, 0
    for index, heard in zip(batch.indices, batch.waveforms.numpy(), strict=True):
        plain = cache.window(int(index), 4000).astype(np.float64) / 32768.0
        if cache.manifest.clips[index].device == "a":
            expected = np.clip(np.convolve(plain, taps)[:4000], -1.0, 1.0)
            assert np.allclose(heard, expected, atol=1e-5)
            changed += 1
        else:
            assert np.array_equal(heard, plain.astype(np.float32))
    assert changed == 18  # two speakers, three labels, three takes


def test_responses_that_are_not_there_or_fit_no_clip(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path, responses: tuple[Path, np.ndarray]
) -> None:
    missing = ["augment.impulse_probability=0.5", f"augment.impulse_responses={tmp_path / 'none'}"]
    with pytest.raises(DataError, match="holds no impulse response"):
        _module(tiny_recipe, tones, audio_cache, missing)
    other = [f"augment.impulse_responses={responses[0]}", "augment.impulse_device=s3"]
    with pytest.raises(BadConfigError, match="no training clip was recorded by device 's3'"):
        _module(tiny_recipe, tones, audio_cache, ["augment.impulse_probability=0.5", *other])
