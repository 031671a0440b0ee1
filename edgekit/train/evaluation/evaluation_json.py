"""An evaluation in the published shape (report/schemas/eval.schema.json)."""

from __future__ import annotations

from typing import Any

from edgekit.train.evaluation.evaluation import GROUPS, Evaluation


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
        "by_label": {name: scores.to_json() for name, scores in evaluation.group("label").items()},
        **{f"by_{name}": {key: scores.to_json() for key, scores in rows.items()} for name, rows in groups.items()},
        "label_by": {name: table.to_json() for name, table in crosses.items()},
        "intervals": {
            score: {unit: interval.to_json() for unit, interval in by_unit.items()}
            for score, by_unit in intervals.items()
        },
        "calibration": evaluation.calibration.to_json(),
    }
