"""Time to the front: a graph whose input is [1, F, T, C] computed as [1, T, F, C].

One frame is then one run of bytes, as a ring needs it. Kernels, strides and paddings change their two axes over, and so
does every activation of rank 4; sums are over the same products, so integer results are the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.core.errors import BadConfigError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import activation_inputs
from edgekit.graph.tensor import Tensor

SWAP = (0, 2, 1, 3)
_PAIRS = ("stride", "dilation", "pad", "window", "size")
_ROWS = ("pads", "begin", "size", "stride")


def time_first(graph: Graph, axis: int) -> Graph:
    """``graph`` with time on axis 1 of its input; the graph itself where it is there already.

    Raises:
        BadConfigError: the input is not [1, H, W, C], or ``axis`` is neither 1 nor 2.
    """
    dims = graph.tensor(graph.inputs[0]).dims if graph.inputs else ()
    if axis == 1:
        return graph
    if axis != 2 or len(dims) != 4:
        raise BadConfigError(f"the input {list(dims)} has no time axis {axis}", where=graph.name, mend="give 1 or 2")
    return _Turned(graph).graph()


class _Turned:
    """The turned graph in the making: every activation of rank 4 has its axes 1 and 2 exchanged."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._tensors: dict[str, Tensor] = dict(graph.tensors)
        self._nodes: list[Node] = []

    def graph(self) -> Graph:
        """Build it."""
        for name in self._graph.inputs:
            self._turn(name)
        for node in self._graph.nodes:
            self._append(node)
        outputs = tuple(self._plain(name) for name in self._graph.outputs)
        return self._graph.replace(outputs=outputs).rebuild(self._nodes, self._tensors.values(), outputs=outputs)

    def _turn(self, name: str) -> None:
        tensor = self._graph.tensor(name)
        if len(tensor.dims) == 4:
            self._tensors[name] = tensor.replace(shape=tuple(tensor.dims[i] for i in SWAP))

    def _append(self, node: Node) -> None:
        source, output = (self._graph.tensor(name).dims for name in (node.inputs[0], node.outputs[0]))
        if node.op in ("reshape", "fully_connected") or (len(source) == 4) != (len(output) == 4):
            self._append_plain(node)
            return
        self._turn(node.outputs[0])
        if len(source) != 4:
            self._nodes.append(node)
            return
        inputs = tuple(self._input(node, i) for i in range(len(node.inputs)))
        self._nodes.append(node.replace(inputs=inputs, attrs=_turned_attrs(node)))

    def _input(self, node: Node, place: int) -> str:
        name = node.inputs[place]
        tensor = self._graph.tensors.get(name)
        if tensor is None or not tensor.constant or tensor.data is None or len(tensor.dims) != 4:
            return name
        if name not in activation_inputs(node) and not (place == 1 and node.op in ("conv2d", "depthwise_conv2d")):
            return name
        data = np.ascontiguousarray(np.asarray(tensor.data).reshape(tensor.dims).transpose(SWAP))
        turned = tensor.replace(name=f"{name}@turned", shape=data.shape, data=data)
        self._tensors[turned.name] = turned
        return turned.name

    def _append_plain(self, node: Node) -> None:
        """A layer that reads its input in another order of axes gets it in the order that it knows."""
        inputs = tuple(
            self._plain(name) if name and not self._graph.tensor(name).constant else name for name in node.inputs
        )
        output = self._graph.tensor(node.outputs[0])
        if len(output.dims) != 4 or 1 in output.dims[1:3]:
            self._turn(output.name)
            if node.op == "reshape" or len(output.dims) != 4:
                self._nodes.append(node.replace(inputs=inputs))
                return
        plain = output.replace(name=f"{output.name}@plain")
        self._tensors[plain.name] = plain
        self._turn(output.name)
        self._nodes.append(node.replace(inputs=inputs, outputs=(plain.name,)))
        self._nodes.append(Node("transpose", f"{node.name}@turn", (plain.name,), (output.name,), {"perm": SWAP}))

    def _plain(self, name: str) -> str:
        """``name`` in the order of axes that it had; a copy only where two axes are really exchanged."""
        tensor = self._graph.tensor(name)
        if len(tensor.dims) != 4:
            return name
        plain = f"{name}@plain"
        if plain not in self._tensors:
            self._tensors[plain] = tensor.replace(name=plain)
            turn = Node("transpose", f"{plain}@turn", (name,), (plain,), {"perm": SWAP})
            if 1 in tensor.dims[1:3]:
                turn = Node("reshape", f"{plain}@turn", (name,), (plain,))
            self._nodes.append(turn)
        return plain


def _turned_attrs(node: Node) -> Mapping[str, Any]:
    attrs = dict(node.attrs)
    if node.op == "transpose":
        attrs["perm"] = tuple(SWAP[node.attrs["perm"][SWAP[i]]] for i in range(4))
    if node.op in ("mean", "sum"):
        attrs["axes"] = tuple(sorted(SWAP[axis] for axis in attrs["axes"]))
    if node.op == "concat":
        attrs["axis"] = SWAP[attrs["axis"]]
    for key, value in node.attrs.items():
        if key in _ROWS and isinstance(value, tuple) and len(value) == 4:
            attrs[key] = tuple(value[i] for i in SWAP)
        elif key in _PAIRS and isinstance(value, tuple | list) and len(value) == 2:
            attrs[key] = tuple(reversed(value))
    return attrs
