"""Random integer graphs of one to twelve operators, one for every seed.

Chains with residual sums, gates that broadcast, branches that are cut out and joined again, shapes from vectors to
images. One graph in four computes in int16 between a quantize from int8 and one back.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from edge_graphs import quant
from edge_wide import STEPS, random_int16
from int8_oracles import random_int8
from random_chain import Chain, Unfit
from random_ops import APPEND

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.interpreter import prepare, run_integer
from edgekit.graph.ops import FIXED_OUTPUTS, INT16_OPS, SAME_SCALE_OPS, WIDE_OUTPUT, activation_inputs
from edgekit.graph.passes.check_edge import WEIGHTED, check_edge
from edgekit.graph.tensor import Quantization, Tensor

MOST_NODES = 12
CLIPS = 6
WEIGHTS = {
    "conv2d": 4.0,
    "depthwise_conv2d": 3.0,
    "max_pool2d": 3.0,
    "avg_pool2d": 3.0,
    "add": 2.0,
    "concat": 2.0,
    "fully_connected": 1.5,
    "reshape": 0.5,
}
"""How often an operator is drawn, where not once: shapes that later operators need are kept for a while."""
LEAST_VALUES = 4
"""Different output values over all clips below which a graph shows nothing and is drawn again."""


def random_graph(seed: int) -> tuple[Graph, np.ndarray]:
    """The graph of ``seed`` and its int8 clips [CLIPS, …]; the same ones for the same seed."""
    for graph, rng in _attempts(seed):
        clips = random_int8(rng, (CLIPS, *clip_shape(graph)))
        clips[0], clips[1] = -128, 127
        if np.unique(run_integer(graph, clips)).size >= LEAST_VALUES:
            return graph, clips
    raise AssertionError("unreachable: attempts do not end")


def clip_shape(graph: Graph) -> tuple[int, ...]:
    """Shape of one clip: the input's without a leading 1."""
    dims = graph.tensor(graph.inputs[0]).dims
    return dims[1:] if dims[0] == 1 else dims


def operators(graph: Graph) -> tuple[str, ...]:
    """Operators of the nodes, those on int16 with that behind the name."""
    return tuple(operator(graph, node) for node in graph.nodes)


def operator(graph: Graph, node: Node) -> str:
    """Operator of a node, as results name it."""
    kinds = {graph.tensor(name).dtype for name in (node.inputs[0], node.outputs[0])}
    return f"{node.op} int16" if "int16" in kinds else node.op


def _attempts(seed: int) -> Iterator[tuple[Graph, np.random.Generator]]:
    attempt = 0
    while True:
        rng = np.random.default_rng([seed, attempt])
        attempt += 1
        wide = rng.integers(4) == 0
        most = _count(rng) - (2 if wide else 0)
        chain = _chain(rng, max(1, most), wide)
        try:
            graph = chain.graph()
            graph = graph.rebuild(graph.nodes)
            graph = _narrow_ends(_widened(graph, rng), rng) if wide else graph
            prepare(check_edge(graph))
        except (UnsupportedOpError, BadFileError):  # scales that the reference kernels refuse, too
            continue
        yield graph.replace(name=f"seed {seed}"), rng


def _count(rng: np.random.Generator) -> int:
    weights = 1 / (np.arange(1, MOST_NODES + 1) + 3.0)
    return int(rng.choice(np.arange(1, MOST_NODES + 1), p=weights / weights.sum()))


def _chain(rng: np.random.Generator, most: int, wide: bool) -> Chain:
    """A chain of at most ``most`` nodes that ends in its last tensor; nodes that nothing reads are dropped."""
    names = [op for op in APPEND if not wide or op in INT16_OPS]
    weights = np.array([WEIGHTS.get(op, 1.0) for op in names])
    if rng.integers(6):
        shape = (
            1,
            *(int(rng.integers(1, 12)) for _ in range(2)),
            int(rng.integers(1, [13, 13, 13, 34][rng.integers(4)])),
        )
    else:
        shape = (1, int(rng.integers(2, 200)))
    chain = Chain(rng, shape, [-128, 127, None, None, None][rng.integers(5)])
    failures = 0
    while len(chain.nodes) < most and failures < 60:
        keep = (dict(chain.tensors), list(chain.nodes), list(chain.earlier), chain.x)
        try:
            APPEND[names[int(rng.choice(len(names), p=weights / weights.sum()))]](chain)
            fits = len(chain.nodes) <= most
        except Unfit:
            fits = False
        if not fits:
            chain.tensors, chain.nodes, chain.earlier, chain.x = keep
            failures += 1
        elif rng.integers(8) == 0 and len(chain.nodes) < most - 1:
            chain.x = chain.earlier[int(rng.integers(len(chain.earlier)))]  # a branch begins
    chain.x = chain.earlier[-1]
    _drop_unread(chain)
    return chain


def _drop_unread(chain: Chain) -> None:
    wanted, nodes = {chain.x.name}, []
    for node in reversed(chain.nodes):
        if node.outputs[0] in wanted:
            wanted |= set(node.inputs)
            nodes.append(node)
    chain.nodes = nodes[::-1]
    chain.tensors = {name: tensor for name, tensor in chain.tensors.items() if name in wanted | {chain.first}}


def _widened(graph: Graph, rng: np.random.Generator) -> Graph:
    """The same nodes on int16, 256 times finer: biases int64, zero points 0."""
    tensors = dict(graph.tensors)
    source = graph.inputs[0]
    tensors[source] = _wide(tensors[source], tensors[source].scale_zero()[0] / STEPS, rng)
    for node in graph.nodes:
        for name in activation_inputs(node):
            if tensors[name].constant and tensors[name].dtype == "int8":
                tensors[name] = _wide(tensors[name], tensors[name].scale_zero()[0] / STEPS, rng)
        output = tensors[node.outputs[0]]
        scale = output.scale_zero()[0] / STEPS
        if node.op in FIXED_OUTPUTS:
            scale = WIDE_OUTPUT[0]
        elif node.op in SAME_SCALE_OPS:
            scale = tensors[node.inputs[0]].scale_zero()[0]
        tensors[output.name] = _wide(output, scale, rng)
        if node.op in WEIGHTED and node.inputs[2:] and node.inputs[2]:
            tensors[node.inputs[2]] = _wide_bias(
                tensors[node.inputs[2]], tensors[node.inputs[0]], tensors[node.inputs[1]]
            )
    return graph.replace(tensors=tensors)


def _wide(tensor: Tensor, scale: float, rng: np.random.Generator) -> Tensor:
    data = None if tensor.data is None else random_int16(rng, tensor.data.shape)
    return Tensor(tensor.name, tensor.shape, "int16", quant(scale, 0), data)


def _wide_bias(bias: Tensor, source: Tensor, weights: Tensor) -> Tensor:
    assert bias.quant is not None and weights.quant is not None and bias.data is not None
    scale = np.float32(source.scale_zero()[0]) * weights.quant.scale
    stated = Quantization(scale, bias.quant.zero_point, bias.quant.axis)
    return Tensor(bias.name, bias.shape, "int64", stated, bias.data.astype(np.int64) * STEPS)


def _narrow_ends(graph: Graph, rng: np.random.Generator) -> Graph:
    """The graph with int8 input and output: compiled models have these."""
    (source,), (output,) = graph.inputs, graph.outputs
    begin, end = (graph.tensor(name) for name in (source, output))
    first = Tensor("begin", begin.shape, "int8", quant(begin.scale_zero()[0] * STEPS, int(rng.integers(-40, 41))))
    last = Tensor("end", end.shape, "int8", quant(end.scale_zero()[0] * 300, int(rng.integers(-40, 41))))
    nodes = (
        Node("quantize", "widen", ("begin",), (source,)),
        *graph.nodes,
        Node("quantize", "narrow", (output,), ("end",)),
    )
    return graph.rebuild(nodes, [first, last], inputs=("begin",), outputs=("end",))
