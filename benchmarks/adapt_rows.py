"""Rows of the adaptation benchmark, kept as they come: stop it and start it again at any time."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.data.datasets import read_manifest
from edgekit.data.manifest import Clip, Manifest

Row = dict[str, Any]

SIZES = (10, 20, 50, 100)
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Task:
    """A data set with its training and test speakers.

    Attributes:
        name: "fsdd" or "dspspeech"; "dspspeech-chosen" has the settings that held training speakers chose.
        train: clips to draw few of.
        test: clips of speakers that training does not have.
        samples: of a clip at 8 kHz.
        hop: samples between frames of the spectrogram that a program frames.
        steps: of a program, and of the network from scratch beside it.
    """

    name: str
    train: Manifest
    test: Manifest
    samples: int
    hop: int
    steps: int


def tasks(root: Path) -> tuple[Task, ...]:
    """FSDD with theo and lucas left out, DSPSpeech with spk21 to spk25 left out."""
    fsdd, dsp = read_manifest(root / "fsdd"), read_manifest(root / "dspspeech")
    left = {"theo", "lucas"}
    new = {f"spk{number}" for number in range(21, 26)}
    return (
        Task("fsdd", *parted(fsdd, left), samples=8000, hop=128, steps=200),
        Task("dspspeech", *parted(dsp, new), samples=16000, hop=128, steps=200),
        Task("dspspeech-chosen", *parted(dsp, new), samples=16000, hop=256, steps=400),
    )


def parted(manifest: Manifest, held: Collection[str]) -> tuple[Manifest, Manifest]:
    """Clips of the other speakers, and of the held."""
    return manifest.where(lambda clip: clip.speaker not in held), manifest.where(lambda clip: clip.speaker in held)


def few(manifest: Manifest, each: int, seed: int) -> Manifest:
    """``each`` clips of every class, drawn by ``seed``; larger draws of a seed contain its smaller ones."""
    draw = np.random.default_rng(seed)
    chosen: list[Clip] = []
    for label in manifest.labels:
        clips = [clip for clip in manifest.clips if clip.label == label]
        chosen += [clips[i] for i in draw.permutation(len(clips))[:each]]
    return replace(manifest, clips=tuple(chosen))


def steps_to_epochs(steps: int, clips: int, batch: int) -> int:
    """Epochs that take about ``steps`` steps: small sets are shown more often."""
    return max(1, round(steps / max(1, clips // batch)))


class Rows:
    """Finished rows by what they are of.

    Args:
        path: ``rows.jsonl``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.is_file() else []
        self.done: dict[str, Row] = {entry["key"]: entry["row"] for entry in map(json.loads, lines)}

    def get(self, about: Mapping[str, Any], measure: Callable[[], Mapping[str, Any]]) -> Row:
        """The row of ``about``, measured now if it is not there."""
        key = json.dumps(about, sort_keys=True)
        if key not in self.done:
            self.done[key] = {**about, **measure()}
            with self.path.open("a") as stream:
                stream.write(json.dumps({"key": key, "row": self.done[key]}) + "\n")
            print(self.done[key], flush=True)
        return self.done[key]
