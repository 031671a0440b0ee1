"""Rules of the ONNX lowering for operators that cut and join: Slice, Split, Concat."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import Builder, common_layout, unsupported
from edgekit.graph.passes.views import View

Part = tuple[int, int, int]
"""(begin, size, stride) along one axis."""


def cut(node: Node, build: Builder) -> None:
    """Slice → slice; steps must be positive."""
    view = build.view(node)
    starts, ends = build.ints(node, 1, "starts"), build.ints(node, 2, "ends")
    axes, steps = build.ints(node, 3, "axes"), build.ints(node, 4, "steps")
    if starts is None or ends is None:
        raise BadFileError("Slice without starts or ends", where=node.name)
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or min(steps, default=1) < 1:
        raise unsupported(node, f"Slice with steps {steps}")
    parts: dict[int, Part] = {}
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        dim = view.shape[_axis(node, axis, view)]
        covered = range(dim)[slice(start, end, step)]
        if not covered:
            raise BadFileError(f"Slice of nothing: {start} to {end} of {dim}", where=node.name)
        parts[axis % view.index.ndim] = (covered.start, len(covered), step)
    build.result(node, _sliced(node, build, view, parts))


def split(node: Node, build: Builder) -> None:
    """Split → a slice for every output that has a name."""
    view = build.view(node)
    axis = _axis(node, node.attrs.get("axis", 0), view)
    dim, count = view.shape[axis], len(node.outputs)
    whole = -(-dim // count)
    sizes = build.ints(node, 1, "split") or (*(whole,) * (count - 1), dim - whole * (count - 1))
    if len(sizes) != count or sum(sizes) != dim or min(sizes) < 1:
        raise BadFileError(f"Split of {dim} into {sizes}", where=node.name)
    begin = 0
    for name, size in zip(node.outputs, sizes, strict=True):
        if name:
            build.values[name] = _sliced(node, build, view, {axis: (begin, size, 1)})
        begin += size


def concat(node: Node, build: Builder) -> None:
    """Concat of activations → concat, in a layout that most of them have."""
    views = [build.view(node, position) for position in range(len(node.inputs))]
    axis = _axis(node, node.attrs["axis"], views[0])
    if any(view.index.ndim != views[0].index.ndim for view in views):
        raise BadFileError("Concat of different ranks", where=node.name)
    order = common_layout(build, views)
    names = [build.arranged(node, view, order) for view in views]
    output = build.emit("concat", node.name, names, {"axis": order.index(axis)})
    build.result(node, _ordered(build, output, order))


def _axis(node: Node, axis: int, view: View) -> int:
    rank = view.index.ndim
    if not -rank <= axis < rank:
        raise BadFileError(f"{node.op} along axis {axis} of rank {rank}", where=node.name)
    return axis % rank


def _sliced(node: Node, build: Builder, view: View, parts: dict[int, Part]) -> View:
    order = common_layout(build, [view])
    source = build.arranged(node, view, order)
    rows: Iterable[Part] = [parts.get(axis, (0, view.shape[axis], 1)) for axis in order]
    begin, size, stride = zip(*rows, strict=True)
    output = build.emit("slice", node.name, [source], {"begin": begin, "size": size, "stride": stride})
    return _ordered(build, output, order)


def _ordered(build: Builder, name: str, order: tuple[int, ...]) -> View:
    """The ONNX view of an edge tensor whose axes are the ONNX axes ``order``."""
    return View(name, np.ascontiguousarray(build.direct(name).index.transpose(np.argsort(order))))
