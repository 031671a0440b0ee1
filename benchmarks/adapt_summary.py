"""What the rows of the adaptation benchmark say together."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from adapt_few import SCRATCH
from adapt_rows import Row
from adapt_series import rank_correlation

_DUAL, _SINGLES = "reprogram-dual", ("reprogram-waveform", "reprogram-frame")


def summarise(rows: list[Row]) -> dict[str, Any]:
    """Means over seeds, whether two domains beat one, where training from scratch overtakes, rank correlation."""
    few = _means([row for row in rows if row["part"] == "reprogram"])
    series = [row for row in rows if row["part"] == "voice2series"]
    return {
        "reprogram": few,
        "adapter": _means([row for row in rows if row["part"] == "adapter"]),
        "dual_against_single_domains": _dual(few),
        "reprogramming_ahead_of_scratch": _crossing(few),
        "voice2series_rank_correlation": rank_correlation(series) if series else None,
        "voice2series_wins": sum(row["voice2series_accuracy"] >= row["scratch_accuracy"] for row in series),
        "voice2series_problems": len(series),
    }


def _means(rows: list[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """Mean accuracy over seeds by data set, method and clips a class."""
    found: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for row in rows:
        found[row["dataset"], row["method"], row["clips_per_class"]].append(row["accuracy"])
    table: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for (dataset, method, size), values in sorted(found.items()):
        table[dataset][method][str(size)] = float(np.mean(values))
    return {dataset: dict(methods) for dataset, methods in table.items()}


def _dual(few: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Mean over all sizes of the dual programs, and of each single one."""
    return {
        dataset: {name: float(np.mean(list(methods[name].values()))) for name in (_DUAL, *_SINGLES) if name in methods}
        for dataset, methods in few.items()
    }


def _crossing(few: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Dual-domain accuracy minus DS-CNN's from scratch at each size: positive where reprogramming is ahead."""
    return {
        dataset: {
            size: value - methods[SCRATCH][size] for size, value in methods[_DUAL].items() if size in methods[SCRATCH]
        }
        for dataset, methods in few.items()
        if _DUAL in methods and SCRATCH in methods
    }
