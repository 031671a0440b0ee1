"""From recordings that name speakers to an equal error rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from edgekit.api.data import relabel_sets
from edgekit.api.train import train
from edgekit.api.verify import verify_speakers
from edgekit.core.errors import BadConfigError, DataError
from edgekit.data.datasets import read_manifest


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV manifest of six "speakers", each a chord of its own, saying two words."""
    root = tmp_path_factory.mktemp("voices")
    draw = np.random.default_rng(4)
    lines = ["path,label,speaker"]
    time = np.arange(4000) / 8000
    for speaker in range(6):
        for take in range(8):
            pitches = (250 * (speaker + 1), 700 + 400 * speaker)
            wave = sum(0.2 * np.sin(2 * np.pi * pitch * time + draw.uniform(0, 6)) for pitch in pitches)
            name = f"s{speaker}-{take}.wav"
            soundfile.write(root / name, wave + 0.01 * draw.standard_normal(4000), 8000, subtype="PCM_16")
            lines.append(f"{name},{'yes' if take % 2 else 'no'},s{speaker}")
    path = root / "manifest.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_labels_become_speakers(voices: Path, tmp_path: Path) -> None:
    manifest = relabel_sets([str(voices)], "speaker", tmp_path / "speakers.csv")
    again = read_manifest(tmp_path / "speakers.csv")
    assert manifest.labels == again.labels == tuple(f"s{number}" for number in range(6))
    assert len(again) == 48 and again.clips[0].path.is_file()


def test_sets_without_the_group_are_refused(voices: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no clip has a device"):
        relabel_sets([str(voices)], "device", tmp_path / "devices.csv")


@pytest.mark.slow
def test_voices_that_were_not_trained_on_are_told_apart(voices: Path, tmp_path: Path) -> None:
    relabel_sets([str(voices)], "speaker", tmp_path / "speakers.csv", "speaker=s0,s1,s2,s3")
    overrides = ("schedule.epochs=6", "schedule.batch_size=8", "frontend.fields.clip_samples=4000")
    small = ("model.arguments.channels=32", "model.arguments.partition=2")
    train(
        "speaker-ecapa",
        tmp_path / "speakers.csv",
        tmp_path / "run",
        train_select="all",
        overrides=(*overrides, *small),
        device="cpu",
    )
    det = tmp_path / "det.svg"
    told = verify_speakers(tmp_path / "run", voices, select="speaker=s4,s5", det=det)
    assert f"equal error rate {100 * told.verification.eer:.1f} %" in det.read_text()
    assert told.speakers == 2 and told.verification.trials == 16 * 15 // 2
    assert told.verification.eer < 0.25


def test_a_model_without_embeddings_is_refused(vit_source: Path, voices: Path) -> None:
    with pytest.raises(BadConfigError, match="no embeddings of speakers"):
        verify_speakers(vit_source, voices)
