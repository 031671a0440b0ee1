"""Rules of the ONNX lowering for the largest and smallest value over axes, and LogSoftmax, which needs the largest."""

from __future__ import annotations

from math import log, prod

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import Builder, unsupported
from edgekit.graph.passes.onnx_elementwise import of_views
from edgekit.graph.passes.onnx_pooling import covered_axes, reduced
from edgekit.graph.passes.views import View, layouts, permuted


def reduce_extreme(node: Node, build: Builder) -> None:
    """ReduceMax → max_pool2d whose window is the axes; ReduceMin → the same of −x."""
    view = build.view(node)
    axes = covered_axes(node, build, view)
    if not axes:
        build.result(node, view)
        return
    if node.op == "ReduceMin":
        view = _negative(node, build, view)
    found = largest(node, build, view, axes)
    if node.op == "ReduceMin":
        found = _negative(node, build, found)
    if not node.attrs.get("keepdims", 1):
        found = found.moved(found.index.reshape([dim for axis, dim in enumerate(found.shape) if axis not in axes]))
    build.result(node, found)


def largest(node: Node, build: Builder, view: View, axes: tuple[int, ...]) -> View:
    """The maximum over ONNX axes, which stay with size 1: a max_pool2d over what lies together as [1, outer, n, inner].

    Where no layout of the tensor has the axes together, it is transposed first.
    """
    order = next((item for item in layouts(view, build.tensors[view.name].dims) if _together(view, item, axes)), None)
    order = order or (*axes, *(axis for axis in range(view.index.ndim) if axis not in axes))
    source = build.arranged(node, view, order)
    places = [order.index(axis) for axis in axes if view.shape[axis] > 1] or [0]
    outer, inner = prod(view.shape[axis] for axis in order[: min(places)]), order[max(places) + 1 :]
    width = prod(view.shape[axis] for axis in inner)
    folded = build.reshaped(source, (1, outer, view.index.size // (outer * width), width), node.name)
    window = (1, build.tensors[folded].dims[2])
    attrs = {"window": window, "stride": window, "pad": ((0, 0), (0, 0)), "activation": "none"}
    output = build.emit("max_pool2d", f"{node.name}/max", [folded], attrs)
    return permuted(output, tuple(1 if axis in axes else view.shape[axis] for axis in order), order)


def _together(view: View, order: tuple[int, ...], axes: tuple[int, ...]) -> bool:
    """Whether the axes are neighbours in ``order``, but for axes of size 1."""
    covered = [axis in axes for axis in order if view.shape[axis] > 1]
    return sum(a != b for a, b in zip([False, *covered], [*covered, False], strict=True)) <= 2


def _negative(node: Node, build: Builder, view: View) -> View:
    return build.affine(node, view, np.full((), -1.0), np.zeros(()))


def log_softmax(node: Node, build: Builder) -> None:
    """LogSoftmax over one axis of n values → d − ln(mean of e^d) − ln n with d = x − max(x), which cannot overflow."""
    view = build.view(node)
    rank = view.index.ndim
    axis = node.attrs.get("axis", -1 if build.opset >= 13 else 1)
    if not -rank <= axis < rank:
        raise BadFileError(f"LogSoftmax over axis {axis} of rank {rank}", where=node.name)
    axis %= rank
    if build.opset < 13 and prod(view.shape[axis + 1 :]) > 1:
        raise unsupported(node, f"LogSoftmax of before opset 13 over the axes from {axis} on of {view.shape}")
    centred = of_views(node, build, view, largest(node, build, view, (axis,)), "sub")
    powers = _function(build, f"{node.name}/exp", centred, ("exp", "x"))
    mean = reduced(node, build, powers, (axis,), True)
    # The mean of powers is at least 1/n, since the largest is 1.
    count = view.shape[axis]
    logarithm = ("add", ("log", ("max", "x", 1.0 / count)), log(count))
    build.result(node, of_views(node, build, centred, _function(build, f"{node.name}/log", mean, logarithm), "sub"))


def _function(build: Builder, name: str, view: View, expression: object) -> View:
    return view.like(build.emit("pointwise", name, [view.name], {"expression": expression}))
