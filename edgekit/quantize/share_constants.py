"""Constants with equal contents are one: the steps of a recurrent layer share their weights."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Graph
from edgekit.graph.tensor import Tensor


def shared_constants(graph: Graph) -> Graph:
    """A new graph in which nodes read one constant instead of several of equal type, shape, scales and values."""
    first: dict[tuple[object, ...], str] = {}
    alias = {
        tensor.name: first.setdefault(_content(tensor), tensor.name)
        for tensor in graph.tensors.values()
        if tensor.data is not None
    }
    renamed = (node.replace(inputs=tuple(alias.get(name, name) for name in node.inputs)) for node in graph.nodes)
    return graph.rebuild(renamed)


def _content(tensor: Tensor) -> tuple[object, ...]:
    quant = tensor.quant
    scales = None if quant is None else (quant.scale.tobytes(), quant.zero_point.tobytes(), quant.axis)
    return tensor.dtype, tensor.shape, scales, np.asarray(tensor.data).tobytes()
