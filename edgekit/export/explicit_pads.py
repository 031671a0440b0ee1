"""Paddings that TFLite has no name for, in operators that it has."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.export.padding import Axis, Pair, same_after_extension, same_padding
from edgekit.export.tflite_ops import spatial_axes, spatial_padding
from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Quantization, Tensor

_CONVOLUTIONS = ("conv2d", "depthwise_conv2d")
_POOLS = ("avg_pool2d", "max_pool2d")

Parts = tuple[list[Node], list[Tensor]]


def split_explicit_pads(graph: Graph) -> Graph:
    """``graph`` in which every padding is SAME or VALID; the outputs are the same bytes.

    A convolution pads with real 0, as the pad operator does: that comes in front. An average never counts its padding
    and a maximum never lets it win, so a pool is moved to where SAME's windows are its own: elements appended at the
    end shift SAME's padding, and an identity convolution cuts the windows off that they add.

    Raises:
        UnsupportedOpError: a pooling node whose padding cannot be had that way.
    """
    nodes: list[Node] = []
    added: list[Tensor] = []
    for node in graph.nodes:
        if node.op not in (*_CONVOLUTIONS, *_POOLS) or spatial_padding(graph, node) is not None:
            nodes.append(node)
            continue
        parts = _padded_convolution(graph, node) if node.op in _CONVOLUTIONS else _shifted_pool(graph, node)
        nodes += parts[0]
        added += parts[1]
    return graph.rebuild(nodes, added) if added else graph


def _padded_convolution(graph: Graph, node: Node) -> Parts:
    rows, columns = (axis.reached for axis in spatial_axes(graph, node))
    pad, padded = _pad(graph, node, rows, columns)
    attrs = {**node.attrs, "pad": ((0, 0), (0, 0))}
    return [pad, node.replace(inputs=(padded.name, *node.inputs[1:]), attrs=attrs)], [padded]


def _shifted_pool(graph: Graph, node: Node) -> Parts:
    axes = spatial_axes(graph, node)
    extra = tuple(same_after_extension(axis) for axis in axes)
    if None in extra:
        raise UnsupportedOpError(
            f"{node.op} with padding {node.attrs['pad']}: TFLite's pooling knows only SAME and VALID",
            where=node.name,
            mend="pad the input in an operator of its own (count_include_pad), or choose window and stride for SAME",
        )
    pad, padded = _pad(graph, node, (0, extra[0] or 0), (0, extra[1] or 0))
    longer = [
        Axis(size, axis.kernel, axis.stride, 1, (0, 0)) for size, axis in zip(padded.dims[1:3], axes, strict=True)
    ]
    pads = tuple(same_padding(axis.size, axis.kernel, axis.stride) for axis in longer)
    output = graph.tensor(node.outputs[0])
    size = tuple(-(-axis.size // axis.stride) for axis in longer)
    pooled = output.replace(name=f"{node.name}/pooled", shape=(output.dims[0], *size, output.dims[3]))
    pool = node.replace(inputs=(padded.name,), outputs=(pooled.name,), attrs={**node.attrs, "pad": pads})
    crop, weights = _crop(node, pooled, output)
    return [pad, pool, crop], [padded, pooled, weights]


def _pad(graph: Graph, node: Node, rows: Pair, columns: Pair) -> tuple[Node, Tensor]:
    source = graph.tensor(node.inputs[0])
    batch, height, width, channels = source.dims
    shape = (batch, height + sum(rows), width + sum(columns), channels)
    padded = Tensor(f"{node.name}/padded", shape, source.dtype, source.quant)
    attrs = {"pads": ((0, 0), rows, columns, (0, 0))}
    return Node("pad", f"{node.name}/pad", (source.name,), (padded.name,), attrs), padded


def _crop(node: Node, pooled: Tensor, output: Tensor) -> tuple[Node, Tensor]:
    """A depthwise convolution with one weight of exactly 1, whose kernel is longer by the windows to cut off."""
    kernel = tuple(1 + longer - size for longer, size in zip(pooled.dims[1:3], output.dims[1:3], strict=True))
    channels = output.dims[3]
    integer = output.dtype != "float32"
    data = np.zeros((1, *kernel, channels), np.int8 if integer else np.float32)
    data[:, 0, 0, :] = 1
    quant = Quantization(np.ones(channels), np.zeros(channels), 3) if integer else None
    weights = Tensor(f"{node.name}/crop_weights", data.shape, str(data.dtype), quant, data)
    attrs = {
        "stride": (1, 1),
        "dilation": (1, 1),
        "pad": ((0, 0), (0, 0)),
        "activation": "none",
        "multiplier": 1,
    }
    return Node(
        "depthwise_conv2d", f"{node.name}/crop", (pooled.name, weights.name, ""), (output.name,), attrs
    ), weights
