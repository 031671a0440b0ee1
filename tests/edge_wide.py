"""int16 forms of the random graphs of edge_ops.py: the same operators and shapes, activations 256 times finer."""

from __future__ import annotations

import numpy as np
from edge_graphs import quant
from edge_ops import OPS

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import FIXED_OUTPUTS, WIDE_OUTPUT, activation_inputs
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.tensor import Quantization, Tensor

STEPS = 256

WIDE_OPS = (
    "conv2d", "conv2d with groups", "depthwise_conv2d", "fully_connected", "avg_pool2d", "max_pool2d", "mean", "sum",
    "add", "sub", "mul", "pad", "reshape", "transpose", "slice", "concat", "softmax", "logistic", "tanh", "rsqrt",
    "batch_matmul", "quantize", "minimum", "maximum", "resize_nearest",
)  # fmt: skip
"""Those of edge_ops.OPS that have an int16 form."""


def wide_graph(op: str, seed: int) -> Graph:
    """A random graph of ``op`` on int16, weights int8 and biases int64."""
    return widened(OPS[op](np.random.default_rng(seed)).graph(), seed)


def widened(graph: Graph, seed: int) -> Graph:
    """The graph with all activations int16, ``STEPS`` times finer, weights int8 and biases int64."""
    rng = np.random.default_rng(seed + 5000)
    tensors = dict(graph.tensors)
    fixed = {node.outputs[0] for node in graph.nodes if node.op in FIXED_OUTPUTS}
    names = {*graph.inputs, *(node.outputs[0] for node in graph.nodes)}
    names |= {name for node in graph.nodes for name in activation_inputs(node)}
    for name in names:
        tensors[name] = _wide(tensors[name], name in fixed, rng)
    for node in graph.nodes:
        if node.op in WEIGHTED and len(node.inputs) > 2 and node.inputs[2]:
            bias = tensors[node.inputs[2]]
            assert bias.quant is not None
            stated = Quantization(bias.quant.scale / np.float32(STEPS), bias.quant.zero_point, bias.quant.axis)
            data = np.asarray(bias.data).astype(np.int64) * STEPS
            tensors[bias.name] = Tensor(bias.name, bias.shape, "int64", stated, data)
    return graph.replace(tensors=tensors)


def narrow_ends(graph: Graph) -> Graph:
    """The graph with int8 input and output: compiled models have these."""
    (source,), (output,) = graph.inputs, graph.outputs
    zero_point = -128 if graph.nodes[0].op == "rsqrt" else 0  # roots of nothing negative
    scale = graph.tensor(source).scale_zero()[0] * 256 / (2 if zero_point else 1)
    begin = Tensor("begin", graph.tensor(source).shape, "int8", quant(scale, zero_point))
    end = Tensor("end", graph.tensor(output).shape, "int8", quant(graph.tensor(output).scale_zero()[0] * 300, 5))
    nodes = (
        Node("quantize", "widen", ("begin",), (source,)),
        *graph.nodes,
        Node("quantize", "narrow", (output,), ("end",)),
    )
    return graph.rebuild(nodes, [begin, end], inputs=("begin",), outputs=("end",))


def _wide(tensor: Tensor, fixed: bool, rng: np.random.Generator) -> Tensor:
    scale = WIDE_OUTPUT[0] if fixed else tensor.scale_zero()[0] / STEPS
    data = None if tensor.data is None else random_int16(rng, tensor.data.shape)
    return Tensor(tensor.name, tensor.shape, "int16", quant(scale, 0), data)


def random_int16(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform int16 values, both ends included."""
    return rng.integers(-32768, 32768, size=shape, dtype=np.int16)


def wide_clips(graph: Graph, seed: int, count: int) -> np.ndarray:
    """Inputs of a graph of :func:`wide_graph`: uniform, and none negative where only roots are drawn."""
    dims = graph.tensor(graph.inputs[0]).dims
    clips = random_int16(np.random.default_rng(seed), (count, *(dims[1:] if dims[0] == 1 else dims)))
    return np.abs(np.maximum(clips, -32767)) if graph.nodes[0].op == "rsqrt" else clips
