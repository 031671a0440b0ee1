"""Rules of the ONNX lowering for what transformers are made of: products of activations, softmax, layer norm."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import Builder, common_layout, unsupported
from edgekit.graph.passes.views import View, in_order, layouts


def product(node: Node, build: Builder) -> None:
    """MatMul of two activations, or of one and a constant that is no weight matrix → batch_matmul.

    An operand that lies transposed is read so (adj_x, adj_y); one that lies otherwise is transposed first, the right
    one so that its rows are what is summed over.
    """
    sides = [build.value(node, position) for position in (0, 1)]
    rank = max(2, *(len(side.shape) for side in sides))
    if rank > 5 or min(len(side.shape) for side in sides) < 2:
        raise unsupported(node, f"MatMul of {sides[0].shape} and {sides[1].shape}")
    names, transposed = zip(*(_operand(node, build, i, side, rank) for i, side in enumerate(sides)), strict=True)
    attrs = {"adj_x": transposed[0], "adj_y": transposed[1]}
    build.result(node, build.direct(build.emit("batch_matmul", node.name, list(names), attrs)))


def _operand(node: Node, build: Builder, position: int, side: View | np.ndarray, rank: int) -> tuple[str, bool]:
    """Edge tensor of an operand with ``rank`` axes, and whether its last two are exchanged."""
    natural = tuple(range(rank))
    swapped = (*natural[:-2], rank - 1, rank - 2)
    if not isinstance(side, View):
        return build.weight(f"{node.name}/constant", side.reshape((1,) * (rank - side.ndim) + side.shape)), False
    view = side.moved(side.index.reshape((1,) * (rank - side.index.ndim) + side.shape))
    direct = in_order(view.index)
    exchange = not direct and (position == 1 or in_order(view.index.transpose(swapped)))
    return build.arranged(node, view, swapped if exchange else natural), exchange


def softmax(node: Node, build: Builder) -> None:
    """Softmax over any one axis → softmax over the last axis of an edge tensor, with β = 1."""
    view = build.view(node)
    rank = view.index.ndim
    axis = node.attrs.get("axis", -1 if build.opset >= 13 else 1) % max(rank, 1)
    # Before opset 13 all axes from ``axis`` on form one row; that is one axis only where nothing follows.
    row = view.shape[axis:] if build.opset < 13 else (view.shape[axis],)
    if rank == 0 or row != (view.shape[axis],):
        raise unsupported(node, f"Softmax over axis {axis} of {view.shape}")
    fitting = layouts(view, build.tensors[view.name].dims)
    behind = (*(other for other in range(rank) if other != axis), axis)
    order = next((item for item in fitting if item[-1] == axis), behind)
    source = build.arranged(node, view, order)
    build.result(node, _ordered(build, build.emit("softmax", node.name, [source], {"beta": 1.0}), order))


def layer_norm(node: Node, build: Builder) -> None:
    """LayerNormalization → (x − mean) · rsqrt(mean of squares + ε), then affine."""
    view = build.view(node)
    rank, axis = view.index.ndim, node.attrs.get("axis", -1)
    if not -rank <= axis < rank or any(node.outputs[1:]):
        raise unsupported(node, f"LayerNormalization from axis {axis} of {view.shape}, or with its statistics")
    axes = tuple(range(axis % rank, rank))
    normal = normalized(node, build, view, axes, float(node.attrs.get("epsilon", 1e-5)))
    _scaled(node, build, normal, view.shape[axis % rank :])


def instance_norm(node: Node, build: Builder) -> None:
    """InstanceNormalization → as LayerNormalization, over the axes behind the channels."""
    view = build.view(node)
    rank = view.index.ndim
    if rank < 3:
        raise BadFileError(f"InstanceNormalization of {view.shape}", where=node.name)
    normal = normalized(node, build, view, tuple(range(2, rank)), float(node.attrs.get("epsilon", 1e-5)))
    _scaled(node, build, normal, (view.shape[1], *(1,) * (rank - 2)))


def normalized(node: Node, build: Builder, view: View, axes: tuple[int, ...], epsilon: float) -> View:
    """``view`` less its mean, over its standard deviation, both over ONNX axes ``axes``."""
    order = common_layout(build, [view])
    source = build.arranged(node, view, order)
    reduction = {"axes": tuple(sorted(order.index(axis) for axis in axes)), "keep_dims": True}
    plain = {"activation": "none"}
    mean = build.emit("mean", f"{node.name}/mean", [source], reduction)
    centred = build.emit("sub", f"{node.name}/centred", [source, mean], plain)
    square = build.emit("mul", f"{node.name}/square", [centred, centred], plain)
    variance = build.emit("mean", f"{node.name}/variance", [square], reduction)
    if epsilon > 0:
        constant = build.weight(f"{node.name}/epsilon", np.full((1,), epsilon))
        variance = build.emit("add", f"{node.name}/above", [variance, constant], plain)
    root = build.emit("rsqrt", f"{node.name}/rsqrt", [variance], {})
    return _ordered(build, build.emit("mul", f"{node.name}/normal", [centred, root], plain), order)


def _scaled(node: Node, build: Builder, view: View, dims: tuple[int, ...]) -> None:
    """The learned scale and shift of a norm, of shape ``dims`` against the last axes."""
    vectors = [build.constant(node, position) for position in (1, 2)]
    scale, shift = (
        np.full(dims, default) if vector is None else np.asarray(vector, np.float64).reshape(-1)
        for vector, default in zip(vectors, (1.0, 0.0), strict=True)
    )
    if scale.size != np.prod(dims) or shift.size != np.prod(dims):
        raise BadFileError(f"{node.op} with a scale of {scale.size} for {dims}", where=node.name)
    build.result(node, build.affine(node, view, scale.reshape(dims), shift.reshape(dims)))


def _ordered(build: Builder, name: str, order: tuple[int, ...]) -> View:
    """The ONNX view of an edge tensor whose axes are the ONNX axes ``order``."""
    return View(name, np.ascontiguousarray(build.direct(name).index.transpose(np.argsort(order))))
