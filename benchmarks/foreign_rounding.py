"""Where edgekit's integers and a runtime's real numbers part: in reading the file, in its biases, or in the kernels.

:func:`in_real_numbers` rounds where the file does and computes in between with real numbers; given the integer graph,
it takes the int32 biases from there.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.passes.lower import FLOAT_PASSES
from edgekit.graph.passes.lower_onnx import lower_onnx
from edgekit.graph.passes.qdq import stated_graph
from edgekit.graph.passes.widen import widths
from edgekit.graph.readers.load import load_graph
from edgekit.graph.tensor import Tensor

CLIPS = 48
"""Clips a run of the float interpreter."""


def in_real_numbers(path: Path, clips: np.ndarray, biased: Graph | None = None) -> np.ndarray:
    """Logits of a QDQ model for float32 [N, H, W, C]: its weights and its activations rounded where and as it says.

    Args:
        path: of the model.
        clips: float32 [N, H, W, C].
        biased: its integer graph, whose biases take the place of the file's.
    """
    lowered, scales = lower_onnx(load_graph(path))
    for step in FLOAT_PASSES:
        lowered = step(lowered)
    bare, stated, _ = stated_graph(lowered, scales)
    plain = bare.rebuild(node.replace(op="reshape") if node.op == "quantize" else node for node in bare.nodes)
    plain = plain if biased is None else _with_biases(plain, biased)
    width = widths(bare)

    def rounded(name: str, values: np.ndarray) -> np.ndarray:
        if name not in stated or width[name] != "int8":
            return values
        scale, zero_point = stated[name].scalar()
        kept: np.ndarray = np.clip(np.rint(values / scale) + zero_point, -128, 127) - zero_point
        return (kept * scale).astype(np.float32)

    starts = range(0, len(clips), CLIPS)
    return np.concatenate([run_float(plain, clips[at : at + CLIPS], False, rounded) for at in starts])


def _with_biases(plain: Graph, integer: Graph) -> Graph:
    """The float graph with the real numbers that the integer graph's biases stand for."""
    stored = {node.name: integer.tensor(node.inputs[2]) for node in integer.nodes if _has_bias(node)}
    nodes, tensors = [], []
    for node in plain.nodes:
        if node.name in stored and _has_bias(node):
            bias = stored[node.name]
            assert bias.quant is not None and bias.data is not None
            real = (bias.data * bias.quant.scale.astype(np.float64)).astype(np.float32)
            tensors.append(Tensor(f"{node.name}/bias", real.shape, "float32", None, real))
            node = node.replace(inputs=(*node.inputs[:2], f"{node.name}/bias"))
        nodes.append(node)
    return plain.rebuild(nodes, tensors)


def _has_bias(node: Node) -> bool:
    return node.op in WEIGHTED and len(node.inputs) > 2 and bool(node.inputs[2])
