"""Weights of at most sixteen different values as numbers of four bits: half the flash, a little slower, some RAM.

A layer of them keeps a codebook of sixteen int8 values and two numbers a byte; int4 weights are the special case whose
codebook is −8 to 7. Kernels look the values up as they go (deploy/c/packed). What decides is the purpose: for size
wherever it makes the image smaller, for speed nowhere, balanced where the flash saved is worth more than the
instructions and the RAM. As the memory plan is one for all targets, so is the choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, inf, prod

import numpy as np

from edgekit.graph.few_values import MOST_VALUES, few_valued
from edgekit.graph.graph import Graph, Node
from edgekit.graph.scratch import CODES, dense_patches, patches_of

CODE_BYTES = 400
"""Allowance for the functions of a packed layer of a shape of its own; others of the shape share them."""
A_PACKED_PRODUCT = 0.1
"""Instructions more a product where several patches share a weight that was looked up (counted: 0.095)."""
A_LONE_PACKED_PRODUCT = 0.6
"""The same where a weight meets one patch."""
A_TABLE = 1600.0
"""Instructions to work out the pairs of a codebook."""


def packable(graph: Graph, node: Node) -> bool:
    """Whether a layer can have its weights packed: int8, few values, a plain conv2d or fully_connected."""
    if node.op not in ("conv2d", "fully_connected"):
        return False
    source, weights, output = (graph.tensor(name) for name in (*node.inputs[:2], node.outputs[0]))
    if source.dtype != "int8" or output.dtype != "int8" or weights.dtype != "int8" or weights.data is None:
        return False
    if node.op == "conv2d" and source.dims[3] != weights.dims[3]:
        return False
    return weights.elements > 0 and few_valued(np.asarray(weights.data))


def packed_bytes(graph: Graph, node: Node) -> int:
    """Flash of a layer's numbers and codebook; rows are filled up to whole words, as the widest layout has them."""
    outputs, *patch = graph.tensor(node.inputs[1]).dims
    return outputs * ceil(prod(patch) / 4) * 2 + MOST_VALUES


def extra_instructions(graph: Graph, node: Node, times: int = 1) -> float:
    """Estimate of what a packed layer costs an inference more; ``times``: how often its table is made."""
    outputs, *patch = graph.tensor(node.inputs[1]).dims
    positions = graph.tensor(node.outputs[0]).elements // outputs
    price = A_PACKED_PRODUCT if _patches(graph, node) else A_LONE_PACKED_PRODUCT
    return price * positions * outputs * prod(patch) + A_TABLE * times


def packed_layers(graph: Graph, price: float) -> Mapping[str, int]:
    """Layers whose packing pays at ``price`` instructions a byte of flash: name to the bytes saved.

    Layers with the same weights are packed all or none.
    """
    if price <= 0:
        return {}
    shapes: set[tuple[int, ...]] = set()
    found: dict[str, int] = {}
    for sharing in _by_weights(graph):
        if not all(packable(graph, node) for node in sharing):
            continue
        weights = graph.tensor(sharing[0].inputs[1])
        shape = (*weights.dims, *graph.tensor(sharing[0].outputs[0]).dims)
        saved = weights.nbytes - packed_bytes(graph, sharing[0]) - (0 if shape in shapes else CODE_BYTES)
        cost = sum(extra_instructions(graph, node) for node in sharing)
        if saved > 0 and (price == inf or cost < price * saved):
            shapes.add(shape)
            found |= {node.name: saved if node is sharing[0] else 0 for node in sharing}
    return found


def with_codes(graph: Graph, layers: Mapping[str, int]) -> Graph:
    """``graph`` with :data:`~edgekit.graph.scratch.CODES` on these layers."""
    nodes = (node.replace(attrs={**node.attrs, CODES: True}) if node.name in layers else node for node in graph.nodes)
    return graph.replace(nodes=tuple(nodes))


def _by_weights(graph: Graph) -> list[list[Node]]:
    """Nodes that have weights, those of one tensor together."""
    found: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.op in ("conv2d", "fully_connected", "depthwise_conv2d"):
            found.setdefault(node.inputs[1], []).append(node)
    return list(found.values())


def _patches(graph: Graph, node: Node) -> int:
    """Patches that share a weight looked up; 0 where each is by itself."""
    source, weights, output = (graph.tensor(name).dims for name in (*node.inputs[:2], node.outputs[0]))
    if node.op == "fully_connected":
        return dense_patches(prod(output) // weights[0], weights[1]).block
    return patches_of(weights, source[3], output, node.attrs["stride"], node.attrs["pad"]).block
