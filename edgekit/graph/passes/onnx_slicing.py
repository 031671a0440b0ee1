"""Rules of the ONNX lowering for operators that cut and join: Slice, Split, Gather, Concat."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import Builder, common_layout, unsupported
from edgekit.graph.passes.views import View

MAX_RUNS = 16
"""Slices that a Gather may become; one of more runs is a gather."""

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
    build.result(node, sliced(node, build, view, parts))


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
            build.values[name] = sliced(node, build, view, {axis: (begin, size, 1)})
        begin += size


def concat(node: Node, build: Builder) -> None:
    """Concat of activations, and perhaps constants, → concat, in a layout that most of them have."""
    values = [build.value(node, position) for position in range(len(node.inputs))]
    views = [value for value in values if isinstance(value, View)]
    axis = _axis(node, node.attrs["axis"], views[0])
    if any(len(value.shape) != views[0].index.ndim for value in values):
        raise BadFileError("Concat of different ranks", where=node.name)
    order = common_layout(build, views)
    names = [
        build.arranged(node, value, order)
        if isinstance(value, View)
        else build.weight(f"{node.name}/constant{i}", value.transpose(order))
        for i, value in enumerate(values)
    ]
    output = build.emit("concat", node.name, names, {"axis": order.index(axis)})
    build.result(node, build.ordered(output, order))


def gather(node: Node, build: Builder) -> None:
    """Gather with constant indices → a slice for each run of neighbours, and their concat (a gather for
    many); one index drops the axis.
    """
    view, indices = build.view(node), build.constant(node, 1)
    axis = _axis(node, node.attrs.get("axis", 0), view)
    if indices is None or indices.dtype.kind not in "iu" or indices.ndim > 1 or indices.size == 0:
        raise unsupported(node, "Gather without a constant list of indices")
    dim = view.shape[axis]
    flat = indices.reshape(-1).astype(np.int64)
    if flat.min() < -dim or flat.max() >= dim:
        raise BadFileError(f"Gather of {flat.min()} … {flat.max()} of {dim}", where=node.name)
    parts = _runs((flat % dim).tolist())
    if len(parts) > MAX_RUNS:
        order = common_layout(build, [view])
        attrs = {"axis": order.index(axis), "indices": tuple((flat % dim).tolist())}
        whole = build.emit("gather", node.name, [build.arranged(node, view, order)], attrs)
        build.result(node, build.ordered(whole, order))
        return
    pieces = [sliced(node, build, view, {axis: part}) for part in parts]
    order = common_layout(build, pieces)
    names = [build.arranged(node, piece, order) for piece in pieces]
    whole = names[0]
    if len(names) > 1:
        whole = build.emit("concat", f"{node.name}/joined", names, {"axis": order.index(axis)})
    result = build.ordered(whole, order)
    build.result(node, result if indices.ndim else result.moved(np.take(result.index, 0, axis=axis)))


def _runs(indices: list[int]) -> list[Part]:
    """(begin, count, stride) of ascending runs of equal steps that cover the indices in order."""
    parts: list[Part] = []
    start = 0
    while start < len(indices):
        step = indices[start + 1] - indices[start] if start + 1 < len(indices) else 1
        end = start + 1
        while step >= 1 and end < len(indices) and indices[end] - indices[end - 1] == step:
            end += 1
        parts.append((indices[start], end - start, step if end - start > 1 else 1))
        start = end
    return parts


def _axis(node: Node, axis: int, view: View) -> int:
    rank = view.index.ndim
    if not -rank <= axis < rank:
        raise BadFileError(f"{node.op} along axis {axis} of rank {rank}", where=node.name)
    return axis % rank


def sliced(node: Node, build: Builder, view: View, parts: dict[int, Part]) -> View:
    """A slice along the ONNX axes of ``parts``; the others are kept whole."""
    order = common_layout(build, [view])
    source = build.arranged(node, view, order)
    rows: Iterable[Part] = [parts.get(axis, (0, view.shape[axis], 1)) for axis in order]
    begin, size, stride = zip(*rows, strict=True)
    output = build.emit("slice", node.name, [source], {"begin": begin, "size": size, "stride": stride})
    return build.ordered(output, order)
