"""Batched windows of the audio cache against slices of the recordings themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest


def _expected(pcm: np.ndarray, samples: int, offset: int) -> np.ndarray:
    padded = np.concatenate([np.zeros(5000, np.int16), pcm, np.zeros(5000, np.int16)])
    return padded[5000 + offset : 5000 + offset + samples]


@pytest.mark.parametrize("samples", [64, 700, 4000])
def test_windows_are_zero_padded_slices_of_each_clip(tmp_path: Path, samples: int) -> None:
    generator = np.random.default_rng(0)
    recordings = {}
    for name, length in {"a": 300, "b": 900, "c": 500}.items():
        (tmp_path / name).mkdir()
        recordings[name] = generator.integers(-9000, 9000, length).astype(np.int16)
        soundfile.write(tmp_path / name / "1.wav", recordings[name], 8000, subtype="PCM_16")
    cache = AudioCache(read_manifest(tmp_path), 8000, tmp_path / "cache")
    indices = np.repeat(np.arange(3), 60)
    offsets = generator.integers(-800, 1000, 180)
    actual = cache.windows(indices, samples, offsets)
    labels = [clip.label for clip in cache.manifest.clips]
    for row, index, offset in zip(actual, indices, offsets, strict=True):
        np.testing.assert_array_equal(row, _expected(recordings[labels[index]], samples, int(offset)))
