"""Rules of the ONNX lowering for norms whose statistics are the clip's own: over layers, instances and groups."""

from __future__ import annotations

from math import prod

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import Builder, common_layout, unsupported
from edgekit.graph.passes.views import View, in_order


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


def group_norm(node: Node, build: Builder) -> None:
    """GroupNormalization (opset 21) → as InstanceNormalization of [N, groups, …], with a scale a channel."""
    view, groups = build.view(node), node.attrs.get("num_groups", 0)
    if view.index.ndim < 3 or groups < 1 or view.shape[1] % groups:
        raise BadFileError(f"GroupNormalization of {view.shape} in {groups} groups", where=node.name)
    gathered = view.moved(view.index.reshape(view.shape[0], groups, -1))
    normal = normalized(node, build, gathered, (2,), float(node.attrs.get("epsilon", 1e-5)))
    whole = normal.moved(normal.index.reshape(view.shape))
    _scaled(node, build, whole, (view.shape[1], *(1,) * (view.index.ndim - 2)))


def normalized(node: Node, build: Builder, view: View, axes: tuple[int, ...], epsilon: float) -> View:
    """``view`` less its mean, over its standard deviation, both over ONNX axes ``axes``."""
    order = common_layout(build, [view])
    dims = build.tensors[view.name].dims
    groups = None if in_order(view.index.transpose(order)) else _periodic(view, axes)
    if groups is not None:
        # The channels of a group lie together behind every pixel: statistics need no order among what they cover.
        source = build.reshaped(view.name, groups, node.name)
        normal = _normal(node, build, source, (1, 3), epsilon)
        return view.like(build.reshaped(normal, dims, f"{node.name}/whole"))
    source = build.arranged(node, view, order)
    covered = tuple(sorted(order.index(axis) for axis in axes))
    return build.ordered(_normal(node, build, source, covered, epsilon), order)


def _periodic(view: View, axes: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """(1, A, n, m) such that axis 2 of the edge tensor in this shape tells which of the n kept places a value is of."""
    kept = [1 if axis in axes else size for axis, size in enumerate(view.shape)]
    count = prod(kept)
    places = np.empty(view.index.size, np.int64)
    places[view.index.reshape(-1)] = np.broadcast_to(np.arange(count).reshape(kept), view.shape).reshape(-1)
    changes = np.flatnonzero(places != places[0])
    run = int(changes[0]) if changes.size else places.size
    repeats = places.size // (count * run)
    if not np.array_equal(places, np.tile(np.repeat(np.arange(count), run), repeats)):
        return None
    return 1, repeats, count, run


def _normal(node: Node, build: Builder, source: str, axes: tuple[int, ...], epsilon: float) -> str:
    reduction = {"axes": axes, "keep_dims": True}
    plain = {"activation": "none"}
    mean = build.emit("mean", f"{node.name}/mean", [source], reduction)
    centred = build.emit("sub", f"{node.name}/centred", [source, mean], plain)
    square = build.emit("mul", f"{node.name}/square", [centred, centred], plain)
    variance = build.emit("mean", f"{node.name}/variance", [square], reduction)
    if epsilon > 0:
        constant = build.weight(f"{node.name}/epsilon", np.full((1,), epsilon))
        variance = build.emit("add", f"{node.name}/above", [variance, constant], plain)
    root = build.emit("rsqrt", f"{node.name}/rsqrt", [variance], {})
    return build.emit("mul", f"{node.name}/normal", [centred, root], plain)


def _scaled(node: Node, build: Builder, view: View, dims: tuple[int, ...]) -> None:
    """The learned scale and shift of a norm, of shape ``dims`` against the last axes."""
    vectors = [build.constant(node, position) for position in (1, 2)]
    scale, shift = (
        np.full(dims, default) if vector is None else np.asarray(vector, np.float64).reshape(-1)
        for vector, default in zip(vectors, (1.0, 0.0), strict=True)
    )
    if scale.size != np.prod(dims) or shift.size != np.prod(dims):
        raise BadFileError(f"{node.op} with a scale of {scale.size} for {dims}", where=node.name)
    if np.all(scale == 1) and np.all(shift == 0):
        build.result(node, view)
        return
    build.result(node, build.affine(node, view, scale.reshape(dims), shift.reshape(dims)))
