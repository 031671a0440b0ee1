"""``diff``: two versions of a model, or of a folder of models, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.api.check_budget import Budgets, judge, read_budgets
from edgekit.api.model_files import CountedModel, ModelReader, model_files
from edgekit.budget.check import READABLE, READABLE_RULE, select
from edgekit.budget.check import layer_rows as rows_of
from edgekit.budget.increase import Bound, judge_increase, parse_bounds
from edgekit.budget.layer_diff import layer_changes
from edgekit.budget.toml import Budget
from edgekit.core.comparison import Change, Comparison, ModelDiff
from edgekit.core.errors import BadConfigError, EdgekitError
from edgekit.core.quantity import Quantity
from edgekit.core.verdict import Finding

if TYPE_CHECKING:
    from edgekit.features.spec import FrontendSpec

COUNTS = ("parameters", "parameter_bytes", "macs_true", "macs_dcase", "peak_ram", "flash", "frontend_macs", "float_ops")
"""What is compared, in the order of the report."""


def diff(
    base: str | Path,
    head: str | Path,
    budgets: Budgets = (),
    *,
    max_increase: Mapping[str, str] | None = None,
    frontend: str | Path | FrontendSpec | None = None,
    counting: str | None = None,
    dims: Mapping[str, int] | None = None,
    measured: Mapping[str, float] | None = None,
) -> Comparison:
    """Counts side by side, the layers that changed, and whether the head keeps its bounds and budgets.

    Args:
        base: a model file or a folder of models, as it was.
        head: the same as it is now. Models of folders correspond by file name.
        budgets: judged against the head; none is judged when none is named.
        max_increase: largest increase of a count ("macs": "5%", "parameter_bytes": "2 kB"), against each base.
        frontend: preset, file or spec for all models; else the one embedded in each.
        counting: convention of the byte and MAC counts instead of each budget's own; bounds follow it, or the first
            budget's, or count "true".
        dims: sizes of unknown dimensions by name.
        measured: measurements of the head, for budgets that limit them.

    Raises:
        BadConfigError: an unknown budget, convention, count or dimension, or a file against a folder.
    """
    judged = read_budgets(budgets, counting, default=None)
    convention = counting or (judged[0].counting if judged else "true")
    bounds = parse_bounds(max_increase or {})
    reader = ModelReader(frontend, dims)
    pairs = _pairs(Path(base), Path(head))
    models = tuple(_compare(reader, pair, judged, bounds, convention, measured) for pair in pairs)
    reader.refuse_unused()
    return Comparison(models)


Pair = tuple[str, Path | None, Path | None]


def _pairs(base: Path, head: Path) -> list[Pair]:
    """Name, base file and head file; None on the side where a folder does not hold the model."""
    if base.is_dir() != head.is_dir() and base.exists() and head.exists():
        raise BadConfigError(
            "a folder cannot be compared with a file", where=f"{base} and {head}", mend="name two files or two folders"
        )
    if not base.is_dir() and not head.is_dir():
        return [(head.name, base, head)]
    before, after = _models(base), _models(head)
    names = sorted({*before, *after})
    if not names:
        raise BadConfigError("neither folder holds a model", where=f"{base} and {head}", mend="put .onnx or .tflite in")
    return [(name, before.get(name), after.get(name)) for name in names]


def _models(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise BadConfigError("there is no such folder", where=str(folder), mend="name two folders that exist")
    return {path.name: path for path in model_files(folder) if isinstance(path, Path)}


def _compare(
    reader: ModelReader,
    pair: Pair,
    budgets: list[Budget],
    bounds: tuple[Bound, ...],
    counting: str,
    measured: Mapping[str, float] | None,
) -> ModelDiff:
    name, base, head = pair
    texts = (str(base) if base else None, str(head) if head else None)
    try:
        before = reader.read(base) if base else None
        after = reader.read(head) if head else None
    except EdgekitError as error:
        where, mend = error.where or name, error.mend or "give readable models"
        finding = Finding(READABLE, "undecided", error.what, where=where, mend=mend, demand=READABLE_RULE)
        return ModelDiff(name, "unreadable", *texts, findings=((None, finding),))
    changes = tuple(Change(key, _count(before, counting, key), _count(after, counting, key)) for key in COUNTS)
    layers = layer_changes(rows_of(before.counts) if before else (), rows_of(after.counts) if after else ())
    findings: list[tuple[str | None, Finding]] = []
    if before and after:
        by_key = {change.key: change for change in changes}
        findings += [(None, judge_increase(bound, by_key[_counted(bound.key, counting)])) for bound in bounds]
    if after:
        findings += [(b.name, found) for b in budgets for found in judge(after, b, measured).findings]
    if before is None or after is None:
        status = "added" if before is None else "removed"
        return ModelDiff(name, status, *texts, changes, layers, tuple(findings))  # type: ignore[arg-type]
    moved = layers or any(change.base != change.head for change in changes)
    return ModelDiff(name, "changed" if moved else "unchanged", *texts, changes, layers, tuple(findings))


def _counted(key: str, counting: str) -> str:
    return f"macs_{counting}" if key == "macs" else key


def _count(model: CountedModel | None, counting: str, key: str) -> Quantity | None:
    if model is None:
        return None
    return select(model.counts, counting, model.frontend_tally)[key].quantity
