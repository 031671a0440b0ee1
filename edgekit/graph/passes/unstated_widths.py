"""int16 where a QDQ model rounds nothing: inside operators of the file that the edge graph writes as several.

A norm that the file has as one operator, or as operators with no quantizer between them, passes through float there
and is rounded once, where it ends. Its parts here are operators of their own. With int8 between them the sum of
squares of a norm has 8 bits, which was most of the distance to the file's own runtime; with int16 what is left is
what its ends round.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import FIXED_OUTPUTS, INT16_OPS, SAME_SCALE_OPS, activation_inputs
from edgekit.graph.passes.widen import WIDE, widen, widths
from edgekit.graph.tensor import Quantization

FINER = 128
"""Steps of int16 in one of int8: the most with which 255 steps to either side of the zero point fit. A power of two,
so that going over is exact and coming back rounds once."""


def widened_unstated(graph: Graph, stated: Mapping[str, Quantization]) -> tuple[Graph, dict[str, Quantization]]:
    """A new graph that computes in int16 between what is stated, and what is known of its activations.

    Wide are operators whose output nobody states, those that read such an output, and mean pools whose output is
    stated in finer steps than their input, which int8 kernels cannot make. What they read and make of int8 passes
    through quantize nodes. Operators without an int16 form, and graph outputs that nobody states, stay int8.

    Args:
        graph: edge, float32, without fake_quant.
        stated: int8 quantization of activations by name.

    Returns:
        The graph, and the quantization of all activations that ``stated`` decides.
    """
    wide = _wide(graph, stated)
    if not wide:
        return graph, dict(stated)
    widened = widen(graph, "none", wide)
    width = widths(widened)
    known = {name: stated[name] for name in widened.inputs if name in stated}
    for node in widened.nodes:
        name = node.outputs[0]
        origin = name if name in stated else name.removesuffix("/int8").removesuffix(f"/{WIDE}")
        if node.op in SAME_SCALE_OPS and width[name] == WIDE and node.inputs[0] in known:
            known[name] = known[node.inputs[0]]
        elif origin in stated:
            known[name] = _finer(stated[origin]) if width[name] == WIDE else stated[origin]
    return widened, known


def _wide(graph: Graph, stated: Mapping[str, Quantization]) -> set[str]:
    """Names of the nodes that compute in int16."""
    unstated = {
        node.outputs[0]
        for node in graph.nodes
        if node.outputs[0] not in stated and node.outputs[0] not in graph.outputs and _has_wide_form(node)
    }
    return {
        node.name
        for node in graph.nodes
        if node.outputs[0] in unstated
        or (_has_wide_form(node) and _reads_beyond(node, unstated))
        or _pools_finer(node, stated)
    }


def _pools_finer(node: Node, stated: Mapping[str, Quantization]) -> bool:
    """Whether a mean pool has another quantization behind it than in front."""
    before, after = stated.get(node.inputs[0]), stated.get(node.outputs[0])
    if node.op != "avg_pool2d" or before is None or after is None:
        return False
    return before.scalar() != after.scalar()


def _reads_beyond(node: Node, unstated: set[str]) -> bool:
    """Whether a node that computes something new reads what nobody states."""
    return node.op not in SAME_SCALE_OPS and any(name in unstated for name in activation_inputs(node))


def _has_wide_form(node: Node) -> bool:
    return node.op in INT16_OPS and node.op not in FIXED_OUTPUTS


def _finer(quant: Quantization) -> Quantization:
    """int16 steps that hold every value of an int8 tensor exactly."""
    return Quantization((quant.scale / FINER).astype(np.float32), np.zeros(1, np.int64))
