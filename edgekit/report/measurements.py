"""The table of ``edgekit bench``: one row a target and runner, a mark at each number for how it was obtained."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.measurement import Measurement
from edgekit.core.quantity import Method, Quantity
from edgekit.report.plain import plain
from edgekit.report.table import render_table

MARKS: dict[Method, str] = {"measured": "m", "emulated": "e", "exact": "x", "planned": "p", "estimated": "~"}
_COLUMNS = (
    "model", "target", "outputs", ">labels", ">p50 ms", ">p90", ">p99", ">CPU ms", ">front-end ms", ">1/s", ">peak B",
    ">instructions", ">est. ms", ">flash B", ">RAM B", ">stack B",
)  # fmt: skip
_WIDTH = 200


def measurement_table(found: Sequence[Measurement]) -> str:
    """Columns that no row has are left out; runners, problems and what the marks mean stand below."""
    rows = [_row(item) for item in found]
    kept = [i for i in range(len(_COLUMNS)) if i < 3 or any(row[i] != "–" for row in rows)]
    numbers = [str(i + 1) for i in range(len(found))]
    table = render_table(
        ["", *(_COLUMNS[i] for i in kept)],
        [[number, *(row[i] for i in kept)] for number, row in zip(numbers, rows, strict=True)],
        width=_WIDTH,
    )
    used = {quantity.method for item in found for quantity in _shown(item) if quantity is not None}
    legend = ", ".join(f"{mark} {method}" for method, mark in MARKS.items() if method in used)
    below = [f" {number}  {plain(_said(item))}" for number, item in zip(numbers, found, strict=True)]
    return table + "\n" + "\n".join([*below, *([f" {legend}"] if legend else [])]) + "\n"


def _said(item: Measurement) -> str:
    parts = [item.runner, item.problem]
    return ": ".join(part for part in parts if part) or item.target


def _outputs(item: Measurement) -> str:
    if item.label_agreement is None:
        return "not run" if item.problem else "equal" if item.outputs_equal else "not compared"
    if item.problem:
        return "DIFFER"
    if item.outputs_equal:
        return "equal"
    largest = (item.details or {}).get("largest_difference")
    return f"within {largest.value:,} steps" if largest is not None else "labels"


def _shown(item: Measurement) -> list[Quantity | None]:
    """In the order of the columns behind the labels."""
    latency, details = item.latency_ms or {}, item.details or {}
    return [
        latency.get("p50"), latency.get("p90"), latency.get("p99"), details.get("processor_ms"),
        details.get("frontend_ms"),
        details.get("inferences_per_second"), details.get("peak_memory"), item.instructions, details.get("model_ms"),
        item.flash, item.ram, item.stack,
    ]  # fmt: skip


def _row(item: Measurement) -> list[str]:
    labels = "–" if item.label_agreement is None else f"{item.label_agreement:.1%} of {item.clips}"
    return [item.model, item.target, _outputs(item), labels, *(_cell(quantity) for quantity in _shown(item))]


def _cell(quantity: Quantity | None) -> str:
    if quantity is None:
        return "–"
    value = quantity.value
    text = f"{value:,}" if isinstance(value, int) else f"{value:.3f}" if value < 100 else f"{value:,.0f}"
    return f"{text} {MARKS[quantity.method]}"
