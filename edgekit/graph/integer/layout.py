"""pad, reshape, transpose, slice and concat on int8 and int16: values move, none changes."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.params_moves import ConcatParams, PadParams, ReshapeParams, SliceParams, TransposeParams
from edgekit.graph.integer.rescale import activation_tensor, input_output, require_same_scale


def prepare_pad(graph: Graph, node: Node) -> PadParams:
    """Parameters of one pad node."""
    source, output = input_output(graph, node)
    require_same_scale(node, source, output)
    pads = tuple((int(before), int(after)) for before, after in node.attrs["pads"])
    return PadParams(pads=pads, value=output.scale_zero()[1])


def pad(params: PadParams, x: np.ndarray) -> np.ndarray:
    """X [N, dims] with the zero point around dims."""
    return np.pad(x, ((0, 0), *params.pads), constant_values=params.value)


def prepare_reshape(graph: Graph, node: Node) -> ReshapeParams:
    """Parameters of one reshape node."""
    source, output = input_output(graph, node)
    require_same_scale(node, source, output)
    if source.elements != output.elements:
        raise BadFileError(f"reshape from {source.dims} to {output.dims}", where=node.name)
    return ReshapeParams(shape=output.dims)


def reshape(params: ReshapeParams, x: np.ndarray) -> np.ndarray:
    """X [N, dims] to [N, shape]."""
    return x.reshape(x.shape[0], *params.shape)


def prepare_transpose(graph: Graph, node: Node) -> TransposeParams:
    """Parameters of one transpose node."""
    require_same_scale(node, *input_output(graph, node))
    return TransposeParams(tuple(int(axis) for axis in node.attrs["perm"]))


def transpose(params: TransposeParams, x: np.ndarray) -> np.ndarray:
    """X [N, dims] to [N, dims in the order perm]."""
    return x.transpose(0, *(axis + 1 for axis in params.perm))


def prepare_slice(graph: Graph, node: Node) -> SliceParams:
    """Parameters of one slice node."""
    require_same_scale(node, *input_output(graph, node))
    begin, size, stride = (tuple(int(item) for item in node.attrs[key]) for key in ("begin", "size", "stride"))
    return SliceParams(begin, size, stride)


def strided_slice(params: SliceParams, x: np.ndarray) -> np.ndarray:
    """X [N, dims] to [N, size]."""
    parts = zip(params.begin, params.size, params.stride, strict=True)
    return x[(slice(None), *(slice(first, first + (size - 1) * step + 1, step) for first, size, step in parts))]


def prepare_concat(graph: Graph, node: Node) -> ConcatParams:
    """Parameters of one concat node."""
    output = activation_tensor(graph.tensor(node.outputs[0]), node)
    for tensor in graph.node_inputs(node):
        require_same_scale(node, activation_tensor(tensor, node), output)
    return ConcatParams(int(node.attrs["axis"]))


def concat(params: ConcatParams, parts: tuple[np.ndarray, ...]) -> np.ndarray:
    """Parts [N, dims], joined along ``params.axis`` of dims."""
    return np.concatenate(parts, axis=params.axis + 1)
