"""The whole road on one data set: train, export, quantize, judge, compile, and run from PCM on an emulated core."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.api.check_budget import check_budget
from edgekit.api.compile import CompileResult, compile
from edgekit.api.distill import distill
from edgekit.api.evaluate import evaluate
from edgekit.api.export import export
from edgekit.api.quantize import quantize
from edgekit.api.train import train
from edgekit.bench.emulate import Emulation, emulate
from edgekit.core import run_files
from edgekit.core.errors import DataError
from edgekit.core.files import write_json
from edgekit.core.measurement import Measurement
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent
from edgekit.core.quantity import Quantity
from edgekit.core.verdict import Verdict

if TYPE_CHECKING:
    from edgekit.data.manifest import Manifest
    from edgekit.train.evaluation.evaluation import Evaluation

RUN, EXPORT, MODEL, FIRMWARE, RESULT = "run", "export", "model.int8.tflite", "firmware", "road.json"


@dataclass(frozen=True)
class RoadConfig:
    """What to do on the way.

    Attributes:
        recipe: training recipe, a name or a TOML file.
        overrides: ``a.b=value`` settings of the recipe.
        teachers: runs that the student is distilled from; none trains it alone.
        train, valid, test: selections of clips; None takes the manifest's own split.
        budget: name or file of the budget.
        target: microcontroller whose core is emulated.
        chip_clips: test clips that the emulated core hears, spread evenly over the test set; None is all of them.
        counted_clips: how many of them have their instructions counted.
        processes: emulators side by side.
    """

    recipe: str = "kws-dscnn"
    overrides: tuple[str, ...] = ()
    teachers: tuple[Path, ...] = ()
    train: str | None = None
    valid: str | None = None
    test: str | None = None
    budget: str = "thesis-128kB-30MMAC"
    target: str = "cortex-m4"
    chip_clips: int | None = None
    counted_clips: int = 8
    processes: int = 2


@dataclass(frozen=True, eq=False)
class ChipRun:
    """What the emulated core answered, beside the integer interpreter on the same clips.

    Attributes:
        clips: indices of the clips in the test set.
        labels: int64 [n], labels computed on the core from PCM.
        expected: int64 [n], labels of the integer interpreter behind the reference front-end.
        targets: int64 [n], true labels.
    """

    clips: np.ndarray
    labels: np.ndarray
    expected: np.ndarray
    targets: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of right labels on the core."""
        return float(np.mean(self.labels == self.targets))

    @property
    def equal(self) -> int:
        """Clips on which the core and the interpreter give the same label."""
        return int(np.sum(self.labels == self.expected))


@dataclass(frozen=True, eq=False)
class RoadResult:
    """Everything that the road found out.

    Attributes:
        folder: where the artifacts lie.
        float_model, int8_model: evaluations on the test clips.
        chip: labels of the emulated core.
        verdict: of the budget, with the counts.
        compiled: sources, image and sizes.
        measurement: instructions, flash, RAM, stack.
    """

    folder: Path
    float_model: Evaluation
    int8_model: Evaluation
    chip: ChipRun
    verdict: Verdict
    compiled: CompileResult
    measurement: Measurement

    def to_json(self) -> dict[str, Any]:
        """The content of ``road.json``."""
        model = self.verdict.models[0]
        return {
            "schema_version": 1,
            "accuracy": {
                "float": self.float_model.scores.to_json(),
                "int8": self.int8_model.scores.to_json(),
                "on_chip": {"clips": len(self.chip.labels), "accuracy": self.chip.accuracy},
            },
            "on_chip_labels_equal_to_interpreter": {"equal": self.chip.equal, "clips": len(self.chip.labels)},
            "verdict": self.verdict.outcome,
            "budget": model.budget,
            "quantities": {name: q.to_json() if q else None for name, q in model.quantities.items()},
            "measurement": self.measurement.to_json(),
            "frontend_digest": self.int8_model.frontend_digest,
            "labels": list(self.int8_model.labels),
        }


def travel(manifest: Manifest, config: RoadConfig, out: str | Path, progress: Progress = silent) -> RoadResult:
    """Take a data set to an emulated chip; a training run that was interrupted in ``out`` goes on.

    Args:
        manifest: the recordings.
        config: what to do on the way.
        out: folder for the run, the models, the firmware and ``road.json``.
        progress: told about every long step.

    Raises:
        DataError: no clip to test on.
        EdgekitError: as the steps: train, export, quantize, check_budget, compile.
    """
    folder = Path(out)
    _train(manifest, config, folder / RUN, progress)
    exported = export(folder / RUN, folder / EXPORT)
    quantized = quantize(exported.model, manifest, folder / MODEL, select=config.train, progress=progress)
    verdict = check_budget(quantized.tflite, config.budget)
    compiled = compile(quantized.tflite, config.target, out=folder / FIRMWARE, name="kws")
    float_model = evaluate(folder / RUN, manifest, select=config.test, progress=progress)
    int8_model = evaluate(quantized.tflite, manifest, select=config.test, progress=progress)
    chip, emulation = _run_on_chip(compiled, int8_model, config, progress)
    result = RoadResult(
        folder, float_model, int8_model, chip, verdict, compiled, _measurement(compiled, chip, emulation)
    )
    write_json(folder / RESULT, result.to_json())
    return result


def _train(manifest: Manifest, config: RoadConfig, run: Path, progress: Progress) -> None:
    """The student, alone or under its teachers."""
    choice: dict[str, Any] = {
        "train_select": config.train,
        "valid_select": config.valid,
        "overrides": config.overrides,
        "progress": progress,
    }
    if config.teachers:
        distill(config.recipe, config.teachers, manifest, run, **choice)
    else:
        train(config.recipe, manifest, run, **choice)


def _run_on_chip(
    compiled: CompileResult, reference: Evaluation, config: RoadConfig, progress: Progress
) -> tuple[ChipRun, Emulation]:
    """Feed raw PCM of test clips to the emulated image."""
    from edgekit.data.cache import AudioCache
    from edgekit.data.manifest import Manifest
    from edgekit.features.spec_file import load_spec
    from edgekit.train.dataset import plain_windows

    if compiled.image is None or not reference.clips:
        raise DataError("no clip to run on the chip", mend="check the test selection")
    wanted = len(reference.clips) if config.chip_clips is None else min(config.chip_clips, len(reference.clips))
    # Spread over the whole test set, so that a sample holds every label and speaker in its share.
    chosen = np.linspace(0, len(reference.clips) - 1, wanted).round().astype(np.int64)
    picked = tuple(reference.clips[i] for i in chosen)
    manifest = Manifest("on-chip", picked[0].path.parent, picked, reference.labels)
    spec = load_spec(compiled.folder.parent / EXPORT / run_files.FRONTEND)
    cache = AudioCache(manifest, spec.sample_rate, progress=progress)
    pcm = plain_windows(cache, spec.clip_samples, np.arange(len(picked)))
    emulation = emulate(
        compiled.image, pcm, "pcm", counted=config.counted_clips, processes=config.processes, progress=progress
    )
    run = ChipRun(chosen, emulation.labels, reference.predictions[chosen], reference.targets[chosen])
    return run, emulation


def _measurement(compiled: CompileResult, chip: ChipRun, emulation: Emulation) -> Measurement:
    sizes = compiled.sizes
    caveat = "instructions are not cycles"

    def median(values: list[int]) -> Quantity:
        return Quantity(int(np.median(values)), "instruction", "emulated", caveat=caveat)

    return Measurement(
        model=MODEL,
        target=compiled.target.name,
        runner=f"unicorn {require('unicorn', 'mcu').__version__}",
        outputs_equal=chip.equal == len(chip.labels),
        clips=len(chip.labels),
        instructions=median([count.total for count in emulation.counts]),
        flash=Quantity(sizes.flash, "B", "exact", caveat="whole image") if sizes else None,
        ram=Quantity(sizes.ram, "B", "exact", caveat="whole image, stack not included") if sizes else None,
        stack=Quantity(emulation.stack, "B", "emulated", caveat="high-water mark from reset"),
        details={
            "frontend_instructions": median([count.frontend or 0 for count in emulation.counts]),
            "model_instructions": median([count.model for count in emulation.counts]),
        },
    )
