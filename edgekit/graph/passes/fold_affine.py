"""Fold ``affine`` (BatchNormalization and other arithmetic with constants) into the layers around it.

1. affine after affine: one affine.
2. affine after conv2d, depthwise_conv2d or fully_connected without activation: into its weights and bias.
3. affine before conv2d without padding or before fully_connected: into its weights and bias (shift through the sums).
4. a fully_connected cut into parts: one for each (split_dense.py), then 1 to 3 again.
5. what is left: a depthwise_conv2d of window 1×1.

Weights are folded in float64 and stored as float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.passes.split_dense import split_dense
from edgekit.graph.tensor import Tensor


@dataclass(frozen=True)
class Fold:
    """One fold: the node that vanishes, the node that takes its work over (``changed`` in place of ``kept``)."""

    gone: Node
    kept: Node
    changed: Node
    constants: tuple[Tensor, ...]


def fold_affine(graph: Graph) -> Graph:
    """A new graph without ``affine`` nodes; the results agree to rounding."""
    # A bias in between keeps a layer from being split, and a cut keeps what follows from being folded.
    graph = _folded(split_dense(_folded(graph)))
    tensors: list[Tensor] = []
    expanded: list[Node] = []
    for node in graph.nodes:
        expanded += _as_depthwise(graph, node, tensors) if node.op == "affine" else [node]
    return graph.rebuild(expanded, tensors)


def _folded(graph: Graph) -> Graph:
    while folds := _find_folds(graph):
        changed = {fold.kept.name: fold.changed for fold in folds}
        gone = {fold.gone.name for fold in folds}
        nodes = [changed.get(node.name, node) for node in graph.nodes if node.name not in gone]
        graph = graph.rebuild(nodes, [constant for fold in folds for constant in fold.constants])
    return graph


def _find_folds(graph: Graph) -> list[Fold]:
    """Folds of which no two touch the same node."""
    producers, consumers = graph.producers(), graph.consumers()
    touched: set[str] = set()
    folds: list[Fold] = []
    for node in graph.nodes:
        if node.op != "affine" or node.name in touched:
            continue
        fold = _fold_of(graph, node, producers, consumers, touched)
        if fold is not None:
            folds.append(fold)
            touched.update((fold.gone.name, fold.kept.name))
    return folds


def _fold_of(
    graph: Graph, node: Node, producers: dict[str, Node], consumers: dict[str, list[Node]], touched: set[str]
) -> Fold | None:
    """What can be done with one affine: into what is before it, else into what is behind it."""
    fold: Fold | None = None
    before = producers.get(node.inputs[0])
    if before and before.name not in touched and _alone(graph, consumers, node.inputs[0]):
        fold = _into_affine(graph, before, node) or _into_layer_before(graph, before, node)
    after = consumers.get(node.outputs[0], [])
    if fold is None and _alone(graph, consumers, node.outputs[0]) and after[0].name not in touched:
        fold = _into_layer_after(graph, node, after[0])
    return fold


def _alone(graph: Graph, consumers: dict[str, list[Node]], name: str) -> bool:
    """Whether one node alone reads the tensor."""
    return len(consumers.get(name, [])) == 1 and name not in graph.outputs


def _into_affine(graph: Graph, first: Node, second: Node) -> Fold | None:
    if first.op != "affine":
        return None
    (scale1, shift1), (scale2, shift2) = _constants(graph, first), _constants(graph, second)
    scale = _constant(f"{second.inputs[1]}*", scale1 * scale2)
    shift = _constant(f"{second.inputs[2]}*", shift1 * scale2 + shift2)
    merged = second.replace(inputs=(first.inputs[0], scale.name, shift.name))
    return Fold(first, second, merged, (scale, shift))


def _into_layer_before(graph: Graph, layer: Node, node: Node) -> Fold | None:
    """w'[o] = w[o]·scale[o], b'[o] = b[o]·scale[o] + shift[o]; the layer takes over the affine's output tensor."""
    if layer.op not in WEIGHTED or layer.attrs["activation"] != "none":
        return None
    weights = graph.tensor(layer.inputs[1])
    scale, shift = _constants(graph, node)
    channels = weights.dims[WEIGHTED[layer.op]]
    if scale.size != channels:
        return None
    shape = [1] * len(weights.dims)
    shape[WEIGHTED[layer.op]] = channels
    new_weights = _constant(f"{weights.name}*", np.asarray(weights.data, np.float64) * scale.reshape(shape))
    new_bias = _constant(f"{layer.name}/bias*", _bias(graph, layer, channels) * scale + shift)
    merged = layer.replace(inputs=(layer.inputs[0], new_weights.name, new_bias.name), outputs=node.outputs)
    return Fold(node, layer, merged, (new_weights, new_bias))


def _into_layer_after(graph: Graph, node: Node, layer: Node) -> Fold | None:
    """w'[o,…,i] = w[o,…,i]·scale[i], b'[o] = b[o] + Σ w[o,…,i]·shift[i]; wrong where zeros are padded in between."""
    if layer.op not in ("conv2d", "fully_connected") or layer.inputs[0] != node.outputs[0]:
        return None
    if layer.op == "conv2d" and layer.attrs["pad"] != ((0, 0), (0, 0)):
        return None
    weights = graph.tensor(layer.inputs[1])
    scale, shift = _constants(graph, node)
    values = np.asarray(weights.data, np.float64)
    if values.shape[-1] % scale.size:  # also where the layer has groups: each sees a part of the channels
        return None
    # A fully connected layer may read several positions of the last axis in one row.
    scale, shift = (np.tile(vector, values.shape[-1] // scale.size) for vector in (scale, shift))
    added = (values * shift).reshape(values.shape[0], -1).sum(axis=1)
    new_weights = _constant(f"{weights.name}*", values * scale)
    new_bias = _constant(f"{layer.name}/bias*", _bias(graph, layer, values.shape[0]) + added)
    merged = layer.replace(inputs=(node.inputs[0], new_weights.name, new_bias.name))
    return Fold(node, layer, merged, (new_weights, new_bias))


def _as_depthwise(graph: Graph, node: Node, tensors: list[Tensor]) -> list[Node]:
    """The affine as a depthwise convolution of window 1×1, between reshapes where the rank is not 4.

    New tensors are appended to ``tensors``.
    """
    source, output = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
    scale, shift = _constants(graph, node)
    channels = scale.size
    weights = _constant(f"{node.inputs[1]}*", scale.reshape(1, 1, 1, channels))
    bias = _constant(f"{node.inputs[2]}*", shift)
    tensors += [weights, bias]
    attrs = {"stride": (1, 1), "dilation": (1, 1), "pad": ((0, 0), (0, 0)), "activation": "none", "multiplier": 1}
    layer = Node("depthwise_conv2d", node.name, (source.name, weights.name, bias.name), node.outputs, attrs)
    if len(source.dims) == 4:
        return [layer]
    image = (1, 1, prod(source.dims) // channels, channels)
    before, after = (Tensor(f"{node.name}:{side}", image, "float32") for side in ("image", "scaled"))
    tensors += [before, after]
    return [
        Node("reshape", f"{node.name}/image", (source.name,), (before.name,)),
        layer.replace(inputs=(before.name, weights.name, bias.name), outputs=(after.name,)),
        Node("reshape", f"{node.name}/back", (after.name,), (output.name,)),
    ]


def _constants(graph: Graph, node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of an affine, float64."""
    scale, shift = (np.asarray(graph.tensor(name).data, np.float64) for name in node.inputs[1:])
    return scale, shift


def _bias(graph: Graph, layer: Node, channels: int) -> np.ndarray:
    name = layer.inputs[2] if len(layer.inputs) > 2 else ""
    return np.asarray(graph.tensor(name).data, np.float64) if name else np.zeros(channels)


def _constant(name: str, values: np.ndarray) -> Tensor:
    data = np.ascontiguousarray(values, np.float32)
    return Tensor(name, data.shape, "float32", data=data)
