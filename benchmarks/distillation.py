"""A small student with and without a teacher on synthetic keywords: the same recipe, clips, epochs and seeds.

    .venv/bin/python benchmarks/distillation.py --out runs/distillation

Eight words by espeak-ng voices, split by voice. The last epoch's weights are scored on the test voices, so nothing is
chosen by them. Nothing is tuned: a demonstration that the parts work together. Minutes on one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from results_file import write_results

from edgekit.api.data import synthesise
from edgekit.api.distill import distill
from edgekit.api.logits import store_logits
from edgekit.api.train import train
from edgekit.api.training import TrainResult
from edgekit.cli.progress import progress_bar
from edgekit.data.manifest import Manifest
from edgekit.data.synth.config import SynthConfig

WORDS = ("yes", "no", "up", "down", "left", "right", "stop", "go")
STUDENT = ("schedule.epochs=20", "schedule.batch_size=32", "schedule.keep=last")
PLAIN = ("distillation.logits=none",)
TEST = "split=test"


def row(name: str, seed: int, result: TrainResult) -> dict[str, Any]:
    """One line of the table."""
    scores = result.validation or {}
    return {
        "model": name,
        "seed": seed,
        "test_accuracy": scores.get("accuracy"),
        "test_log_loss": scores.get("log_loss"),
        "test_clips": result.clips[1],
    }


def compare(data: Manifest, out: Path, seeds: int) -> list[dict[str, Any]]:
    """Teacher; then for each seed the student alone, under it online, and under stored logits of five views."""
    rows = []
    with progress_bar() as progress:
        overrides = ["schedule.epochs=30", "schedule.keep=last"]
        common: dict[str, Any] = {"valid_select": TEST, "device": "cpu", "progress": progress}
        teacher = train("kws-teacher", data, out / "teacher", overrides=overrides, **common)
        rows.append(row("teacher", 0, teacher))
        recipe, runs = "kws-dscnn-distilled", [teacher.folder]
        store = store_logits(
            recipe, runs, data, out / "logits", views=4, overrides=STUDENT, device="cpu", progress=progress
        ).folder
        for seed in range(seeds):
            settings = [*STUDENT, f"seed={seed}"]
            for name in ("plain", "online", "stored"):
                folder = out / f"{name}-{seed}"
                if name == "plain":
                    result = train(recipe, data, folder, overrides=[*settings, *PLAIN], **common)
                else:
                    result = distill(
                        recipe, runs if name == "online" else [store], data, folder, overrides=settings, **common
                    )
                rows.append(row(name, seed, result))
    return rows


def main() -> None:
    """Render the set, train, print and write ``benchmarks/results/distillation.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the set and the runs")
    parser.add_argument("--voices", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    config = SynthConfig(
        words=WORDS, voices=arguments.voices, takes=3, unknown_words=(), unknown=0, silence=0, format="wav"
    )
    with progress_bar() as progress:
        data = synthesise(config, arguments.out / "set", progress, workers=1)
    write_results("distillation", compare(data, arguments.out, arguments.seeds), recipe="kws-dscnn-distilled")


if __name__ == "__main__":
    main()
