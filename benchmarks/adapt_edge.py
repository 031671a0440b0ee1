"""The way to the chip: a student under a reprogrammed and an adapted teacher, judged and run on the emulated M4."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapt_few import with_splits
from adapt_rows import Row, Rows, Task

from edgekit.api.adapt import adapt
from edgekit.api.evaluate import evaluate
from edgekit.api.road import RoadConfig, travel

TEACHERS = {"ast-houlsby": "ast-small", "reprogram-dual": "pictures.safetensors"}
TEACHER_EPOCHS = 12
STUDENT = ("schedule.epochs=12", "schedule.keep=last", "schedule.valid_every=12", "distillation.logits=hinton")


def to_the_edge(rows: Rows, task: Task, work: Path) -> Iterator[Row]:
    """A student under each teacher, from all training clips."""
    for recipe, source in TEACHERS.items():
        about = {"part": "edge", "dataset": task.name, "teacher": recipe, "teacher_epochs": TEACHER_EPOCHS}
        about |= {"student": "kws-dscnn-8khz"}
        yield rows.get(about, lambda: _student(recipe, work / source, task, work / f"edge-{recipe}"))  # noqa: B023


def _student(recipe: str, source: Path, task: Task, work: Path) -> dict[str, Any]:
    data = with_splits(task.train, task.test)
    overrides = [f"schedule.epochs={TEACHER_EPOCHS}", f"schedule.valid_every={TEACHER_EPOCHS}"]
    teacher = adapt(recipe, source, data, work / "teacher", overrides=overrides, device="cpu")
    config = RoadConfig(
        recipe="kws-dscnn-8khz",
        overrides=STUDENT,
        teachers=(work / "teacher",),
        train="split=train",
        valid="none",
        test="split=validation",
        chip_clips=100,
    )
    road = travel(replace(data, name=f"{task.name}-{recipe}"), config, work / "road")
    return {
        "teacher_accuracy": evaluate(work / "teacher", data, select="split=validation").scores.accuracy,
        "teacher_trained_parameters": teacher.trained_parameters[0],
        "student_float_accuracy": road.float_model.scores.accuracy,
        "student_int8_accuracy": road.int8_model.scores.accuracy,
        "verdict": road.verdict.outcome,
        "chip_clips": len(road.chip.labels),
        "chip_labels_equal": road.chip.equal,
        "instructions": road.measurement.instructions.value if road.measurement.instructions else None,
        "flash_bytes": road.measurement.flash.value if road.measurement.flash else None,
        "ram_bytes": road.measurement.ram.value if road.measurement.ram else None,
    }
