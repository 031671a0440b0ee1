"""How far in front of its input an operator's output must begin so that what it overwrites was read before.

The distances hold for the generated kernels, which work through their output in row-major order of positions:

- conv2d gathers a position's patch before it writes that position, and never reads an earlier one again, where it has
  working memory; so does fully_connected with its rows;
- depthwise_conv2d without a multiplier gathers a whole channel before it writes that channel, and reads and writes of
  one channel have their own bytes: its output may lie exactly on its input;
- avg_pool2d and max_pool2d write a position only after they have read its window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgekit.graph.attention import ATTENTION, attention_overlap
from edgekit.graph.graph import Graph, Node
from edgekit.graph.placement import Overlap
from edgekit.graph.scratch import conv_dims, dense_patches_of, patches_of, plane_of


def input_overlaps(graph: Graph) -> dict[str, Overlap]:
    """Node name to how its output may lie over its first input; other nodes keep clear of their input.

    Raises:
        UnsupportedOpError: a convolution that is not of rank 4.
    """
    ruled = [node for node in graph.nodes if graph.tensor(node.outputs[0]).dtype in _TYPES.get(node.op, ())]
    found = {node.name: _RULES[node.op](graph, node) for node in ruled}
    return {name: how for name, how in found.items() if how is not None}


def _conv2d(graph: Graph, node: Node) -> Overlap | None:
    source, weights, output = conv_dims(graph, node)
    stride, pad = node.attrs["stride"], node.attrs["pad"]
    patches, each = patches_of(weights, source[3], output, stride, pad), _element(graph, node)
    if not (patches.block if each == 1 else patches.wide_nbytes):
        return None
    read = _first_reads(source, output, stride, (pad[0][0], pad[1][0]))
    return Overlap(each * max(0, int(np.max(np.arange(read.size) * output[3] - read))))


def _fully_connected(graph: Graph, node: Node) -> Overlap | None:
    patches = dense_patches_of(graph, node)
    if patches is None:
        return None
    growth = graph.tensor(node.inputs[1]).dims[0] - patches.depth
    return Overlap(max(0, (patches.pixels - 1) * growth))


def _depthwise_conv2d(graph: Graph, node: Node) -> Overlap | None:
    source, _, output = conv_dims(graph, node)
    fits = source[3] == output[3] and output[1] * output[2] <= source[1] * source[2]
    return Overlap(0, exact=True) if fits and plane_of(graph, node).whole else None


def _pool2d(graph: Graph, node: Node) -> Overlap | None:
    source, output = graph.tensor(node.inputs[0]).dims, graph.tensor(node.outputs[0]).dims
    pad = node.attrs["pad"]
    read = _first_reads(source, output, node.attrs["stride"], (pad[0][0], pad[1][0]))
    return Overlap(_element(graph, node) * max(0, int(np.max((np.arange(read.size) + 1) * output[3] - read))))


def _element(graph: Graph, node: Node) -> int:
    """Bytes of an activation of the output's type."""
    return 2 if graph.tensor(node.outputs[0]).dtype == "int16" else 1


def _first_reads(
    source: tuple[int, ...], output: tuple[int, ...], stride: tuple[int, int], before: tuple[int, int]
) -> np.ndarray:
    """Lowest element of the input that is read for each output position or a later one, int64 [Ho·Wo]."""
    rows = np.clip(np.arange(output[1]) * stride[0] - before[0], 0, source[1])
    columns = np.clip(np.arange(output[2]) * stride[1] - before[1], 0, source[2])
    first = ((rows[:, None] * source[2] + columns[None, :]) * source[3]).ravel()
    return np.minimum.accumulate(first[::-1])[::-1]


_RULES: Mapping[str, Callable[[Graph, Node], Overlap | None]] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise_conv2d,
    "fully_connected": _fully_connected,
    "avg_pool2d": _pool2d,
    "max_pool2d": _pool2d,
    ATTENTION: attention_overlap,
}
_TYPES = dict.fromkeys(_RULES, ("int8",)) | dict.fromkeys(
    ("conv2d", "depthwise_conv2d", "avg_pool2d", "max_pool2d"), ("int8", "int16")
)
"""Of outputs."""
