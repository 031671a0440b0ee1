"""Reference execution of edge float graphs, over many clips at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Literal, overload

import numpy as np

from edgekit.core.errors import DataError, UnsupportedOpError
from edgekit.graph.float_products import KERNELS
from edgekit.graph.float_recurrent import run_remembering
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import RECURRENT_OPS, activation_inputs
from edgekit.graph.planner import plan_memory

Hook = Callable[[str, np.ndarray], np.ndarray]
"""(name of an activation, its values with the clips in front) → what the operators that read it get."""

MAX_BYTES = 400_000_000
"""Working memory that one chunk of clips may take."""


@overload
def run_float(
    graph: Graph, x: np.ndarray, all_tensors: Literal[False] = False, hook: Hook | None = None
) -> np.ndarray: ...
@overload
def run_float(
    graph: Graph, x: np.ndarray, all_tensors: Literal[True], hook: Hook | None = None
) -> dict[str, np.ndarray]: ...
@overload
def run_float(
    graph: Graph, x: np.ndarray, all_tensors: bool, hook: Hook | None = None
) -> np.ndarray | dict[str, np.ndarray]: ...


def run_float(
    graph: Graph, x: np.ndarray, all_tensors: bool = False, hook: Hook | None = None
) -> np.ndarray | dict[str, np.ndarray]:
    """Run an edge graph of float32 on N clips, in chunks that keep the working memory below MAX_BYTES.

    Args:
        graph: with one input; float32 throughout.
        x: [N, …] float, the input's shape without a leading 1.
        all_tensors: return every activation by name instead of the first output alone.
        hook: what becomes of every activation when it is made, for instance its int8 rounding.

    Returns:
        float32 [N, …]: the first output's shape without its leading 1; or a dictionary of such arrays, inputs
        included (a tensor whose first dimension is not 1 keeps it: [N, *dims]).

    Raises:
        DataError: ``x`` does not have the input's shape.
        UnsupportedOpError: several inputs, or an operator of integer graphs.
    """
    if len(graph.inputs) != 1:
        raise UnsupportedOpError(f"{len(graph.inputs)} inputs", where=graph.name, mend="use a model with one input")
    dims = graph.tensor(graph.inputs[0]).dims
    clips = np.asarray(x, np.float32)
    shape = dims[1:] if dims[:1] == (1,) else dims
    if clips.shape[1:] != shape:
        raise DataError(f"input of shape {clips.shape}, the model takes [N, {', '.join(map(str, shape))}]")
    clips = clips.reshape(len(clips), *dims)
    wanted = set(graph.outputs[:1])
    if all_tensors:
        wanted = {*graph.inputs, *graph.variables, *(name for node in graph.nodes for name in node.outputs)}
    step = max(1, int(MAX_BYTES // max(_bytes_a_clip(graph), 1)))
    parts = [_run_chunk(graph, clips[i : i + step], wanted, hook) for i in range(0, max(len(clips), 1), step)]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return joined if all_tensors else joined[graph.outputs[0]]


def _bytes_a_clip(graph: Graph) -> int:
    """Working memory of one clip: live tensors plus the largest matrix of windows."""
    patches = [_window_bytes(graph, node) for node in graph.nodes]
    return 2 * plan_memory(graph).lower_bound + max(patches, default=0)


def _window_bytes(graph: Graph, node: Node) -> int:
    output = graph.tensor(node.outputs[0])
    if node.op == "conv2d":
        weights = graph.tensor(node.inputs[1]).dims
        return 4 * prod(output.dims[:3]) * prod(weights[1:])
    return 4 * output.elements


def _run_chunk(graph: Graph, clips: np.ndarray, wanted: set[str], hook: Hook | None) -> dict[str, np.ndarray]:
    """The wanted tensors of one chunk; the others are freed after their last reader."""
    last = {name: node for node in graph.nodes for name in node.inputs}
    made = hook or (lambda _, x: x)
    values: dict[str, np.ndarray] = {graph.inputs[0]: made(graph.inputs[0], clips)}
    kept = {name: values[name] for name in wanted & values.keys()}
    for node in graph.nodes:
        if node.op in RECURRENT_OPS:
            output, held = run_remembering(graph, node, values[node.inputs[0]])
            kept.update({name: array for name, array in held.items() if name in wanted})
            values[node.outputs[0]] = made(node.outputs[0], output)
        else:
            values[node.outputs[0]] = made(node.outputs[0], run_float_node(graph, node, values))
        if node.outputs[0] in wanted:
            kept[node.outputs[0]] = values[node.outputs[0]]
        for name in node.inputs:
            if name in values and last[name] is node:
                del values[name]
    return {name: array[:, 0] if array.shape[1:2] == (1,) else array for name, array in kept.items()}


def run_float_node(graph: Graph, node: Node, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Output of one node of a float graph for activations ``values`` by name, the clips in front.

    Raises:
        UnsupportedOpError: an operator of integer graphs.
    """
    output = graph.tensor(node.outputs[0])
    kernel = KERNELS.get(node.op)
    if kernel is None or output.dtype != "float32":
        raise UnsupportedOpError(
            f"{node.op} to {output.dtype} in a float run", where=node.name, mend="run integer graphs with run_integer"
        )
    operands: list[np.ndarray | None] = []
    for name in node.inputs:
        data = graph.tensor(name).data if name and name not in values else None
        # A constant side of a sum, a product or a concat is a tensor like any other: it gets the clips' axis.
        constant = data[None] if data is not None and name in activation_inputs(node) else data
        operands.append(values.get(name, constant) if name else None)
    while len(operands) < 3 and node.op in ("conv2d", "depthwise_conv2d", "fully_connected"):
        operands.append(None)
    return kernel(operands, node.attrs, output.dims)
