"""Runs an integer edge graph over a batch of clips."""

from __future__ import annotations

from typing import Literal, cast, overload

import numpy as np

from edgekit.core.errors import BadConfigError, BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.params import Params, Prepared
from edgekit.graph.integer.table import PREPARE, REMEMBER, RUN
from edgekit.graph.ops import activation_inputs

# Scratch elements (im2col columns, activations) that one chunk of clips may take.
_CHUNK_ELEMENTS = 1 << 20


def prepare(graph: Graph) -> Prepared:
    """Work out every node's parameters.

    Args:
        graph: edge dialect, int8 or int16 (a quantize at the start and a dequantize at the end are allowed).

    Raises:
        UnsupportedOpError: another dialect, an unknown operator, or a node that is not int8.
        BadFileError: missing or impossible quantization.
    """
    if graph.dialect != "edge":
        raise UnsupportedOpError(f"a graph of dialect {graph.dialect!r} cannot be run", mend="lower it first")
    return Prepared({node.name: prepare_node(graph, node) for node in graph.nodes})


def prepare_node(graph: Graph, node: Node) -> Params:
    """Parameters of one node of ``graph``; raises as :func:`prepare`."""
    if node.op not in PREPARE:
        raise UnsupportedOpError(f"operator {node.op!r} has no integer kernel", where=node.name)
    return PREPARE[node.op](graph, node)


Memory = dict[str, np.ndarray]
"""Variable tensors by name, flat."""


def empty_memory(graph: Graph) -> Memory:
    """The variable tensors of a graph before its first inference: real 0."""
    tensors = [graph.tensor(name) for name in graph.variables]
    return {t.name: np.full(t.elements, t.scale_zero()[1] if t.quant else 0, t.dtype) for t in tensors}


def run_node(node: Node, params: Params, inputs: tuple[np.ndarray, ...], memory: Memory | None = None) -> np.ndarray:
    """Output of one node for activations [clips, *dims], constant sides included; shape up to axes of size 1.

    Clips are inferences in their order: where the node has variable tensors, each finds what the one before left, and
    ``memory`` (which it needs then) holds what the last one left.
    """
    kept = tuple(name for name in node.inputs if memory is not None and name in memory)
    if memory is None or not kept:
        return RUN[node.op](params, inputs)
    result, after = REMEMBER[node.op](params, inputs, tuple(memory[name] for name in kept))
    memory.update(zip(kept, after, strict=True))
    return result


@overload
def run_integer(
    graph: Graph, x: np.ndarray, *, all_tensors: Literal[False] = False, prepared: Prepared | None = None
) -> np.ndarray: ...


@overload
def run_integer(
    graph: Graph, x: np.ndarray, *, all_tensors: Literal[True], prepared: Prepared | None = None
) -> dict[str, np.ndarray]: ...


def run_integer(
    graph: Graph, x: np.ndarray, *, all_tensors: bool = False, prepared: Prepared | None = None
) -> np.ndarray | dict[str, np.ndarray]:
    """Run ``graph`` on N clips, which are N inferences in their order: variable tensors begin with real 0 at the
    first and go on from clip to clip, as in a new TFLM interpreter and behind the generated ``_init``.

    Args:
        graph: integer edge graph with one input (and one output, unless ``all_tensors``).
        x: int8 [N, input shape without its leading 1]; float32 where the graph starts with a quantize operator.
        all_tensors: return every activation (graph input included) by name instead of the output.
        prepared: result of :func:`prepare` on the same graph, to save doing it again.

    Returns:
        int8 (float32 after a final dequantize) [N, output shape without its leading 1], or a dict of such arrays.

    Raises:
        BadConfigError: wrong shape or dtype of ``x``, several graph inputs or outputs.
        UnsupportedOpError, BadFileError: as :func:`prepare`.
    """
    prepared = prepared or prepare(graph)
    clips = _clips(graph, x)
    if not all_tensors and len(graph.outputs) != 1:
        raise BadConfigError("the graph has several outputs", where=graph.name, mend="ask for all_tensors")
    wanted = _activations(graph) if all_tensors else (graph.outputs[0],)
    step = _clips_a_chunk(graph)
    memory = empty_memory(graph)
    starts = range(0, max(len(clips), 1), step)
    parts = [_run_chunk(graph, prepared, clips[i : i + step], wanted, memory) for i in starts]
    found = {name: np.concatenate([part[name] for part in parts]) for name in wanted}
    return found if all_tensors else found[graph.outputs[0]]


def _clips(graph: Graph, x: np.ndarray) -> np.ndarray:
    if len(graph.inputs) != 1:
        raise BadConfigError(f"the graph has {len(graph.inputs)} inputs, one is needed", where=graph.name)
    source = graph.tensor(graph.inputs[0])
    shape = _without_batch(source.dims)
    if x.shape[1:] != shape or x.ndim != len(shape) + 1:
        raise BadConfigError(f"input of shape {x.shape}, needed [N, {', '.join(map(str, shape))}]", where=source.name)
    if x.dtype != np.dtype(source.dtype):
        raise BadConfigError(f"input of {x.dtype}, needed {source.dtype}", where=source.name)
    return x.reshape(x.shape[0], *source.dims)


def _run_chunk(
    graph: Graph, prepared: Prepared, clips: np.ndarray, wanted: tuple[str, ...], memory: Memory
) -> dict[str, np.ndarray]:
    """Values are [clips, *tensor.dims]: the clip axis stands before the graph's own batch of 1."""
    values = {graph.inputs[0]: clips}
    last_reader = {name: node.name for node in graph.nodes for name in node.inputs}
    for node in graph.nodes:
        inputs = tuple(_value(graph, values, name, len(clips)) for name in activation_inputs(node))
        result = run_node(node, prepared[node.name], inputs, memory)
        output = graph.tensor(node.outputs[0])
        if result.size != len(clips) * output.elements:
            raise BadFileError(f"makes {result.shape[1:]}, its output says {output.dims}", where=node.name)
        values[output.name] = result.reshape(len(clips), *output.dims)
        for name in node.inputs:
            if last_reader.get(name) == node.name and name not in wanted:
                values.pop(name, None)
    return {name: values[name].reshape(len(clips), *_without_batch(graph.tensor(name).dims)) for name in wanted}


def _value(graph: Graph, values: dict[str, np.ndarray], name: str, clips: int) -> np.ndarray:
    if name in values:
        return values[name]
    constant = cast(np.ndarray, graph.tensor(name).data)
    return np.broadcast_to(constant.reshape(graph.tensor(name).dims), (clips, *graph.tensor(name).dims))


def _activations(graph: Graph) -> tuple[str, ...]:
    return (*graph.inputs, *(name for node in graph.nodes for name in node.outputs if name))


def _without_batch(dims: tuple[int, ...]) -> tuple[int, ...]:
    return dims[1:] if dims and dims[0] == 1 else dims


def _clips_a_chunk(graph: Graph) -> int:
    largest = 1
    for node in graph.nodes:
        output = graph.tensor(node.outputs[0])
        elements = output.elements
        if node.op == "conv2d":
            kernel = graph.tensor(node.inputs[1])
            elements = max(elements, elements // kernel.dims[0] * (kernel.elements // kernel.dims[0]))
        largest = max(largest, elements)
    return max(1, _CHUNK_ELEMENTS // largest)
