"""Means and 95 % intervals over the replicates of a step: seeds, or folds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

T_95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Two-sided 95 % quantiles of Student's t by degrees of freedom."""

MEASURES = ("float_accuracy", "int8_accuracy")


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's t interval of the mean, clipped to [0, 1]; None for a single value or more than ten."""
    if len(values) - 1 not in T_95:
        return None
    half = T_95[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.fmean(values)
    return max(0.0, mean - half), min(1.0, mean + half)


def summarise(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One line for each (dataset, step, clips) in the order of first appearance."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["dataset"], row["step"], row["clips"]), []).append(row)
    return [_line(key, same) for key, same in groups.items()]


def _line(key: tuple[Any, ...], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    line: dict[str, Any] = {"dataset": key[0], "step": key[1], "clips": key[2], "replicates": len(rows)}
    line["recipe"] = ", ".join(sorted({row["recipe"] for row in rows}))
    line["epochs"] = sorted({row["epochs"] for row in rows})
    for name in ("parameters", "macs_true"):
        line[name] = max((row[name] for row in rows if row[name] is not None), default=None)
    for measure in MEASURES:
        values = [row[measure] for row in rows if row[measure] is not None]
        line[measure] = statistics.fmean(values) if values else None
        line[f"{measure}_interval"] = interval(values)
    return line
