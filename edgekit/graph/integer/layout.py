"""pad and reshape on int8: values move, none changes."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.params import PadParams, ReshapeParams
from edgekit.graph.integer.rescale import input_output, require_same_scale


def prepare_pad(graph: Graph, node: Node) -> PadParams:
    """Parameters of one pad node."""
    source, output = input_output(graph, node)
    require_same_scale(node, source, output)
    pads = tuple((int(before), int(after)) for before, after in node.attrs["pads"])
    return PadParams(pads=pads, value=output.scale_zero()[1])


def pad(params: PadParams, x: np.ndarray) -> np.ndarray:
    """int8 x [N, dims] with the zero point around dims."""
    return np.pad(x, ((0, 0), *params.pads), constant_values=params.value)


def prepare_reshape(graph: Graph, node: Node) -> ReshapeParams:
    """Parameters of one reshape node."""
    source, output = input_output(graph, node)
    require_same_scale(node, source, output)
    if source.elements != output.elements:
        raise BadFileError(f"reshape from {source.dims} to {output.dims}", where=node.name)
    return ReshapeParams(shape=output.dims)


def reshape(params: ReshapeParams, x: np.ndarray) -> np.ndarray:
    """int8 x [N, dims] to [N, shape]."""
    return x.reshape(x.shape[0], *params.shape)
