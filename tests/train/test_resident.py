"""Clips gathered on the device are the clips that the cache gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from edgekit.augment.transfer import on_device
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.train.resident import ResidentAudio


def test_windows_before_in_and_beyond_a_clip(tones: Path, audio_cache: Path) -> None:
    cache = AudioCache(read_manifest(tones), 8000, audio_cache)
    resident = ResidentAudio(cache, torch.device("cpu"))
    draw = np.random.default_rng(0)
    indices = np.concatenate([[0, 0, len(cache) - 1, len(cache) - 1], draw.integers(0, len(cache), 60)])
    offsets = np.concatenate([[-900, 4000, 3000, -5000], draw.integers(-4000, 4000, 60)])
    found = resident.windows(indices, 3900, offsets)
    assert found.dtype == torch.int16
    for row, index, offset in zip(found.numpy(), indices, offsets, strict=True):
        assert np.array_equal(row, cache.window(int(index), 3900, int(offset)))


def test_numbers_arrive_with_their_type_or_another() -> None:
    cpu = torch.device("cpu")
    assert on_device(np.arange(4)[::2], cpu).tolist() == [0, 2]
    assert on_device(np.array([True, False]), cpu).dtype == torch.bool
    assert on_device(np.array([0.5]), cpu, torch.float32).dtype == torch.float32
