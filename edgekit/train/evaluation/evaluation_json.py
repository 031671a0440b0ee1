"""An evaluation in the published shape (report/schemas/eval.schema.json)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from edgekit.train.evaluation.evaluation import GROUPS, Evaluation
from edgekit.train.evaluation.metrics import Scores
from edgekit.train.evaluation.wilson import wilson_interval

MOST_COLUMNS = 200
"""Groups of a table of labels × groups; with more, which are speakers by the thousand, only the groups' own rows."""


def evaluation_json(evaluation: Evaluation, seed: int = 0) -> dict[str, Any]:
    """One entry of ``results`` of ``edgekit eval --format json``.

    Groupings that no clip names are left out, and tables of labels × more than :data:`MOST_COLUMNS` groups.

    Args:
        evaluation: what a model did.
        seed: of the bootstrap's draws.
    """
    groups = {name: rows for name in GROUPS if (rows := evaluation.group(name))}
    crosses = {name: evaluation.cross(name) for name, rows in groups.items() if len(rows) <= MOST_COLUMNS}
    intervals = evaluation.intervals(seed)
    return {
        "model": evaluation.model,
        "arithmetic": evaluation.arithmetic,
        "frontend_digest": evaluation.frontend_digest,
        **evaluation.scores.to_json(),
        "labels": list(evaluation.labels),
        "confusion": evaluation.confusion.tolist(),
        "by_label": _rows(evaluation.group("label")),
        **{f"by_{name}": _rows(rows, evaluation.trained_on.get(name)) for name, rows in groups.items()},
        "label_by": {name: table.to_json() for name, table in crosses.items() if table is not None},
        "intervals": {
            score: {unit: interval.to_json() for unit, interval in by_unit.items()}
            for score, by_unit in intervals.items()
        },
        "calibration": evaluation.calibration.to_json(),
    }


def _rows(groups: Mapping[str, Scores], trained_on: Collection[str] | None = None) -> dict[str, Any]:
    """Scores of each group, the interval of its accuracy, and whether training had it, where that is known."""
    rows = {name: scores.to_json() | {"accuracy_interval": _wilson(scores)} for name, scores in groups.items()}
    if trained_on is not None:
        for name, row in rows.items():
            row["in_training"] = name in trained_on
    return rows


def _wilson(scores: Scores) -> list[float]:
    return list(wilson_interval(round(scores.accuracy * scores.clips), scores.clips))
