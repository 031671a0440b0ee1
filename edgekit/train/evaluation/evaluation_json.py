"""An evaluation in the published shape (report/schemas/eval.schema.json)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.train.evaluation.evaluation import GROUPS, Evaluation
from edgekit.train.evaluation.metrics import Scores
from edgekit.train.evaluation.wilson import wilson_interval


def evaluation_json(evaluation: Evaluation, seed: int = 0) -> dict[str, Any]:
    """One entry of ``results`` of ``edgekit eval --format json``.

    Groupings that no clip names are left out.

    Args:
        evaluation: what a model did.
        seed: of the bootstrap's draws.
    """
    groups = {name: rows for name in GROUPS if (rows := evaluation.group(name))}
    crosses = {name: table for name in GROUPS if (table := evaluation.cross(name)) is not None}
    intervals = evaluation.intervals(seed)
    return {
        "model": evaluation.model,
        "arithmetic": evaluation.arithmetic,
        "frontend_digest": evaluation.frontend_digest,
        **evaluation.scores.to_json(),
        "labels": list(evaluation.labels),
        "confusion": evaluation.confusion.tolist(),
        "by_label": _rows(evaluation.group("label")),
        **{f"by_{name}": _rows(rows) for name, rows in groups.items()},
        "label_by": {name: table.to_json() for name, table in crosses.items()},
        "intervals": {
            score: {unit: interval.to_json() for unit, interval in by_unit.items()}
            for score, by_unit in intervals.items()
        },
        "calibration": evaluation.calibration.to_json(),
    }


def _rows(groups: Mapping[str, Scores]) -> dict[str, Any]:
    """Scores of each group with the interval of its accuracy."""
    return {name: scores.to_json() | {"accuracy_interval": _wilson(scores)} for name, scores in groups.items()}


def _wilson(scores: Scores) -> list[float]:
    return list(wilson_interval(round(scores.accuracy * scores.clips), scores.clips))
