"""int16 where a QDQ model rounds nothing: inside operators of the file that the edge graph writes as several.

A norm that the file has as one operator, or as operators with no quantizer between them, passes through float there
and is rounded once, where it ends. Its parts here are operators of their own. With int8 between them a sum of squares
has 8 bits, and the norm's factors come out several steps from the file's own runtime; with int16, seldom one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import FIXED_OUTPUTS, INT16_OPS, SAME_SCALE_OPS, activation_inputs
from edgekit.graph.passes.widen import WIDE, WIDTH
from edgekit.graph.rounding import ONCE, TWICE, Rounding, rounding_of
from edgekit.graph.tensor import Quantization, Tensor

FINER: Mapping[Rounding, int] = MappingProxyType({TWICE: 128, ONCE: 127})
"""Steps of int16 in one of int8, by how the graph rounds: 255 to either side of the zero point fit, and going over is
exact.

128 is a power of two: coming back rounds once although TensorFlow Lite's rescaling rounds twice. 127 is odd: halves of
an int8 step lie in the middle between two of int16, so that what was rounded to these first comes back as the int8 that
it would have been rounded to at once."""


def widened_unstated(graph: Graph, stated: Mapping[str, Quantization]) -> tuple[Graph, dict[str, Quantization]]:
    """A new graph that computes in int16 between what is stated, and what is known of its activations.

    Wide are operators whose output nobody states, those that read such an output, and mean pools whose output is
    stated in finer steps than their input, which int8 kernels cannot make. What is stated stays int8 under its name:
    quantize nodes lead from there into int16 and back. Operators without an int16 form, and graph outputs, are int8.

    Args:
        graph: edge, float32, without fake_quant.
        stated: int8 quantization of activations by name.

    Returns:
        The graph, and the quantization of all activations that ``stated`` decides.
    """
    wide = _wide(graph, stated)
    build = _Widening(graph, dict(stated), dict.fromkeys(graph.inputs, "int8"))
    for node in graph.nodes if wide else ():
        build.add(node, node.name in wide)
    return (graph.rebuild(build.nodes, build.tensors) if wide else graph), build.known


@dataclass
class _Widening:
    """A graph on its way; ``known`` grows with it.

    Attributes:
        graph: where it comes from.
        known: quantization by name.
        width: "int8" or "int16" of what there is so far.
        nodes, tensors: so far; tensors that ``graph`` does not have.
        copies: (name, width) → the same in that width.
    """

    graph: Graph
    known: dict[str, Quantization]
    width: dict[str, str]
    nodes: list[Node] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    copies: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, node: Node, wide: bool) -> None:
        """The node in its width, quantize nodes in front where its inputs have another, and behind what is stated."""
        width, name = (WIDE if wide else "int8"), node.outputs[0]
        if node.op == "quantize" and not wide and self.width[node.inputs[0]] == WIDE:
            self._put(node, "int8")
            return
        read = activation_inputs(node)
        node = node.replace(inputs=tuple(self._in(one, width) if one in read else one for one in node.inputs))
        if not wide or (name not in self.known and name not in self.graph.outputs):
            self._put(node.replace(attrs={**node.attrs, WIDTH: WIDE}) if wide else node, width)
            return
        inner = f"{name}/unrounded"
        if node.op in SAME_SCALE_OPS and node.inputs[0] in self.known:
            self.known[inner] = self.known[node.inputs[0]]
        elif name in self.known:
            self.known[inner] = self._finer(name)
        self.tensors.append(self.graph.tensor(name).replace(name=inner))
        self._put(node.replace(outputs=(inner,), attrs={**node.attrs, WIDTH: WIDE}), WIDE)
        self._put(Node("quantize", f"{name}/rounded", (inner,), (name,)), "int8")

    def _in(self, name: str, width: str) -> str:
        """An activation in that width."""
        if self.width.get(name, width) == width:
            return name
        if (name, width) not in self.copies:
            copy = self.copies[name, width] = f"{name}/{width}"
            self.tensors.append(self.graph.tensor(name).replace(name=copy))
            if width == WIDE and name in self.known:
                self.known[copy] = self._finer(name)
            self._put(Node("quantize", f"{name}/to_{width}", (name,), (copy,), {WIDTH: width}), width)
        return self.copies[name, width]

    def _finer(self, name: str) -> Quantization:
        """int16 steps that hold every value of an int8 tensor exactly."""
        scale = self.known[name].scale / FINER[rounding_of(self.graph)]
        return Quantization(scale.astype(np.float32), np.zeros(1, np.int64))

    def _put(self, node: Node, width: str) -> None:
        self.nodes.append(node)
        self.width[node.outputs[0]] = width


def _wide(graph: Graph, stated: Mapping[str, Quantization]) -> set[str]:
    """Names of the nodes that compute in int16; a graph that rounds once goes from there straight to stated int8."""
    once = rounding_of(graph) == ONCE
    unstated = {
        node.outputs[0]
        for node in graph.nodes
        if node.outputs[0] not in stated and node.outputs[0] not in graph.outputs and _has_wide_form(node)
    }
    return {
        node.name
        for node in graph.nodes
        if node.outputs[0] in unstated
        or (_has_wide_form(node) and _reads_beyond(node, unstated) and not (once and node.op == "quantize"))
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
