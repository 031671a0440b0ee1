"""Time to the front: a graph whose input is [1, F, T, C] computed as [1, T, F, C], wherever in it time comes second.

One frame is then one run of bytes, as a ring needs it. Kernels, strides and paddings change their two axes over, and so
does every activation of rank 4 that has time second; an exchange of the two axes inside the graph becomes nothing at
all. Sums are over the same products, so integer results are the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.core.errors import BadConfigError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import activation_inputs
from edgekit.graph.passes.drop_dead import drop_dead
from edgekit.graph.tensor import Tensor

SWAP = (0, 2, 1, 3)
_PAIRS = ("stride", "dilation", "pad", "window", "size")
_ROWS = ("pads", "begin", "size", "stride")


def time_first(graph: Graph, axis: int) -> Graph:
    """``graph`` with time on axis 1 of its input and behind every exchange of axes; itself where it is there already.

    Raises:
        BadConfigError: the input is not [1, H, W, C], or ``axis`` is neither 1 nor 2.
    """
    dims = graph.tensor(graph.inputs[0]).dims if graph.inputs else ()
    if axis not in (1, 2) or (axis == 2 and len(dims) != 4):
        raise BadConfigError(f"the input {list(dims)} has no time axis {axis}", where=graph.name, mend="give 1 or 2")
    begun = _begun_turned(graph) if axis == 2 else None
    if begun is not None:
        return time_first(begun, 1)
    if axis == 1 and not any(_exchanges(node) for node in graph.nodes):
        return graph
    return _Turned(graph, axis == 2).graph()


def _begun_turned(graph: Graph) -> Graph | None:
    """The graph from where its own first layers, mere rearrangements of its input [1, F, T, 1], put time in front."""
    source = graph.tensor(graph.inputs[0])
    _, bins, frames, channels = source.dims
    wanted = np.arange(bins * frames).reshape(bins, frames).T
    name, index, readers = source.name, np.arange(source.elements).reshape(source.dims), graph.consumers()
    while channels == 1 and len(readers.get(name, [])) == 1 and readers[name][0].op in ("reshape", "transpose"):
        node = readers[name][0]
        name = node.outputs[0]
        index = index.reshape(graph.tensor(name).dims) if node.op == "reshape" else index.transpose(node.attrs["perm"])
        if index.shape[:2] == (1, frames) and np.array_equal(index.reshape(frames, bins), wanted):
            return drop_dead(_from(graph, name))
    return None


def _from(graph: Graph, name: str) -> Graph:
    """The part of the graph behind ``name``, which becomes its input."""
    known = {name}
    nodes = []
    for node in graph.nodes:
        if any(item in known for item in node.inputs):
            known.update(node.outputs)
            nodes.append(node)
    return graph.rebuild(nodes, inputs=(name,))


def _exchanges(node: Node) -> bool:
    return node.op == "transpose" and tuple(node.attrs["perm"]) == SWAP


class _Turned:
    """The turned graph in the making. ``_turned`` says of every activation of rank 4 whether its axes 1 and 2 are
    exchanged here.
    """

    def __init__(self, graph: Graph, second: bool) -> None:
        self._graph, self._second = graph, second
        self._tensors: dict[str, Tensor] = dict(graph.tensors)
        self._nodes: list[Node] = []
        self._turned: dict[str, bool] = {}

    def graph(self) -> Graph:
        """Build it."""
        for name in self._graph.inputs:
            self._put(name, self._second)
        for node in self._graph.nodes:
            self._append(node)
        outputs = tuple(self._as(name, False) for name in self._graph.outputs)
        return self._graph.replace(outputs=outputs).rebuild(self._nodes, self._tensors.values(), outputs=outputs)

    def _put(self, name: str, turned: bool) -> None:
        tensor = self._graph.tensor(name)
        if len(tensor.dims) == 4:
            self._turned[name] = turned
            self._tensors[name] = tensor.replace(shape=_swapped(tensor.dims)) if turned else tensor

    def _append(self, node: Node) -> None:
        source, output = (self._graph.tensor(name).dims for name in (node.inputs[0], node.outputs[0]))
        if _exchanges(node) and len(source) == 4:
            self._put(node.outputs[0], not self._turned.get(node.inputs[0], False))
            self._nodes.append(Node("reshape", node.name, node.inputs[:1], node.outputs))  # the same bytes
        elif node.op in ("reshape", "fully_connected") or (len(source) == 4) != (len(output) == 4):
            self._append_plain(node)
        elif len(source) != 4:
            self._nodes.append(node)
        else:
            turned = self._turned.get(node.inputs[0], self._second)
            self._put(node.outputs[0], turned)
            inputs = tuple(self._input(node, i, turned) for i in range(len(node.inputs)))
            self._nodes.append(node.replace(inputs=inputs, attrs=_turned_attrs(node) if turned else node.attrs))

    def _input(self, node: Node, place: int, turned: bool) -> str:
        name = node.inputs[place]
        tensor = self._graph.tensors.get(name)
        if tensor is None or len(tensor.dims) != 4:
            return name
        if not tensor.constant:
            return self._as(name, turned)
        weights = place == 1 and node.op in ("conv2d", "depthwise_conv2d")
        if not turned or tensor.data is None or not (weights or name in activation_inputs(node)):
            return name
        data = np.ascontiguousarray(np.asarray(tensor.data).reshape(tensor.dims).transpose(SWAP))
        own = tensor.replace(name=f"{name}@turned", shape=data.shape, data=data)
        self._tensors[own.name] = own
        return own.name

    def _append_plain(self, node: Node) -> None:
        """A layer that reads its input in another order of axes gets it in the order that it knows."""
        inputs = tuple(
            self._as(name, False) if name and not self._graph.tensor(name).constant else name for name in node.inputs
        )
        output = self._graph.tensor(node.outputs[0])
        self._put(output.name, self._second)
        if len(output.dims) != 4 or not self._second or (node.op == "reshape" and 1 in output.dims[1:3]):
            self._nodes.append(node.replace(inputs=inputs))
            return
        plain = output.replace(name=f"{output.name}@plain")
        self._tensors[plain.name] = plain
        self._nodes.append(node.replace(inputs=inputs, outputs=(plain.name,)))
        self._nodes.append(_exchange(f"{node.name}@turn", plain, output.name))

    def _as(self, name: str, turned: bool) -> str:
        """``name`` with its axes exchanged or not; a copy only where they are really two."""
        tensor = self._graph.tensor(name)
        if len(tensor.dims) != 4 or self._turned.get(name, False) == turned:
            return name
        other = f"{name}@{'turned' if turned else 'plain'}"
        if other not in self._tensors:
            self._tensors[other] = tensor.replace(name=other, shape=_swapped(tensor.dims) if turned else tensor.dims)
            self._nodes.append(_exchange(f"{other}@turn", self._tensors[name], other))
        return other


def _swapped(dims: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dims[i] for i in SWAP)


def _exchange(name: str, source: Tensor, output: str) -> Node:
    """``source`` with axes 1 and 2 exchanged; where one of them is 1 these are the same bytes."""
    if 1 in source.dims[1:3]:
        return Node("reshape", name, (source.name,), (output,))
    return Node("transpose", name, (source.name,), (output,), {"perm": SWAP})


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
