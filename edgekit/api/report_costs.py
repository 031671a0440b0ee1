"""What a report says of a model's costs: verdict, layers, memory, measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.check_budget import Budgets, check_budget
from edgekit.core.errors import EdgekitError
from edgekit.report.json import verdict_json

if TYPE_CHECKING:
    from edgekit.graph.graph import Graph
    from edgekit.graph.planner import MemoryPlan

Json = dict[str, Any]


def verdict_of(path: Path, shown: str, budgets: Budgets, measured: Mapping[str, float] | None) -> Json:
    """The verdict of ``edgekit check-budget`` about one model, its layers included, under the name ``shown``."""
    counted = path / "checkpoint.safetensors" if path.is_dir() else path
    verdict = verdict_json(check_budget(counted, budgets, measured=measured), why=True)
    for model in verdict["models"]:
        model["path"] = shown
    return verdict


def memory_of(path: Path) -> tuple[Json | None, str]:
    """The memory plan of an integer model as the firmware has it, of another as the planner makes it.

    Returns:
        (plan, ""), or (None, why there is none).
    """
    if path.is_dir() or path.suffix == ".safetensors":
        return None, "a checkpoint has no graph to plan: export it, or give its int8 model"
    from edgekit.graph.passes.lower import lower
    from edgekit.graph.readers.load import load_graph

    try:
        plan, whose = _plan(lower(load_graph(path)))
    except EdgekitError as error:
        return None, str(error)
    buffers = [
        {"name": name, "first": plan.lifetimes[name][0], "last": plan.lifetimes[name][1],
         "offset": plan.offsets[name], "bytes": plan.sizes[name], "takes_over": plan.in_place.get(name)}
        for name in plan.offsets
    ]  # fmt: skip
    return {
        "plan": whose,
        "arena_bytes": plan.arena_bytes,
        "lower_bound": plan.lower_bound,
        "steps": [{"node": step.node, "op": step.op, "bytes": step.bytes} for step in plan.steps],
        "buffers": buffers,
    }, ""


def _plan(graph: Graph) -> tuple[MemoryPlan, str]:
    from edgekit.graph.firmware import firmware_plan
    from edgekit.graph.passes.integer_core import integer_core
    from edgekit.graph.planner import plan_memory

    if all(tensor.dtype != "int8" for tensor in graph.tensors.values()):
        return plan_memory(graph), "float activations by edgekit's planner"
    return firmware_plan(integer_core(graph)), "the firmware's own plan, working memory of kernels included"


def layer_rows(verdict: Json, memory: Json | None, times: Mapping[str, float] | None) -> list[Json]:
    """One row a layer that costs anything: MACs, bytes of weights, live bytes while it runs, microseconds.

    Args:
        verdict: with layers.
        memory: plan, whose steps carry the layers' names.
        times: microseconds by layer name.
    """
    # A step of several layers is called "FIRST … LAST", and its bytes are those of the last.
    live = {step["node"].rpartition(" … ")[2]: step["bytes"] for step in memory["steps"]} if memory else {}
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


def measured_rows(benches: Sequence[Json], road: Json | None, names: set[str]) -> list[Json]:
    """Rows of ``edgekit bench --format json`` about the models named, and the measurement of a road."""
    rows = [row for bench in benches for row in bench.get("results", ()) if row.get("model") in names]
    return [*rows, road["measurement"]] if road and "measurement" in road else rows
