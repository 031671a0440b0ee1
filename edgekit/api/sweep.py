"""Search a recipe's keys under a budget."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.train import resolve_recipe
from edgekit.api.training_clips import Data, read_data, split_clips
from edgekit.core import run_files
from edgekit.core.digest import digest_json
from edgekit.core.errors import BadConfigError
from edgekit.core.files import write_json
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.budget.toml import Budget
    from edgekit.core.verdict import Finding
    from edgekit.data.manifest import Manifest
    from edgekit.train.evaluation.metrics import Scores
    from edgekit.train.recipe import Recipe
    from edgekit.train.sweep.results import TrialRow
    from edgekit.train.sweep.space import Space
    from edgekit.train.sweep.worker import Costs, Watch


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found so far.

    Attributes:
        folder: of the sweep; ``sweep.json`` and, with costs, ``front.svg`` are in it.
        objectives: what was searched for, the gain first.
        trials: all that count, by number.
        front: trained trials that no other beats, best gain first; with one objective the best.
        plot: the picture of gain against cost; None where there is no cost or no trained trial.
    """

    folder: Path
    objectives: tuple[str, ...]
    trials: tuple[TrialRow, ...]
    front: tuple[TrialRow, ...]
    plot: Path | None

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {
            "folder": str(self.folder),
            "objectives": list(self.objectives),
            "trials": [row.to_json() for row in self.trials],
            "front": [row.number for row in self.front],
            "plot": str(self.plot) if self.plot else None,
        }


def sweep(
    recipe: str | Path | Recipe,
    data: Data,
    space: str | Path,
    out: str | Path,
    *,
    storage: str | None = None,
    trials: int | None = None,
    teachers: Sequence[str | Path] = (),
    train_select: str | None = None,
    valid_select: str | None = None,
    overrides: Sequence[str] = (),
    kind: str = "auto",
    device: str = "auto",
    cache: Path | None = None,
    progress: Progress = silent,
) -> SweepResult:
    """Work on a sweep until it has all its trials; the same call elsewhere, on the same storage, helps.

    A trial whose exported int8 model is over the budget is not trained. What a killed worker was training goes on in
    the next one that starts or asks; a single worker that was killed ends with the trials of one that was not.

    Args:
        recipe: name, TOML file or :class:`Recipe`.
        data: manifest, or path of a data set, or a list of them.
        space: TOML file, see :mod:`edgekit.train.sweep.space`.
        out: folder of the sweep; runs are in ``out/trials``.
        storage: database URL, or a journal file; by default a journal file in ``out``.
        trials: number of trials, instead of the space's.
        teachers: runs or stored logits: every trial is then distilled.
        train_select: training clips, as for :func:`edgekit.api.train.train`.
        valid_select: validation clips, likewise; there must be some.
        overrides: ``a.b=value`` settings of the recipe.
        kind: kind of data set.
        device: "auto", "cpu" or "cuda".
        cache: folder of decoded audio.
        progress: told about the trials.

    Raises:
        EdgekitError: a bad recipe, space or budget, no validation clips, or the storage of another sweep.
    """
    require("optuna", "sweep")
    require("lightning.pytorch", "train")
    from edgekit.train.sweep.space import load_space
    from edgekit.train.sweep.storage import open_study
    from edgekit.train.sweep.worker import Task, Worker

    resolved = resolve_recipe(recipe, overrides)
    searched = load_space(Path(space), resolved)
    searched = searched if trials is None else dataclasses.replace(searched, trials=trials)
    manifest = read_data(data, kind)
    parts = split_clips(manifest, train_select, valid_select)
    if parts[1] is None:
        raise BadConfigError("a sweep judges by validation clips", where="--valid", mend="select some")
    folder = Path(out)
    subject = {
        "recipe": resolved.to_json(),
        "clips": [[[clip.id, clip.label] for clip in part.clips] for part in parts if part is not None],
        "teachers": [str(path) for path in teachers],
    }
    study = open_study(folder, storage, searched, subject)
    worker = Worker(study, searched, folder)
    options = {"train_select": train_select, "valid_select": valid_select, "device": device, "cache": cache}
    task = Task(
        _costs(resolved, searched, len(manifest.labels)),
        _training(resolved, searched.objectives[0], manifest, teachers, options),
    )
    worker.work(task, lambda done: progress("trials", done, searched.trials))
    return _result(worker, searched, folder)


def _costs(recipe: Recipe, space: Space, classes: int) -> Callable[[Mapping[str, Any]], Costs]:
    """Counts the int8 model that a trial would export, and judges it."""
    from edgekit.budget.toml import read_budget
    from edgekit.train.sweep.space import with_values
    from edgekit.train.sweep.worker import Costs

    budget = read_budget(space.budget) if space.budget else None
    if budget is None and len(space.objectives) == 1:
        return lambda values: Costs({})
    return lambda values: _count(with_values(recipe, values, "sweep"), classes, budget)


def _count(recipe: Recipe, classes: int, budget: Budget | None) -> Costs:
    from edgekit.api.model_files import frontend_tally
    from edgekit.budget.check import check
    from edgekit.budget.counting import count
    from edgekit.budget.sketch_graph import sketch_graph
    from edgekit.train.sweep.worker import Costs

    spec = recipe.frontend.spec()
    counting = budget.counting if budget else "true"
    arguments = {**recipe.model.arguments, "classes": classes}
    counts = count(sketch_graph(recipe.model.name, arguments, spec.feature_shape, "int8"))
    kept = {"macs": f"macs_{counting}", "parameters": "parameters", "parameter_bytes": f"parameter_bytes_{counting}"}
    values = {name: counts.tallies[key].known for name, key in kept.items()}
    if budget is None:
        return Costs(values)
    verdict = check("trial", counts, budget, frontend=frontend_tally(spec))
    over = [finding for finding in verdict.findings if finding.outcome == "fail"]
    if not over:
        return Costs(values)
    shares = [_excess(finding) for finding in over]
    return Costs(values, max(shares), f"over {budget.name}: {', '.join(finding.rule for finding in over)}")


def _excess(finding: Finding) -> float:
    """Share by which a limit is exceeded; some for a limit without a number, such as no float operations at all."""
    if finding.actual is None or finding.limit is None or not finding.limit.value:
        return 1.0
    return max(1e-9, abs(float(finding.actual.value) / float(finding.limit.value) - 1.0))


def _training(
    recipe: Recipe, gain: str, manifest: Manifest, teachers: Sequence[str | Path], options: dict[str, Any]
) -> Callable[[Mapping[str, Any], Path, Watch], float]:
    """Trains, or distils, one trial; a run that was interrupted goes on."""
    from edgekit.api.distill import distill
    from edgekit.api.train import train
    from edgekit.train.sweep.space import with_values

    def run(values: Mapping[str, Any], folder: Path, watch: Watch) -> float:
        chosen = with_values(recipe, values, "sweep")
        for epoch, reached in _history(folder, gain):
            watch(epoch, reached)

        def tell(epoch: int, scores: Scores) -> None:
            watch(epoch, float(getattr(scores, gain)))

        if teachers:
            result = distill(chosen, teachers, manifest, folder, watch=tell, **options)
        else:
            result = train(chosen, manifest, folder, watch=tell, **options)
        return float((result.validation or {})[gain])

    return run


def _history(folder: Path, gain: str) -> list[tuple[int, float]]:
    """Epochs that a killed worker had validated, and what they reached."""
    file = folder / run_files.HISTORY
    if not file.is_file():
        return []
    with file.open(encoding="utf-8") as stream:
        rows = [(int(row["epoch"]), row.get(f"valid_{gain}")) for row in csv.DictReader(stream)]
    return [(epoch, float(value)) for epoch, value in rows if value]


def _result(worker: Any, space: Space, folder: Path) -> SweepResult:
    """Rows, front, picture; written to the folder as well."""
    from edgekit.train.sweep.results import draw_front, pareto, trial_rows

    rows = trial_rows(worker.counted(), space)
    front = pareto(rows, space.objectives[1:])
    plot = None
    if front and space.objectives[1:]:
        plot = folder / "front.svg"
        draw_front(rows, front, space.objectives[0], space.objectives[1], plot)
    result = SweepResult(folder, space.objectives, tuple(rows), tuple(front), plot)
    summary = {"space": space.to_json(), "digest": digest_json(space.to_json())}
    write_json(folder / "sweep.json", {"schema_version": 1, **summary, **result.to_json()})
    return result
