"""What a report says of a model's costs: verdict, layers, memory, measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.api.check_budget import Budgets, check_budget
from edgekit.core import run_files
from edgekit.report.json import verdict_json

Json = dict[str, Any]


def verdict_of(path: Path, shown: str, budgets: Budgets, measured: Mapping[str, float] | None) -> Json:
    """The verdict of ``edgekit check-budget`` about one model, its layers included, under the name ``shown``."""
    counted = run_files.checkpoint_of(path)
    verdict = verdict_json(check_budget(counted, budgets, measured=measured), why=True)
    for model in verdict["models"]:
        model["path"] = shown
    return verdict


def memory_of(verdict: Json | None) -> Json | None:
    """The memory plan that the verdict's peak RAM is of; None where it is not decided.

    Args:
        verdict: with layers and memory.
    """
    model = verdict["models"][0] if verdict else {}
    peak, bound = (model.get("quantities", {}).get(key) for key in ("peak_ram", "peak_ram_bound"))
    if not peak or not model.get("memory"):
        return None
    return {
        "arena_bytes": peak["value"],
        "lower_bound": bound["value"] if bound else None,
        "caveat": peak.get("caveat", ""),
        "steps": model["memory"],
    }


def layer_rows(verdict: Json, memory: Json | None, times: Mapping[str, float] | None) -> list[Json]:
    """One row a layer that costs anything: MACs, bytes of weights, live bytes while it runs, microseconds.

    Args:
        verdict: with layers.
        memory: plan, whose steps carry the layers' names.
        times: microseconds by layer name.
    """
    # A step of several layers is called "FIRST … LAST", and its bytes are those of the last.
    live = {step["step"].rpartition(" … ")[2]: step["bytes"] for step in memory["steps"]} if memory else {}
    rows = []
    for layer in verdict["models"][0].get("layers", ()):
        name = layer["name"]
        size = layer["parameter_bytes"] + layer["buffer_bytes"]
        if not (layer["macs_true"] or size or name in live):
            continue
        rows.append(
            {
                "name": name,
                "op": layer["op"],
                "output": layer["output"],
                "macs": layer["macs_true"],
                "parameter_bytes": size,
                "live_bytes": live.get(name),
                "microseconds": (times or {}).get(name),
            }
        )
    return rows


def measured_rows(measured: Sequence[Json], road: Json | None, names: set[str]) -> list[Json]:
    """The rows of ``edgekit bench --format json`` about the models named, and the measurement of a road."""
    rows = [row for row in measured if row["model"] in names]
    return [*rows, road["measurement"]] if road and "measurement" in road else rows
