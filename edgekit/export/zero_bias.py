"""Convolutions and svdf without a bias, given one of zeros: TFLite's kernels require it (TFLM's SVDF ends without)."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import SVDF_MEMORY
from edgekit.graph.tensor import Quantization, Tensor

_CHANNEL_AXIS = {"conv2d": 0, "depthwise_conv2d": 3}
_SVDF_BIAS = 3


def add_zero_bias(graph: Graph) -> Graph:
    """``graph`` in which every convolution and svdf has a bias, of scale input × weight where integer."""
    nodes: list[Node] = []
    added: list[Tensor] = []
    for node in graph.nodes:
        if node.op == "svdf" and not node.inputs[_SVDF_BIAS]:
            added.append(_svdf_bias(graph, node))
            nodes.append(node.replace(inputs=(*node.inputs[:_SVDF_BIAS], added[-1].name, node.inputs[SVDF_MEMORY])))
            continue
        if node.op not in _CHANNEL_AXIS or (len(node.inputs) > 2 and node.inputs[2]):
            nodes.append(node)
            continue
        bias = _zero_bias(graph, node)
        added.append(bias)
        nodes.append(node.replace(inputs=(*node.inputs[:2], bias.name)))
    return graph.rebuild(nodes, added) if added else graph


def _zero_bias(graph: Graph, node: Node) -> Tensor:
    source, weights = graph.tensor(node.inputs[0]), graph.tensor(node.inputs[1])
    channels = weights.dims[_CHANNEL_AXIS[node.op]]
    name = f"{node.name}/zero_bias"
    if weights.quant is None:
        return Tensor(name, (channels,), "float32", data=np.zeros(channels, np.float32))
    scale = np.float32(source.scale_zero()[0]) * weights.quant.scale
    quant = Quantization(scale, np.zeros(scale.size, np.int64), None if scale.size == 1 else 0)
    dtype = "int64" if source.dtype == "int16" else "int32"
    return Tensor(name, (channels,), dtype, quant, np.zeros(channels, dtype))


def _svdf_bias(graph: Graph, node: Node) -> Tensor:
    time, memory, units = (graph.tensor(name) for name in (node.inputs[2], node.inputs[SVDF_MEMORY], node.outputs[0]))
    dims, name = units.dims[-1:], f"{node.name}/zero_bias"
    if time.quant is None:
        return Tensor(name, dims, "float32", data=np.zeros(dims, np.float32))
    scale = np.float32(memory.scale_zero()[0]) * time.quant.scale
    return Tensor(name, dims, "int32", Quantization(scale, np.zeros(1, np.int64)), np.zeros(dims, np.int32))
