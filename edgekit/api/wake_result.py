"""Outcomes of a wake word as plain values and as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.files import write_text
from edgekit.detect.choice import Choice
from edgekit.detect.evaluation import Outcome, poisson_interval
from edgekit.detect.operating_point import Point
from edgekit.detect.settings import ONE
from edgekit.report.wake_figures import det_curve, false_accept_bounds, latency_bars, miss_bars

_LATENCY_LEVELS = (0.05, 0.5, 0.95)


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Counts, rates, exact intervals of 95 %, and latency."""
    from edgekit.train.evaluation.wilson import wilson_interval

    groups = sorted(outcome.groups.items(), key=lambda item: -float(item[0].split()[0]) if item[0] else 0.0)
    latency = np.quantile(outcome.latencies, _LATENCY_LEVELS).tolist() if outcome.latencies else None
    return {
        "hours": outcome.hours,
        "words": outcome.words,
        "hits": outcome.hits,
        "miss_rate": outcome.miss_rate,
        "miss_rate_95": list(wilson_interval(outcome.words - outcome.hits, outcome.words)) if outcome.words else None,
        "false_accepts": outcome.false_accepts,
        "false_accepts_per_hour": outcome.false_accepts_per_hour,
        "false_accepts_per_hour_95": list(poisson_interval(outcome.false_accepts, outcome.hours)),
        "latency_s_5_50_95": latency,
        "groups": {name: {"words": count, "hits": hits} for name, (count, hits) in groups},
    }


def choice_json(choice: Choice) -> dict[str, Any]:
    """A detector, its operating point and its curve."""
    return {
        "detector": choice.settings.to_json(),
        "development": outcome_json(choice.point.outcome),
        "curve": curve_json(choice.curve),
    }


def curve_json(curve: Sequence[Point]) -> list[dict[str, float]]:
    """A curve, a row a threshold."""
    return [
        {
            "threshold": point.threshold / ONE,
            "false_accepts": point.outcome.false_accepts,
            "false_accepts_per_hour": round(point.outcome.false_accepts_per_hour, 4),
            "miss_rate": round(point.outcome.miss_rate, 5),
        }
        for point in curve
    ]


def draw_pictures(folder: Path, name: str, single: Choice, staged: Choice) -> tuple[Path, ...]:
    """Four figures: DET curves, false accepts an hour with their bounds, misses by ratio, latency.

    Args:
        folder: ``NAME_det.svg`` … are written there.
        name: of the streams.
        single: detector of one model, its point and curve those of the streams.
        staged: of two.
    """
    named = (("one model", single), ("two stages", staged))
    curves = [
        (text, [(p.outcome.false_accepts_per_hour, p.outcome.miss_rate) for p in item.curve],
         (item.point.outcome.false_accepts_per_hour, item.point.outcome.miss_rate))
        for text, item in named
    ]  # fmt: skip
    bounds = [
        (p.threshold / ONE, p.outcome.false_accepts_per_hour,
         *poisson_interval(p.outcome.false_accepts, p.outcome.hours))
        for p in single.curve
    ]  # fmt: skip
    groups = {text: _misses(item.point.outcome) for text, item in named}
    figures = {
        "det": det_curve(curves),
        "false_accepts": false_accept_bounds(bounds, single.point.threshold / ONE),
        "misses": miss_bars(groups),
        "latency": latency_bars([(text, item.point.outcome.latencies) for text, item in named]),
    }
    files = []
    for kind, text in figures.items():
        files.append(folder / f"{name}_{kind}.svg")
        write_text(files[-1], text)
    return tuple(files)


def _misses(outcome: Outcome) -> list[tuple[str, float, float, float]]:
    """(group, rate, low, high) by falling ratio."""
    told = outcome_json(outcome)["groups"]
    from edgekit.train.evaluation.wilson import wilson_interval

    rows = []
    for name, item in told.items():
        missed = item["words"] - item["hits"]
        rows.append((name, missed / item["words"], *wilson_interval(missed, item["words"])))
    return rows
