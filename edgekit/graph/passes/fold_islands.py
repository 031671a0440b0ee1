"""Float islands of integer TFLite files, dequantize → functions of one value → quantize, become tables of 256 values.

TensorFlow's converter leaves them where TFLite has no int8 kernel: NEG in every Keras LayerNormalization, ELU, SQUARE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import INT8_MAX, INT8_MIN, round_half_away
from edgekit.graph.tensor import Tensor

_OF_ONE_VALUE = frozenset(
    {"pointwise", "relu", "relu6", "logistic", "tanh", "leaky_relu", "hard_swish", "rsqrt", "reshape"}
)


def fold_islands(graph: Graph) -> Graph:
    """A new graph in which every such island from int8 to int8 is one ``lookup``.

    A value of the table is what the runtime computes for the input: float32 steps · (q − zero point), the functions,
    and the quotient by the output's scale rounded half away from zero (TFLite's reference kernels).
    """
    readers, makers = graph.consumers(), {node.outputs[0]: node for node in graph.nodes}
    tensors, folded = dict(graph.tensors), {}
    for node in graph.nodes:
        island = _island(graph, node, readers, makers)
        if not island:
            continue
        source, target = island[0].inputs[0], node.outputs[0]
        name = f"{node.name}/table"
        table = _table(graph, island, source, target)
        tensors[name] = Tensor(name, (256,), "int8", quant=graph.tensor(target).quant, data=table)
        folded[node.name] = node.replace(op="lookup", inputs=(source, name), attrs={})
    if not folded:
        return graph
    whole = Graph(graph.name, graph.dialect, tensors, graph.nodes, graph.inputs, graph.outputs, graph.metadata)
    return whole.rebuild(folded.get(node.name, node) for node in graph.nodes)


def _island(graph: Graph, last: Node, readers: Mapping[str, list[Node]], makers: Mapping[str, Node]) -> Sequence[Node]:
    """The nodes from the dequantize to the quantize ``last``; none where there is something else between them."""
    if last.op != "quantize" or graph.tensor(last.outputs[0]).dtype != "int8":
        return ()
    chain = [last]
    while chain[0].op != "dequantize":
        before = makers.get(chain[0].inputs[0])
        if before is None or (before.op != "dequantize" and before.op not in _OF_ONE_VALUE):
            return ()
        chain.insert(0, before)
    same = graph.tensor(chain[0].inputs[0]).dims == graph.tensor(last.outputs[0]).dims
    return chain if same and graph.tensor(chain[0].inputs[0]).dtype == "int8" and len(chain) > 2 else ()


def _table(graph: Graph, island: Sequence[Node], source: str, target: str) -> np.ndarray:
    """int8 [256]: what the island makes of −128 to 127."""
    scale, zero_point = graph.tensor(source).scale_zero()
    steps = np.arange(INT8_MIN, INT8_MAX + 1) - zero_point
    values = np.float32(scale) * steps.astype(np.float32)
    functions = [node for node in island[1:-1] if node.op != "reshape"]
    names = ["x", *(f"y{i}" for i in range(len(functions)))]
    tensors = {name: Tensor(name, (1, 256), "float32") for name in names}
    nodes = tuple(node.replace(inputs=(names[i],), outputs=(names[i + 1],)) for i, node in enumerate(functions))
    if nodes:
        values = run_float(Graph(island[-1].name, "edge", tensors, nodes, ("x",), (names[-1],)), values[None])[0]
    scale, zero_point = graph.tensor(target).scale_zero()
    rounded = round_half_away(values.astype(np.float32) / np.float32(scale)) + zero_point
    table: np.ndarray = np.clip(rounded, INT8_MIN, INT8_MAX).astype(np.int8)
    return table
