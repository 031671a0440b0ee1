"""QDQ ONNX form of lstm; an svdf has none, since ONNX keeps nothing from one inference to the next.

An lstm that goes on from inference to inference has its state as inputs and outputs of the model.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.export.onnx_builder import OnnxBuilder
from edgekit.export.qdq_emit import Emit
from edgekit.graph.graph import Graph, Node
from edgekit.graph.streaming.describe import next_name

_ORDER = (0, 3, 1, 2)
"""ONNX's gates, input, output, forget, cell, among the edge dialect's input, forget, cell, output."""


def has_qdq_form(graph: Graph) -> bool:
    """Whether ONNX can express the graph with no more inputs: it remembers nothing between inferences."""
    return not any(node.op == "svdf" or node.attrs.get("carried", False) for node in graph.nodes)


def carried_states(graph: Graph) -> tuple[str, ...]:
    """Variable tensors of lstm nodes that go on: further inputs of the model, and with ``/next`` behind outputs."""
    nodes = [node for node in graph.nodes if node.op == "lstm" and node.attrs["carried"]]
    return tuple(name for node in nodes for name in node.inputs if name in graph.variables)


def _lstm(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    """Float gates and cell over dequantized weights."""
    units = graph.tensor(node.outputs[0]).dims[2]
    place = builder.constant(f"{node.name}/direction", np.array([0], np.int64))

    def joined(first: int, kind: str) -> str:
        parts = [inputs[first + gate] for gate in _ORDER]
        return builder.node("Concat", parts, f"{node.name}/{kind}", axis=0)

    matrices = [
        builder.node("Unsqueeze", [joined(i, k), place], f"{node.name}/{k}_one") for i, k in ((1, "W"), (5, "R"))
    ]
    zeros = builder.constant(f"{node.name}/no_bias", np.zeros(4 * units, np.float32))
    whole = builder.node("Concat", [joined(9, "B"), zeros], f"{node.name}/biases", axis=0)
    bias = builder.node("Unsqueeze", [whole, place], f"{node.name}/B_one")
    frames = builder.node("Transpose", [inputs[0]], f"{node.name}/time_first", perm=[1, 0, 2])
    attributes = {"hidden_size": units, **({"clip": node.attrs["cell_clip"]} if node.attrs["cell_clip"] else {})}
    operands, behind = [frames, *matrices, bias], []
    if node.attrs["carried"]:
        operands += ["", *inputs[-2:]]
        behind = [builder.name(next_name(name)) for name in node.inputs[-2:]]
    states = builder.node("LSTM", operands, f"{node.name}/lstm", behind, **attributes)
    dims = builder.constant(f"{node.name}/dims", np.array(graph.tensor(node.outputs[0]).dims, np.int64))
    return builder.node("Reshape", [states, dims], f"{node.name}/states")


def _svdf(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    raise UnsupportedOpError(
        "svdf keeps a memory from inference to inference, which ONNX cannot",
        where=node.name,
        mend="use the TFLite file",
    )


RECURRENT: Mapping[str, Emit] = {"lstm": _lstm, "svdf": _svdf}
"""Operators of this file."""
