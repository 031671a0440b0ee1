"""The page about a quantization: accuracy before and after, and where int8 is noisiest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgekit.api.quantize_result import AccuracyDrop, QuantizeResult
from edgekit.report import figures
from edgekit.report.confusion import confusion_matrix
from edgekit.report.page import Figure, Page, Section, Table, key_values

if TYPE_CHECKING:
    from edgekit.graph.graph import Graph
    from edgekit.quantize.sensitivity import LayerSensitivity
    from edgekit.train.evaluation.bootstrap import Interval

WORST = 4
"""Layers whose histograms are shown."""
_BINS = 80
SENSITIVITY_HEADER = (
    "layer",
    "operator",
    ">SQNR, dB",
    ">weights, dB",
    ">error alone",
    ">same label alone",
    ">error without it",
)
""""Alone": only this layer is int8. "Without it": every layer but this one is."""


def quantize_page(result: QuantizeResult, graph: Graph, integer: Graph, clips: np.ndarray) -> Page:
    """The page.

    Args:
        result: with accuracy, and with sensitivity unless another package quantized.
        graph: the float graph that was quantized.
        integer: what became of it.
        clips: calibration features, float32 [N, H, W, C].
    """
    sections = [_summary(result)]
    lead = f"{result.model.name}, {result.method}: integers alone, {result.constant_bytes:,} bytes of constants."
    if result.accuracy is not None:
        sections.append(_accuracy(result.accuracy))
        drop = result.accuracy
        lead += f" Accuracy {_percent(drop.before.scores.accuracy)} → {_percent(drop.after.scores.accuracy)}."
    if result.sensitivity:
        sections += [_layers(result.sensitivity), _histograms(result.sensitivity, graph, integer, clips)]
    return Page(f"Quantization of {result.model.name}", lead, tuple(sections))


def sensitivity_figure(rows: Sequence[LayerSensitivity]) -> str:
    """Signal to quantization noise of each layer's output, as SVG."""
    return figures.layer_levels([(row.layer, row.sqnr_db) for row in rows], "signal to quantization noise, dB")


def sensitivity_cells(rows: Sequence[LayerSensitivity]) -> tuple[tuple[str, ...], ...]:
    """A row of text for each layer, under SENSITIVITY_HEADER."""
    return tuple(
        (
            row.layer,
            row.op,
            f"{row.sqnr_db:.1f}",
            "" if row.weight_sqnr_db is None else f"{row.weight_sqnr_db:.1f}",
            f"{100 * row.alone_error:.2f} %",
            f"{100 * row.alone_agreement:.1f} %",
            f"{100 * row.without_error:.2f} %",
        )
        for row in rows
    )


def drop_rows(drop: AccuracyDrop) -> tuple[tuple[str, str], ...]:
    """(what, value) of accuracy before, after and lost, the same for terminal and page."""
    rows = [
        ("float accuracy", _percent(drop.before.scores.accuracy)),
        ("int8 accuracy", _percent(drop.after.scores.accuracy)),
        ("same label", f"{100 * drop.comparison.agreement:.2f} % of {len(drop.before.clips):,} clips"),
    ]
    for unit, interval in drop.comparison.accuracy.items():
        rows.append((f"drop, paired bootstrap by {unit}", _lost(interval)))
    return tuple(rows)


def _lost(interval: Interval) -> str:
    """The drop is the negative of (int8 − float)."""
    value, low, high = (0.0 - 100.0 * end for end in (interval.value, interval.high, interval.low))
    return f"{value:.2f} points, {100 * interval.level:.0f} % interval {low:.2f} … {high:.2f} ({interval.units} drawn)"


def _summary(result: QuantizeResult) -> Section:
    difference = result.difference
    rows = [
        ("operators", ", ".join(f"{count} {name}" for name, count in result.operators.items())),
        ("operators in float", "none"),
        ("constants", f"{result.constant_bytes:,} B"),
        ("calibration", f"{result.calibration_clips:,} clips {result.observer}".strip()),
        ("input", f"scale {result.input_scale:.6g}, zero point {result.input_zero_point}"),
        ("largest output error on the calibration clips", f"{difference.max_error:.4f}"),
        ("rms output error", f"{difference.rms_error:.4f} of a range of {difference.output_range:.2f}"),
        ("same label as float on the calibration clips", f"{100 * difference.label_agreement:.2f} %"),
    ]
    return Section("Model", tables=(key_values(rows),))


def _accuracy(drop: AccuracyDrop) -> Section:
    tables = [key_values(drop_rows(drop))]
    for name in ("label", "device", "speaker"):
        before, after = drop.before.group(name), drop.after.group(name)
        rows = tuple(
            (group, f"{scores.clips:,}", _percent(before[group].accuracy), _percent(scores.accuracy),
             f"{100 * (before[group].accuracy - scores.accuracy):.2f}")
            for group, scores in after.items()
        )  # fmt: skip
        if rows:
            header = (name, "clips", "float", "int8", "drop, points")
            tables.append(Table(header, rows, frozenset({1, 2, 3, 4}), f"Accuracy by {name}"))
    matrix = confusion_matrix(drop.after.labels, drop.after.confusion, "int8, test clips")
    drawn = Figure(matrix, f"Confusion matrix of the integer model: {_percent(drop.after.scores.accuracy)} right.")
    return Section("Accuracy", tables=tuple(tables), figures=(drawn,))


def _layers(rows: Sequence[LayerSensitivity]) -> Section:
    header = tuple(name.removeprefix(">") for name in SENSITIVITY_HEADER)
    numeric = frozenset(index for index, name in enumerate(SENSITIVITY_HEADER) if name.startswith(">"))
    caption = "Every layer; errors are of the logits, relative to their rms"
    table = Table(header, sensitivity_cells(rows), numeric, caption)
    note = "“Error alone”: this layer alone is int8. “Error without it”: every layer but this one is."
    worst = min(rows, key=lambda row: row.sqnr_db)
    drawn = Figure(sensitivity_figure(rows), f"Noisiest is {worst.layer} with {worst.sqnr_db:.1f} dB.")
    return Section("Layers", (note,), (table,), (drawn,))


def _histograms(rows: Sequence[LayerSensitivity], graph: Graph, integer: Graph, clips: np.ndarray) -> Section:
    from edgekit.graph.float_interpreter import run_float
    from edgekit.quantize.sensitivity import CLIPS, worst_layers

    values = run_float(graph, np.ascontiguousarray(clips[:CLIPS], np.float32), all_tensors=True)
    outputs = {node.name: node.outputs[0] for node in graph.nodes}
    drawn = []
    for row in worst_layers(tuple(rows), WORST):
        name = outputs.get(row.layer, row.layer)
        scale, zero_point = integer.tensor(name).scale_zero()
        ends = ((-128 - zero_point) * scale, (127 - zero_point) * scale)
        counts, edges = np.histogram(values[name], _BINS)
        picture = figures.value_histogram(counts, edges, ends, row.layer)
        outside = float(np.mean((values[name] < ends[0]) | (values[name] > ends[1])))
        lost = f"{100 * outside:.3f} % of the values lie outside"
        drawn.append(Figure(picture, f"{row.layer}: int8 covers {ends[0]:.3g} to {ends[1]:.3g}; {lost}."))
    return Section("Noisiest layers", ("What their outputs hold, and the range of int8.",), figures=tuple(drawn))


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"
