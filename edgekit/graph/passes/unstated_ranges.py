"""Ranges of the activations of which a QDQ model says nothing, so that all of it becomes integer.

Quantizers leave some tensors in float: the last layer's output (NNCF), or what a norm consists of once it is written in
the operators that a chip has. With clips of the task their ranges are what these clips give. Without any, the last
layer gets the range that it can reach at all, which is never too small, and the others twice what random inputs give;
on the way every activation with a known range is rounded to it, so that inputs of no task cannot leave the ranges.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.ops import SAME_SCALE_OPS
from edgekit.graph.passes.reachable_range import reachable_range
from edgekit.graph.passes.whole_steps import whole_steps
from edgekit.graph.passes.widen import WIDE, widths
from edgekit.graph.tensor import Quantization

_PROBES = 32
_MARGIN = 2.0
_HEADROOM = 1 / 16
"""Share of an output's range beyond either end: clips that nobody calibrated with have larger logits."""


def with_unstated(
    graph: Graph, quants: Mapping[str, Quantization], clips: np.ndarray | None
) -> dict[str, Quantization]:
    """``quants`` and one for every other activation whose operator does not keep its input's.

    Args:
        graph: edge, float32, without fake_quant, widths marked (passes/widen.py).
        quants: of activations by name, the input's among them.
        clips: float32 [N, H, W, C] of the task, or None.
    """
    found = dict(quants)
    missing = [node for node in graph.nodes if node.outputs[0] not in found]
    if not missing or len(graph.inputs) != 1 or graph.inputs[0] not in found:
        return found
    seen = clips if clips is not None else _random_clips(graph, found[graph.inputs[0]])
    extremes, width = _extremes(graph, found, seen), widths(graph)
    for node in graph.nodes:
        name = node.outputs[0]
        if name in found:
            continue
        if node.op in SAME_SCALE_OPS and node.inputs[0] in found:
            found[name] = found[node.inputs[0]]
            continue
        low, high = extremes[name]
        if clips is None:
            reached = reachable_range(graph, node, found)
            if name in graph.outputs and reached is not None:
                found[name] = reached
                continue
            low, high = low * _MARGIN, high * _MARGIN
        elif name in graph.outputs:
            room = _HEADROOM * (high - low)
            low, high = low - room, high + room
        if node.op == "rsqrt" and node.inputs[0] in found:
            # Beyond the root of the input's smallest step no value occurs but that for 0.
            high = min(high, found[node.inputs[0]].scalar()[0] ** -0.5)
        plain = (_int16 if width[name] == WIDE else _int8)(min(low, 0.0), max(high, 0.0))
        found[name] = whole_steps(graph, node, quants, width, plain)
    return found


def _extremes(graph: Graph, quants: Mapping[str, Quantization], clips: np.ndarray) -> dict[str, tuple[float, float]]:
    """Least and largest value of every activation."""
    extremes: dict[str, tuple[float, float]] = {}
    width = widths(graph)

    def rounded(name: str, values: np.ndarray) -> np.ndarray:
        low, high = extremes.get(name, (np.inf, -np.inf))
        extremes[name] = min(low, float(values.min())), max(high, float(values.max()))
        if name not in quants:
            return values
        scale, zero_point = quants[name].scalar()
        limits = np.iinfo(width[name])
        steps = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max) - zero_point
        out: np.ndarray = (steps * scale).astype(np.float32)
        return out

    run_float(_without_rescaling(graph), np.ascontiguousarray(clips, np.float32), False, rounded)
    return extremes


def _random_clips(graph: Graph, quant: Quantization) -> np.ndarray:
    """Noise over the input's range, with a level of its own for each clip and band."""
    scale, zero_point = quant.scalar()
    low, high = (-128 - zero_point) * scale, (127 - zero_point) * scale
    dims = graph.tensor(graph.inputs[0]).dims[1:]
    draw = np.random.default_rng(0)
    spread = (high - low) / 8
    noise = draw.normal((high + low) / 2, spread, (_PROBES, *dims))
    noise += draw.normal(0.0, spread, (_PROBES, *(1 for _ in dims)))
    out: np.ndarray = np.clip(noise, low, high).astype(np.float32)
    return out


def _without_rescaling(graph: Graph) -> Graph:
    """Rescaling changes no real value: a reshape to the same shape stands in for it."""
    return graph.rebuild(node.replace(op="reshape") if node.op == "quantize" else node for node in graph.nodes)


def _int16(low: float, high: float) -> Quantization:
    # Bits are left: clips that nobody calibrated with may go as far again.
    scale = np.float32(_MARGIN * max(-low, high, 1e-6) / 32767)
    return Quantization(np.array([scale]), np.zeros(1, np.int64))


def _int8(low: float, high: float) -> Quantization:
    scale = np.float32(max(high - low, 1e-6) / 255)
    zero_point = min(max(round(-128 - low / float(scale)), -128), 127)
    return Quantization(np.array([scale]), np.array([zero_point]))
