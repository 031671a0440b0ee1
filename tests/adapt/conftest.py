"""A small source of each kind, and a few clips to move it to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from edgekit.adapt.source import save_picture_source
from edgekit.features.presets import PRESETS
from edgekit.models.registry import build_model
from edgekit.train.checkpoint import Checkpoint, save_checkpoint

SPEC = PRESETS["kws-logmel-40"].replace(
    sample_rate=8000, clip_samples=4000, window_length=256, n_fft=256, hop_length=128, padding="none",
    mel_bins=32, f_min=100, f_max=4000, layout="freq_time",
)  # fmt: skip
VIT = {"input_shape": list(SPEC.input_shape[1:3]), "patch": 8, "stride": 8, "layers": 2, "width": 16, "heads": 2}


@pytest.fixture(scope="session")
def vit_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A "small-vit" of three classes with random weights, as a run folder."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("vit")
    arguments = {**VIT, "classes": 3}
    weights = build_model("small-vit", **arguments).state_dict()
    checkpoint = Checkpoint("small-vit", arguments, SPEC, ("a", "b", "c"), weights)
    save_checkpoint(checkpoint, folder / "checkpoint.safetensors")
    return folder


@pytest.fixture(scope="session")
def picture_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A "mobilenet-v3" of twelve picture classes with random weights."""
    torch.manual_seed(2)
    file = tmp_path_factory.mktemp("pictures") / "source.safetensors"
    arguments = {"classes": 12, "width": 0.2}
    labels = tuple(f"shape-{number}" for number in range(12))
    weights = build_model("mobilenet-v3", **arguments).state_dict()
    save_picture_source(file, "mobilenet-v3", arguments, labels, (1, 64, 64), weights)
    return file


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two classes, low and high tones, 12 clips each."""
    root = tmp_path_factory.mktemp("tones")
    draw = np.random.default_rng(3)
    for label, pitch in (("low", 300.0), ("high", 2000.0)):
        (root / label).mkdir()
        for number in range(12):
            time = np.arange(4000) / 8000
            wave = 0.4 * np.sin(2 * np.pi * pitch * draw.uniform(0.9, 1.1) * time) + 0.02 * draw.standard_normal(4000)
            soundfile.write(root / label / f"{number}.wav", wave, 8000, subtype="PCM_16")
    return root
