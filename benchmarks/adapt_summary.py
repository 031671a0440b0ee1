"""What the rows of the adaptation benchmark say together."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from adapt_few import FEWEST, LEVELLED, LEVELLED_EQUAL, SCRATCH
from adapt_rows import SIZES, Row
from adapt_series import rank_correlation
from scipy.stats import t as student

_SETS = ("fsdd", "dspspeech")
_DUAL, _SINGLES, _PROBE = "reprogram-dual", ("reprogram-waveform", "reprogram-frame"), "reprogram-probe"
Table = dict[str, dict[str, dict[str, float]]]


def summarise(rows: list[Row]) -> dict[str, Any]:
    """Means over seeds, whether two domains beat one, where training from scratch overtakes, rank correlation."""
    few = [row for row in rows if row["part"] == "reprogram"]
    series = [row for row in rows if row["part"] == "voice2series"]
    adapters = [row for row in rows if row["part"] == "adapter"]
    alone = [row for row in rows if row["part"] == "voice2series-scratch"]
    means = _means(few)
    return {
        "reprogram": means,
        "reprogram_deviation": _means(few, np.std),
        "reprogram_draws": _means(few, len),
        "choice": _choice([row for row in rows if row["part"] == "choice"]),
        "adapter": _means(adapters),
        "adapter_deviation": _means(adapters, np.std),
        "adapter_draws": _means(adapters, len),
        "dual_against_single_domains": {name: _dual(methods) for name, methods in means.items()},
        "dual_minus_single_domain": _against_single_domains(few),
        "reprogramming_ahead_of_scratch": {
            name: {
                scratch: _ahead(methods, means[name.split("/")[0]], scratch)
                for scratch in (SCRATCH, LEVELLED, LEVELLED_EQUAL)
            }
            for name, methods in means.items()
            if "/" in name and name.split("/")[0] in means
        },
        "voice2series_rank_correlation": rank_correlation(series, within_a_source=False),
        "voice2series_rank_correlation_within_a_source": rank_correlation(series, within_a_source=True),
        "voice2series_at_least_scratch": sum(row["voice2series_accuracy"] >= _scratch(row, alone) for row in series),
        "voice2series_at_least_better_network_from_scratch": sum(
            row["voice2series_accuracy"] >= row["best_scratch_accuracy"] for row in series
        ),
        "voice2series_at_least_dtw": sum(row["voice2series_accuracy"] >= row["dtw_accuracy"] for row in series),
        "voice2series_problems": len(series),
        "partition": _speakers([row for row in rows if row["part"] == "partition"]),
    }


def few_shot_rows(summary: dict[str, Any]) -> list[Row]:
    """Means over draws in %, a row a set and method, a column a number of clips a class."""
    sizes = [str(size) for size in (*FEWEST, *SIZES)]
    return [
        {"set": name, "method": method, **{size: 100 * values[size] if size in values else None for size in sizes}}
        for part in ("reprogram", "adapter")
        for name, methods in summary[part].items()
        for method, values in methods.items()
    ]


def _means(rows: list[Row], reduce: Any = np.mean) -> Table:
    """Accuracy over seeds by "set/source" (or "set" where there is none), method and clips a class."""
    found: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for row in rows:
        name = "/".join([row["dataset"], *([row["source"]] if "source" in row else [])])
        found[name, row["method"], row["clips_per_class"]].append(row["accuracy"])
    table: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for (name, method, size), values in sorted(found.items()):
        table[name][method][str(size)] = float(reduce(values))
    return {name: dict(methods) for name, methods in table.items()}


def _dual(methods: dict[str, dict[str, float]]) -> dict[str, float]:
    """Mean of the dual programs, and of each single one, over the sizes that all of them have."""
    shared = [size for size in methods.get(_DUAL, {}) if all(size in methods.get(name, {}) for name in _SINGLES)]
    if not shared:
        return {}
    return {name: float(np.mean([methods[name][size] for size in shared])) for name in (_DUAL, *_SINGLES)}


def _choice(rows: list[Row]) -> dict[str, dict[str, float]]:
    """Mean accuracy by setting and method over the sizes and draws that were tried."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row["setting"]][row["method"]].append(row["accuracy"])
    return {
        setting: {
            "rows": sum(map(len, methods.values())),
            **{method: float(np.mean(values)) for method, values in methods.items()},
        }
        for setting, methods in found.items()
    }


def _against_single_domains(rows: list[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """Pairs by "set/source", and those of both sets together by "fsdd+dspspeech/source"."""
    sets = sorted({row["dataset"] for row in rows if "source" in row})
    sources = sorted({row["source"] for row in rows if "source" in row})
    groups = [((name,), source) for name in sets for source in sources] + [(_SETS, source) for source in sources]
    told = {f"{'+'.join(names)}/{source}": _paired(rows, names, source) for names, source in groups}
    return {name: methods for name, methods in told.items() if methods}


def _paired(rows: list[Row], sets: tuple[str, ...], source: str) -> dict[str, dict[str, float]]:
    """Dual-domain accuracy minus a single domain's over pairs of set, size and draw: mean, 95 % interval, pairs ahead.

    The interval is Student's over the pairs, as if they were independent; those of one draw share clips.
    """
    found = {
        (row["method"], row["dataset"], row["clips_per_class"], row["seed"]): row["accuracy"]
        for row in rows
        if row["dataset"] in sets and row.get("source") == source
    }
    told = {}
    for single in (*_SINGLES, _PROBE):
        pairs = [(found[_DUAL, *key], value) for (method, *key), value in found.items() if method == single]
        gains = np.array([dual - other for dual, other in pairs])
        measured = {name for method, name, *_ in found if method == single}
        if len(gains) < 2 or measured != set(sets):
            continue
        half = float(student.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / len(gains) ** 0.5)
        mean = float(gains.mean())
        told[single] = {"mean": mean, "low": mean - half, "high": mean + half, "ahead": int((gains > 0).sum())}
        told[single]["pairs"] = len(gains)
    return told


def _ahead(methods: dict[str, dict[str, float]], alone: dict[str, dict[str, float]], scratch: str) -> dict[str, float]:
    """Dual-domain accuracy minus that of the network from scratch: positive where reprogramming is ahead."""
    other = alone.get(scratch, {})
    return {size: value - other[size] for size, value in methods.get(_DUAL, {}).items() if size in other}


def _scratch(row: Row, alone: list[Row]) -> float:
    """The better of the chosen source's network from scratch, as long trained and three times as long."""
    network = row["candidates"][row["chosen"]]["source"]
    longer = [o["accuracy"] for o in alone if o["problem"] == row["problem"] and o["network"] == network]
    return max([row["scratch_accuracy"], *longer])


def _speakers(rows: list[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """Equal error rate over seeds, parameters and MACs by model and subsets."""
    found: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        found[row["model"], row["partition"]].append(row)
    table: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for (model, partition), same in sorted(found.items()):
        table[model][str(partition)] = {
            "eer": float(np.mean([row["eer"] for row in same])),
            "min_dcf": float(np.mean([row["min_dcf"] for row in same])),
            "seeds": len(same),
            "parameters": same[0]["parameters"],
            "macs_true": same[0]["macs_true"],
        }
    return dict(table)
