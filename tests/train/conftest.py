"""A tiny data set: three kinds of sound by eight speakers that differ in pitch and level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

RATE = 8000
LENGTH = 3600
LABELS = ("beeps", "hiss", "tone")
TINY_RECIPE = """
[frontend]
preset = "kws-logmel-40"
[frontend.fields]
sample_rate = 8000
clip_samples = 4000
window_length = 256
n_fft = 256
hop_length = 160
padding = "none"
mel_bins = 20
f_max = 4000
[model]
name = "ds-cnn"
[model.arguments]
channels = [8, 12, 12]
stem_kernel = 3
dropout = 0.2
[optimiser]
learning_rate = 1e-2
[schedule]
epochs = 6
batch_size = 8
warmup_epochs = 1
ema_decay = 0.9
[augment]
shift_ms = 20
speed = 0.05
gain_db = 6
noise_probability = 0.5
stretch = 0.1
formant_warp = 0.05
equaliser_db = 3
time_masks = 1
time_mask_frames = 4
frequency_masks = 1
frequency_mask_bins = 3
mixup_probability = 0.5
"""


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny models run faster on one thread than on two that wait for each other."""
    torch.set_num_threads(1)


def _sound(label: str, speaker: int, draw: np.random.Generator) -> np.ndarray:
    time = np.arange(LENGTH) / RATE
    tone = 0.3 * np.sin(2 * np.pi * (500.0 + 100.0 * speaker) * time + draw.uniform(0, 6))
    if label == "beeps":
        tone = tone * (np.sin(2 * np.pi * 10.0 * time) > 0)
    if label == "hiss":
        tone = draw.normal(0, 0.1, LENGTH)
    wave: np.ndarray = tone + draw.normal(0, 0.003, LENGTH)
    return wave


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CSV manifest of 72 clips: label, speaker s0..s7, split train (s0–s4), validation (s5), test (s6, s7)."""
    folder = tmp_path_factory.mktemp("tones")
    draw = np.random.default_rng(5)
    lines = ["path,label,speaker,split"]
    for speaker in range(8):
        split = "train" if speaker < 5 else "validation" if speaker == 5 else "test"
        for label in LABELS:
            for take in range(3):
                wave = _sound(label, speaker, draw)
                name = f"{label}_s{speaker}_{take}.wav"
                soundfile.write(folder / name, wave, RATE, subtype="PCM_16")
                lines.append(f"{name},{label},s{speaker},{split}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe file that trains on ``tones`` in a second or two, with every augmentation switched on."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(TINY_RECIPE)
    return path


@pytest.fixture(scope="session")
def audio_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of decoded audio for this session."""
    return tmp_path_factory.mktemp("audio-cache")


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, tones: Path, tiny_recipe: Path, audio_cache: Path) -> Path:
    """A finished run of ``tiny_recipe`` on ``tones``, long enough to have learnt the task."""
    from edgekit.api.train import train

    folder = tmp_path_factory.mktemp("run") / "tiny"
    overrides = ["schedule.epochs=30", "augment.mixup_probability=0"]
    train(tiny_recipe, tones, folder, overrides=overrides, device="cpu", cache=audio_cache)
    return folder
