"""Few clips of a new task: reprogramming against its controls, adapters against theirs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapt_rows import SEEDS, SIZES, Row, Rows, Task, few, steps_to_epochs

from edgekit.api.adapt import adapt
from edgekit.api.train import train
from edgekit.data.manifest import Manifest
from edgekit.train.checkpoint import load_checkpoint

STEPS = 160
"""Of an adapter."""
BATCH = 32
FEWEST = (2, 5)
"""Clips a class below the sizes of the comparison, where programs and training from scratch may cross."""
SCRATCH = "kws-dscnn-8khz"
PROGRAMS = ("reprogram-dual", "reprogram-waveform", "reprogram-frame")
COMPARED = (*PROGRAMS, "reprogram-probe", SCRATCH, "reprogram-static")
LEVELLED, LEVELLED_STEPS = "kws-dscnn-8khz-level", 600
"""The strongest network from scratch: it too sees each clip at one level, and is trained three times as long."""
LEVELLED_EQUAL = f"{LEVELLED}, equal steps"
"""The same for as many steps as a program."""
ADAPTERS = (
    "ast-linear-probe",
    "ast-bitfit",
    "ast-prompt-shallow",
    "ast-prompt-deep",
    "ast-lora",
    "ast-houlsby",
    "ast-pfeiffer",
    "ast-convolution",
    "ast-full",
)


def reprogrammed(
    rows: Rows, task: Task, source: Path, work: Path, methods: tuple[str, ...] = COMPARED
) -> Iterator[Row]:
    """Both domains, single ones, linear probe, DS-CNN from scratch, static map, at every size and seed."""
    for seed in SEEDS:
        for size in (*FEWEST, *SIZES):
            for recipe in (name for name in methods if size in SIZES or name in (PROGRAMS[0], SCRATCH)):
                about = {"part": "reprogram", "dataset": task.name, "clips_per_class": size, "method": recipe}
                about |= {"seed": seed, "steps": task.steps}
                about |= {} if recipe == SCRATCH else {"source": source.stem}
                yield rows.get(about, lambda: run_few(recipe, source, task, size, seed, work, task.steps))  # noqa: B023


def from_scratch(rows: Rows, task: Task, work: Path) -> Iterator[Row]:
    """DS-CNN of one level, long trained and as long as a program, at every size and seed."""
    for method, steps in ((LEVELLED, LEVELLED_STEPS), (LEVELLED_EQUAL, task.steps)):
        for seed in SEEDS:
            for size in (*FEWEST, *SIZES):
                about = {"part": "reprogram", "dataset": task.name, "clips_per_class": size, "method": method}
                about |= {"seed": seed, "steps": steps}
                yield rows.get(about, lambda: run_few(LEVELLED, work, task, size, seed, work, steps))  # noqa: B023


def adapted(rows: Rows, task: Task, source: Path, work: Path) -> Iterator[Row]:
    """Every adapter at about equal parameters, linear probe, biases and full fine-tuning, at every size and seed."""
    for size in (SIZES[0], SIZES[-1], *SIZES[1:-1]):  # a stopped benchmark has both ends of the curve
        for seed in SEEDS:
            for recipe in ADAPTERS:
                about = {"part": "adapter", "dataset": task.name, "clips_per_class": size, "method": recipe}
                about |= {"seed": seed, "steps": STEPS}
                yield rows.get(about, lambda: run_few(recipe, source, task, size, seed, work, STEPS))  # noqa: B023


def run_few(
    recipe: str, source: Path, task: Task, size: int, seed: int, work: Path, steps: int, more: tuple[str, ...] = ()
) -> dict[str, Any]:
    """One run, judged on the test speakers at its last epoch."""
    clips = few(task.train, size, seed)
    epochs = steps_to_epochs(steps, len(clips), BATCH)
    overrides = [
        f"seed={seed}",
        f"schedule.epochs={epochs}",
        f"schedule.batch_size={BATCH}",
        f"schedule.valid_every={epochs}",
        f"schedule.warmup_epochs={epochs / 20}",
        "schedule.keep=last",
        *more,
    ]
    out = work / "few"
    shutil.rmtree(out, ignore_errors=True)
    overrides += [] if recipe.startswith("ast-") else [f"frontend.fields.clip_samples={task.samples}"]
    overrides += [f"frontend.fields.hop_length={task.hop}"] if recipe.startswith("reprogram-") else []
    marked = with_splits(clips, task.test)
    began = time.process_time()
    if recipe in (SCRATCH, LEVELLED):
        train(recipe, marked, out, overrides=overrides, device="cpu")
        parameters = sum(value.numel() for value in load_checkpoint(out).build().parameters())
    else:
        parameters = adapt(recipe, source, marked, out, overrides=overrides, device="cpu").trained_parameters[0]
    seconds = time.process_time() - began
    scores = load_checkpoint(out).metrics["validation"]
    return {
        "trained_parameters": parameters,
        "accuracy": scores["accuracy"],
        "test_clips": len(task.test),
        "processor_ms_a_sample": 1000 * seconds / (epochs * len(clips)),
    }


def with_splits(train: Manifest, test: Manifest) -> Manifest:
    """Both as one set that says which is which."""
    parts = (("train", train), ("validation", test))
    clips = tuple(replace(clip, split=split) for split, part in parts for clip in part.clips)
    return replace(train, clips=clips)
