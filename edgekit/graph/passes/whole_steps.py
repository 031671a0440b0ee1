"""Steps of int16 in which less is rounded, for graphs that round once (graph/rounding.py).

A QDQ model computes with real numbers between the places where it rounds to int8. int16 stands in for these (see
unstated_widths.py); two choices of its steps make that exact, or make its rounding vanish in the int8 one behind it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.widen import WIDE
from edgekit.graph.rounding import ONCE, rounding_of
from edgekit.graph.tensor import Quantization

_ONE_WAY = 1 + 1e-4
"""Quantizers that saw the same values may differ in a step's last digits: up to here it is one."""
_LARGEST = 32767

Quants = Mapping[str, Quantization]


def whole_steps(graph: Graph, node: Node, quants: Quants, width: Mapping[str, str], wide: Quantization) -> Quantization:
    """The quantization of an int16 output of which the model says nothing.

    Args:
        graph: edge, float32, without fake_quant.
        node: that makes it.
        quants: of activations, as the model states them.
        width: of activations.
        wide: what it has otherwise, and where the graph rounds twice.
    """
    if rounding_of(graph) != ONCE or width[node.outputs[0]] != WIDE:
        return wide
    return _exact_product(graph, node, quants, width) or _nested(graph, node.outputs[0], quants, wide)


def _exact_product(graph: Graph, node: Node, quants: Quants, width: Mapping[str, str]) -> Quantization | None:
    """Steps of which the product of two int8 values is a whole number; None where the largest does not fit."""
    makers = [graph.producers().get(name) for name in node.inputs] if node.op == "mul" else []
    sources = [maker.inputs[0] for maker in makers if maker is not None and maker.op == "quantize"]
    if len(sources) != 2 or not all(width.get(name) == "int8" and name in quants for name in sources):
        return None
    step, reach = 1.0, 1
    for name in sources:
        scale, zero_point = quants[name].scalar()
        step, reach = step * scale, reach * max(128 + zero_point, 127 - zero_point)
    return Quantization(np.array([np.float32(step)]), np.zeros(1, np.int64)) if reach <= _LARGEST else None


def _nested(graph: Graph, name: str, quants: Quants, wide: Quantization) -> Quantization:
    """A little coarser, so that the int8 step that the tensor is rounded to is an odd number of its own.

    Rounding to int16 and then to int8 is rounding to int8 then (unstated_widths.FINER). As it is, where it is rounded
    to int8 in several ways or nowhere.
    """
    readers = [node for node in graph.consumers().get(name, []) if node.op == "quantize" and node.outputs[0] in quants]
    steps = [quants[node.outputs[0]].scalar()[0] for node in readers]
    count = int(min(steps, default=0.0) / wide.scalar()[0])
    if count < 1 or max(steps) > min(steps) * _ONE_WAY:
        return wide
    return Quantization(np.array([np.float32(min(steps) / (count - 1 + count % 2))]), wide.zero_point)
