"""Paddings that TFLite has no name for, as an operator of their own before the convolution."""

from __future__ import annotations

from edgekit.core.errors import UnsupportedOpError
from edgekit.export.tflite_ops import spatial_padding
from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Tensor

_PADDED_OPS = ("conv2d", "depthwise_conv2d", "avg_pool2d", "max_pool2d")


def split_explicit_pads(graph: Graph) -> Graph:
    """``graph`` in which every padding is SAME or VALID, other ones being pad nodes in front.

    A convolution pads with real 0, as the pad operator does. An average never counts its padding and a maximum never
    lets it win, so theirs cannot be split off, except a maximum's over int8 values whose zero point is the smallest.

    Raises:
        UnsupportedOpError: a pooling node whose padding TFLite cannot express.
    """
    nodes: list[Node] = []
    added: list[Tensor] = []
    for node in graph.nodes:
        if node.op not in _PADDED_OPS or spatial_padding(graph, node) is not None:
            nodes.append(node)
            continue
        _check_splittable(graph, node)
        pad, padded = _pad_node(graph, node)
        added.append(padded)
        attrs = {**node.attrs, "pad": ((0, 0), (0, 0))}
        nodes += [pad, node.replace(inputs=(padded.name, *node.inputs[1:]), attrs=attrs)]
    return graph.rebuild(nodes, added) if added else graph


def _pad_node(graph: Graph, node: Node) -> tuple[Node, Tensor]:
    source = graph.tensor(node.inputs[0])
    batch, height, width, channels = source.dims
    rows, columns = (tuple(pair) for pair in node.attrs["pad"])
    shape = (batch, height + sum(rows), width + sum(columns), channels)
    padded = Tensor(f"{node.name}/padded", shape, source.dtype, source.quant)
    attrs = {"pads": ((0, 0), rows, columns, (0, 0))}
    return Node("pad", f"{node.name}/pad", (source.name,), (padded.name,), attrs), padded


def _check_splittable(graph: Graph, node: Node) -> None:
    source = graph.tensor(node.inputs[0])
    smallest = source.dtype == "int8" and source.scale_zero()[1] == -128
    if node.op == "avg_pool2d" or (node.op == "max_pool2d" and not smallest):
        raise UnsupportedOpError(
            f"{node.op} with padding {node.attrs['pad']}: TFLite's pooling knows only SAME and VALID",
            where=node.name,
            mend="pad the input in an operator of its own, or choose window and stride so that SAME fits",
        )
