"""Scale and zero point of every activation, shared where an operator moves int8 values as they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph
from edgekit.graph.ops import FIXED_OUTPUTS, LSTM_HIDDEN, SAME_SCALE_OPS, TIE, activation_inputs, fixed_output
from edgekit.graph.passes.widen import WIDE, widths
from edgekit.graph.tensor import Quantization
from edgekit.quantize.cells import cell_quantization, cells
from edgekit.quantize.observers import LEVELS, Range

SHARING_OPS = SAME_SCALE_OPS | {"relu6"}
"""Operators whose output keeps the inputs' scale and zero point.

relu6 is among them because TFLM's kernel clips without rescaling.
"""

WIDE_MAX = 32767
"""int16 activations lie in [−32767, 32767]."""

_IDLE_SCALE = 1.0 / 128
"""Scale of an activation that was 0 on every clip: any does."""


def affine(extent: Range) -> Quantization:
    """int8 quantization that covers ``extent`` with real 0 exactly on an integer (TFLite int8 specification)."""
    if extent.high == extent.low:
        return _quantization(_IDLE_SCALE, 0)
    scale = np.float32((extent.high - extent.low) / LEVELS)
    zero_point = round(-128 - extent.low / float(scale))
    return _quantization(float(scale), min(max(zero_point, -128), 127))


def symmetric(extent: Range) -> Quantization:
    """int16 quantization that covers ``extent``, zero point 0 (TFLite int16 specification)."""
    reach = max(-extent.low, extent.high)
    return _quantization(reach / WIDE_MAX if reach > 0 else _IDLE_SCALE, 0)


def activation_quantization(graph: Graph, ranges: Mapping[str, Range]) -> dict[str, Quantization]:
    """Quantization of every activation by name.

    Activations joined by :data:`SHARING_OPS` or a tie take the union of their ranges; those joined to an operator of
    FIXED_OUTPUTS take its scale. Variable tensors are among them; the cell of an lstm has steps of a power of two.

    Raises:
        UnsupportedOpError: one activation would need two fixed scales.
    """
    groups = sharing_groups(graph)
    ranges = dict(ranges)
    width = widths(graph)
    roots = {node.outputs[0]: node.inputs[0] for node in graph.nodes if node.op == "rsqrt"}
    outputs = {node.outputs[0]: node.op for node in graph.nodes if node.op in FIXED_OUTPUTS}
    fixed = {name: fixed_output(op, width[name]) for name, op in outputs.items()}
    found = {name: cell_quantization(ranges[name], name) for name in cells(graph)}
    for members in groups:
        if members[0] in found:
            continue
        stated = {scale for scale in map(fixed.get, members) if scale is not None}
        if len(stated) > 1:
            raise UnsupportedOpError("an activation with two fixed scales", where=members[0])
        covering = symmetric if width[members[0]] == WIDE else affine
        quant = _quantization(*stated.pop()) if stated else covering(_union(members, ranges))
        found.update(dict.fromkeys(members, quant))
        for name in (name for name, source in roots.items() if source in members):
            # Beyond the root of the input's smallest step no value occurs but that for 0.
            ranges[name] = Range(0.0, min(ranges[name].high, quant.scalar()[0] ** -0.5))
    return found


def sharing_groups(graph: Graph) -> list[tuple[str, ...]]:
    """Activations in groups that must have one scale; most groups have one member."""
    parent = {name: name for name in activation_names(graph)}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for node in graph.nodes:
        for name in activation_inputs(node) if node.op in SHARING_OPS else ():
            if name not in parent:
                if node.op in ("concat", "minimum", "maximum"):
                    continue  # a constant side takes the scale of the others
                raise UnsupportedOpError(f"{node.op} of a constant", where=node.name, mend="fold constants first")
            parent[root(node.outputs[0])] = root(name)
    ties: dict[str, str] = {}
    for node in graph.nodes:
        if node.op == "lstm":
            parent[root(node.outputs[0])] = root(node.inputs[LSTM_HIDDEN])
        if TIE in node.attrs:
            parent[root(node.outputs[0])] = root(ties.setdefault(node.attrs[TIE], node.outputs[0]))
    groups: dict[str, list[str]] = {}
    for name in parent:
        groups.setdefault(root(name), []).append(name)
    return [tuple(members) for members in groups.values()]


def activation_names(graph: Graph) -> tuple[str, ...]:
    """Graph inputs, node outputs in order, and variable tensors."""
    return (*graph.inputs, *(name for node in graph.nodes for name in node.outputs if name), *graph.variables)


def _union(members: tuple[str, ...], ranges: Mapping[str, Range]) -> Range:
    extent = ranges[members[0]]
    for name in members[1:]:
        extent = extent.union(ranges[name])
    return extent


def _quantization(scale: float, zero_point: int) -> Quantization:
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))
