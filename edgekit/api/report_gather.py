"""Everything that can be found out about runs for a report: evaluated, counted, timed, read."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.report_facts import ReportedRun, reported_run
from edgekit.api.report_files import RunFiles, read_object
from edgekit.core.errors import BadFileError, EdgekitError
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.api.check_budget import Budgets
    from edgekit.api.evaluation_clips import EvaluatedModel
    from edgekit.data.manifest import Manifest

_EVAL, _BENCH = "give what 'edgekit eval --format json' printed", "give what 'edgekit bench --format json' printed"


_EVALUATED = frozenset(
    {
        "model",
        "arithmetic",
        "clips",
        "accuracy",
        "labels",
        "confusion",
        "by_label",
        "label_by",
        "intervals",
        "calibration",
    }
)
_MEASURED = frozenset({"model", "target"})


@dataclass(frozen=True, eq=False)
class Wish:
    """What to find out; fields as the arguments of :func:`edgekit.api.report.report`."""

    data: str | Path | Manifest | None = None
    select: str | None = None
    trained_on: str | None = None
    budgets: Budgets = ()
    evaluations: tuple[str | Path, ...] = ()
    benches: tuple[str | Path, ...] = ()
    layer_times: bool = False
    device: str = "cpu"
    cache: Path | None = None
    progress: Progress = silent


def gather(
    files: Sequence[RunFiles], wish: Wish, answers: Mapping[Path, EvaluatedModel] | None = None
) -> list[ReportedRun]:
    """The facts of every run.

    Args:
        files: of the runs.
        wish: what to find out.
        answers: models that were evaluated before, by path; None evaluates them where there are recordings.

    Raises:
        BadFileError: a damaged file.
        EdgekitError: as :func:`edgekit.api.evaluate.evaluate`.
    """
    known = [entry for path in wish.evaluations for entry in _entries(Path(path), _EVALUATED, _EVAL)]
    measured = [row for path in wish.benches for row in _entries(Path(path), _MEASURED, _BENCH)]
    found = _answers(files, wish) if answers is None else answers
    called = {path: _called(model, path, files) for path, model in found.items()}
    by_name = {entry["model"]: entry for entry in known}
    done = []
    with tempfile.TemporaryDirectory(prefix="edgekit-report-") as work:
        for number, item in enumerate(files):
            wish.progress("reporting", number, len(files))
            probed = _with_probe(item, Path(work) / str(number))
            times = _times(item) if wish.layer_times else None
            done.append(reported_run(probed, called, by_name, measured, wish.budgets, times))
    return done


def _entries(path: Path, keys: frozenset[str], mend: str) -> list[dict[str, Any]]:
    """``results`` of a document that another command printed, each with the keys that a report reads."""
    found = read_object(path, mend).get("results")
    if not isinstance(found, list) or not all(isinstance(entry, dict) and keys <= entry.keys() for entry in found):
        raise BadFileError(f"has no results with {', '.join(sorted(keys))}", where=str(path), mend=mend)
    return found


def _answers(files: Sequence[RunFiles], wish: Wish) -> Mapping[Path, EvaluatedModel]:
    """Evaluated models by path; none without recordings."""
    models = list(dict.fromkeys(path for item in files for path in item.models))
    if wish.data is None or not models:
        return {}
    from edgekit.api.evaluate import answer_clips

    return answer_clips(
        models,
        wish.data,
        select=wish.select,
        trained_on=wish.trained_on,
        device=wish.device,
        cache=wish.cache,
        progress=wish.progress,
    )


def _called(model: EvaluatedModel, path: Path, files: Sequence[RunFiles]) -> EvaluatedModel:
    """The model under the name of its run, with its arithmetic where the run has both."""
    run = next(item for item in files if path in item.models)
    name = f"{run.name} {model.evaluation.arithmetic}" if len(run.models) > 1 else run.name
    return dataclasses.replace(model, evaluation=dataclasses.replace(model.evaluation, model=name))


def _with_probe(files: RunFiles, folder: Path) -> RunFiles:
    """The run with an ONNX file to count, where it has nothing but its checkpoint.

    A run that cannot be exported stays as it is: its verdict then says why it is undecided.
    """
    if files.counted is None or files.counted != files.float_model or files.float_model.suffix in (".onnx", ".tflite"):
        return files
    from edgekit.api.export import export

    try:
        return dataclasses.replace(files, probe=export(files.float_model, folder).model)
    except EdgekitError:
        return files


def _times(files: RunFiles) -> dict[str, float] | None:
    """Microseconds by layer of the generated C on this machine."""
    if files.int8 is None:
        return None
    from edgekit.bench.layer_times import layer_times
    from edgekit.graph.passes.lower import lower
    from edgekit.graph.readers.load import load_graph

    return layer_times(lower(load_graph(files.int8)))
