"""Rules of the ONNX lowering for operators that rearrange: on a view they are index arithmetic and emit nothing."""

from __future__ import annotations

from math import prod

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import Builder, unsupported


def identity(node: Node, build: Builder) -> None:
    """Identity, Dropout in inference, Cast between float types: the value itself."""
    build.result(node, build.value(node, 0))


def dropout(node: Node, build: Builder) -> None:
    """Dropout → nothing, unless it is told to train or its mask is used."""
    training = build.constant(node, 2)
    if (training is not None and bool(np.any(training))) or (len(node.outputs) > 1 and node.outputs[1]):
        raise unsupported(node, "Dropout in training mode")
    identity(node, build)


def cast(node: Node, build: Builder) -> None:
    """Cast of an activation to float32 → nothing."""
    if node.attrs.get("to") != 1:  # TensorProto.FLOAT
        raise unsupported(node, f"Cast of an activation to element type {node.attrs.get('to')}")
    identity(node, build)


def shape(node: Node, build: Builder) -> None:
    """Shape of a static activation → a constant (attributes start and end, opset 15)."""
    dims = build.view(node).shape
    build.result(node, np.array(dims[node.attrs.get("start", 0) : node.attrs.get("end", len(dims))], np.int64))


def reshape(node: Node, build: Builder) -> None:
    """Reshape to a constant target: 0 copies a dimension (unless allowzero), one -1 takes what is left."""
    view = build.view(node)
    target = build.ints(node, 1, "shape")
    if target is None:
        raise BadFileError("Reshape without a target", where=node.name)
    copied = list(target)
    if not node.attrs.get("allowzero", 0):
        copied = [view.shape[i] if dim == 0 and i < len(view.shape) else dim for i, dim in enumerate(target)]
    known = prod(dim for dim in copied if dim != -1)
    if copied.count(-1) > 1 or known <= 0 or min(copied, default=1) < -1 or view.index.size % known:
        raise BadFileError(f"Reshape of {view.shape} to {target}", where=node.name)
    dims = [view.index.size // known if dim == -1 else dim for dim in copied]
    if prod(dims) != view.index.size or len(dims) > 8:
        raise BadFileError(f"Reshape of {view.shape} to {target}", where=node.name)
    build.result(node, view.moved(view.index.reshape(dims)))


def flatten(node: Node, build: Builder) -> None:
    """Flatten to rank 2 before and after ``axis``."""
    view = build.view(node)
    rank = view.index.ndim
    axis = node.attrs.get("axis", 1)
    if not -rank <= axis <= rank:
        raise BadFileError(f"Flatten at axis {axis} of rank {rank}", where=node.name)
    split = axis + rank if axis < 0 else axis
    build.result(node, view.moved(view.index.reshape(prod(view.shape[:split]), prod(view.shape[split:]))))


def squeeze(node: Node, build: Builder) -> None:
    """Squeeze of the given axes, of all axes of size 1 where none is given."""
    view = build.view(node)
    rank = view.index.ndim
    listed = build.ints(node, 1, "axes")
    axes = [axis for axis in range(rank) if view.shape[axis] == 1] if listed is None else list(listed)
    if any(not -rank <= axis < rank or view.shape[axis] != 1 for axis in axes):
        raise BadFileError(f"Squeeze of axes {axes} of {view.shape}", where=node.name)
    gone = {axis % rank for axis in axes}
    build.result(node, view.moved(view.index.reshape([dim for i, dim in enumerate(view.shape) if i not in gone])))


def unsqueeze(node: Node, build: Builder) -> None:
    """Unsqueeze: new axes of size 1 at positions of the result."""
    view = build.view(node)
    axes = build.ints(node, 1, "axes")
    rank = view.index.ndim + len(axes or ())
    if axes is None or rank > 8 or any(not -rank <= axis < rank for axis in axes):
        raise BadFileError(f"Unsqueeze at {axes} of {view.shape}", where=node.name)
    new = {axis % rank for axis in axes}
    if len(new) != len(axes):
        raise BadFileError(f"Unsqueeze at {axes} names an axis twice", where=node.name)
    rest = iter(view.shape)
    build.result(node, view.moved(view.index.reshape([1 if axis in new else next(rest) for axis in range(rank)])))


def transpose(node: Node, build: Builder) -> None:
    """Transpose: remembered in the view; whoever needs another order says so."""
    view = build.view(node)
    rank = view.index.ndim
    order = tuple(node.attrs.get("perm", range(rank - 1, -1, -1)))
    if sorted(order) != list(range(rank)):
        raise BadFileError(f"Transpose by {order} of rank {rank}", where=node.name)
    build.result(node, view.moved(view.index.transpose(order)))
