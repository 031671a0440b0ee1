"""Which operators can work row by row, and which rows of their input a row of their output needs.

Row r of the output needs the input's rows r·stride − top up to, not including, r·stride − top + rows; those outside the
image count as the input's zero point. A pool never counts what lies outside, so a pool that overhangs has no reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import BINARY_OPS, activation_inputs


@dataclass(frozen=True)
class Reach:
    """Rows of the input that one row of the output needs, from ``top`` above it; the next row's lie ``stride`` on."""

    rows: int
    stride: int
    top: int


SAME_ROW = Reach(1, 1, 0)
"""Element-wise: row r needs row r."""


def reach_of(graph: Graph, node: Node) -> Reach | None:
    """The reach of a node of an integer edge graph; None where it cannot work row by row.

    Activations are int8 [1,H,W,C], or int16 where convolutions are; both sides of a sum or product are that, or one is
    a constant that does not change from row to row.
    """
    if node.op not in _RULES or not all(_image(graph, name) for name in streams(graph, node)):
        return None
    if not _image(graph, node.outputs[0]):
        return None
    return _RULES[node.op](graph, node)


def streams(graph: Graph, node: Node) -> tuple[str, ...]:
    """The activations that a node reads row by row."""
    return tuple(name for name in activation_inputs(node) if not graph.tensor(name).constant)


def _image(graph: Graph, name: str) -> bool:
    tensor = graph.tensor(name)
    known = tensor.dtype == "int8" or (tensor.dtype == "int16" and _wide(graph))
    return known and len(tensor.dims) == 4 and tensor.dims[0] == 1 and 0 not in tensor.dims


def _wide(graph: Graph) -> bool:
    """Convolutions are on int16. Where they are on int8, int16 between them is one fused step (fused_group.py)."""
    weighted = (node for node in graph.nodes if node.op in ("conv2d", "depthwise_conv2d"))
    return any(graph.tensor(node.outputs[0]).dtype == "int16" for node in weighted)


def _weighted(graph: Graph, node: Node) -> Reach | None:
    height = graph.tensor(node.inputs[1]).dims[1]
    rows = (height - 1) * node.attrs["dilation"][0] + 1
    return Reach(rows, node.attrs["stride"][0], node.attrs["pad"][0][0])


def _pool(graph: Graph, node: Node) -> Reach | None:
    window, stride, top = node.attrs["window"][0], node.attrs["stride"][0], node.attrs["pad"][0][0]
    height, out_height = graph.tensor(node.inputs[0]).dims[1], graph.tensor(node.outputs[0]).dims[1]
    inside = top == 0 and (out_height - 1) * stride + window <= height
    return Reach(window, stride, 0) if inside else None


def _pad(graph: Graph, node: Node) -> Reach | None:
    pads = node.attrs["pads"]
    return Reach(1, 1, pads[1][0]) if tuple(pads[0]) == (0, 0) else None


def _alone(graph: Graph, node: Node) -> Reach | None:
    return SAME_ROW if graph.tensor(node.inputs[0]).dims == graph.tensor(node.outputs[0]).dims else None


def _pair(graph: Graph, node: Node) -> Reach | None:
    dims = graph.tensor(node.outputs[0]).dims
    same = all(graph.tensor(name).dims == dims for name in streams(graph, node))
    return SAME_ROW if same and all(_steady(graph, name) for name in node.inputs) else None


def _steady(graph: Graph, name: str) -> bool:
    """No constant, or one whose rows are all the same."""
    tensor = graph.tensor(name)
    return not tensor.constant or len(tensor.dims) < 3 or tensor.dims[-3] == 1


_UNARY = ("relu", "relu6", "logistic", "tanh", "leaky_relu", "hard_swish", "lookup", "pointwise", "quantize")

_RULES: Mapping[str, Callable[[Graph, Node], Reach | None]] = {
    "conv2d": _weighted,
    "depthwise_conv2d": _weighted,
    "avg_pool2d": _pool,
    "max_pool2d": _pool,
    "pad": _pad,
    **dict.fromkeys(_UNARY, _alone),
    **dict.fromkeys(sorted(BINARY_OPS), _pair),
}
