"""Which runs no other run beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]
COSTS = ("macs", "parameter_bytes")


def pareto(runs: Sequence[Json]) -> dict[str, Any] | None:
    """Accuracy and costs of runs, each with the costs on whose front it is; None where fewer than two can be compared.

    Accuracies are those on test clips where every run has one, else those of validation where every run has one: the
    two are never mixed.

    Args:
        runs: entries of the JSON of ``edgekit report``.
    """
    for kind, read in (("test", _test), ("validation", _validation)):
        shares = [read(run) for run in runs]
        if len(runs) > 1 and None not in shares:
            points = [_point(run, share) for run, share in zip(runs, shares, strict=True) if share is not None]
            return {"accuracy": kind, "points": [{**p, "front": _fronts(p, points)} for p in points]}
    return None


def _fronts(point: Json, points: Sequence[Json]) -> list[str]:
    known = [cost for cost in COSTS if point[cost] is not None]
    return [cost for cost in known if not any(_beats(other, point, cost) for other in points)]


def _beats(a: Json, b: Json, cost: str) -> bool:
    """Not worse in accuracy and cost, and better in one of them."""
    if a[cost] is None or a["accuracy"] < b["accuracy"] or a[cost] > b[cost]:
        return False
    return bool(a["accuracy"] > b["accuracy"] or a[cost] < b[cost])


def _test(run: Json) -> float | None:
    entry = run["evaluations"]["int8"] or run["evaluations"]["float"]
    return None if entry is None else float(entry["accuracy"])


def _validation(run: Json) -> float | None:
    scores = (run["training"] or {}).get("validation")
    return None if not scores or scores.get("accuracy") is None else float(scores["accuracy"])


def _point(run: Json, accuracy: float) -> dict[str, Any]:
    quantities = run["verdict"]["models"][0]["quantities"] if run["verdict"] else {}
    costs = {"macs": quantities.get("macs_true"), "parameter_bytes": quantities.get("parameter_bytes")}
    return {"name": run["name"], "accuracy": accuracy} | {k: q["value"] if q else None for k, q in costs.items()}
