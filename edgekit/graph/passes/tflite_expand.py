"""TFLite operators that are several edge operators: those with many outputs, and those that drop axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.tflite_moves import strided_rows
from edgekit.graph.passes.tflite_rule import State, option

Dims = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """One edge operator.

    Attributes:
        op, attrs, inputs: of the node.
        output: an output of the TFLite operator, or a name of its own.
        dims: shape of the output where it does not follow from the inputs (reshape).
    """

    op: str
    attrs: Mapping[str, Any]
    inputs: tuple[str, ...]
    output: str
    dims: Dims | None = None


def _cut(dims: Dims, axis: int, first: int, size: int) -> dict[str, Any]:
    """Attributes of a slice along one axis."""
    begin = tuple(first if i == axis else 0 for i in range(len(dims)))
    return {"begin": begin, "size": (*dims[:axis], size, *dims[axis + 1 :]), "stride": (1,) * len(dims)}


def _split(node: Node, state: State) -> list[Part]:
    """SPLIT and SPLIT_V as a slice for every output, in order."""
    source, axis_input = (node.inputs[1], 0) if node.op == "SPLIT" else (node.inputs[0], 2)
    dims, axes = state.dims(source), state.axes(node, axis_input)
    if len(axes) != 1 or not -len(dims) <= axes[0] < len(dims):
        raise BadFileError(f"{node.op} along {axes}", where=node.name)
    axis, count = axes[0] % len(dims), len(node.outputs)
    sizes = [dims[axis] // count] * count if node.op == "SPLIT" else state.axes(node, 1)
    if len(sizes) != count or sum(sizes) != dims[axis]:
        raise BadFileError(f"{node.op} of {dims[axis]} into {sizes}", where=node.name)
    starts = [sum(sizes[:index]) for index in range(count)]
    return [
        Part("slice", _cut(dims, axis, first, size), (source,), name)
        for first, size, name in zip(starts, sizes, node.outputs, strict=True)
    ]


def _unpack(node: Node, state: State) -> list[Part]:
    """UNPACK as a slice and a reshape for every output."""
    dims = state.dims(node.inputs[0])
    axis = option(node, "axis") % max(len(dims), 1)
    if not dims or dims[axis] != len(node.outputs):
        raise BadFileError(f"UNPACK of {dims} along {axis} into {len(node.outputs)}", where=node.name)
    parts = []
    for index, name in enumerate(node.outputs):
        whole = f"{node.name}/{index}"
        parts.append(Part("slice", _cut(dims, axis, index, 1), node.inputs[:1], whole))
        parts.append(Part("reshape", {}, (whole,), name, (*dims[:axis], *dims[axis + 1 :])))
    return parts


def _pack(node: Node, state: State) -> list[Part]:
    """PACK as a reshape of every input and a concat."""
    dims = state.dims(node.inputs[0])
    axis = option(node, "axis") % (len(dims) + 1)
    longer = (*dims[:axis], 1, *dims[axis:])
    names = tuple(f"{node.name}/{index}" for index in range(len(node.inputs)))
    parts = [Part("reshape", {}, (x,), name, longer) for x, name in zip(node.inputs, names, strict=True)]
    return [*parts, Part("concat", {"axis": axis}, names, node.outputs[0])]


def _shrunk_slice(node: Node, state: State) -> list[Part]:
    """A STRIDED_SLICE that drops axes, as a slice and a reshape."""
    rows = strided_rows(node, state)
    begin, size, stride = zip(*rows, strict=True)
    mask = node.attrs["shrink_axis_mask"]
    kept = tuple(count for axis, count in enumerate(size) if not mask >> axis & 1)
    whole = f"{node.name}/whole"
    attrs = {"begin": begin, "size": size, "stride": stride}
    return [
        Part("slice", attrs, node.inputs[:1], whole),
        Part("reshape", {}, (whole,), node.outputs[0], kept),
    ]


def _one_of(node: Node, state: State) -> list[Part]:
    """GATHER of one place, whose axis is dropped."""
    dims, indices = state.dims(node.inputs[0]), state.axes(node, 1)
    axis = node.attrs.get("axis", 0) % max(len(dims), 1)
    if len(indices) != 1 or not -dims[axis] <= indices[0] < dims[axis]:
        raise BadFileError(f"GATHER of {indices} of {dims}", where=node.name)
    whole = f"{node.name}/whole"
    return [
        Part("slice", _cut(dims, axis, indices[0] % dims[axis], 1), node.inputs[:1], whole),
        Part("reshape", {}, (whole,), node.outputs[0], (*dims[:axis], *dims[axis + 1 :])),
    ]


def _reduce_max(node: Node, state: State) -> list[Part]:
    """REDUCE_MAX as a max_pool2d over the axes, brought together as [1, outer, n, inner] by a transpose if need be."""
    source, dims = node.inputs[0], state.dims(node.inputs[0])
    listed = state.axes(node, 1)
    if not dims or any(not -len(dims) <= axis < len(dims) for axis in listed):
        raise BadFileError(f"{node.op} over axes {listed} of rank {len(dims)}", where=node.name)
    axes = sorted({axis % len(dims) for axis in listed}) or [0]
    kept = bool(node.attrs.get("keep_dims", False))
    result = tuple(1 if axis in axes else dim for axis, dim in enumerate(dims) if kept or axis not in axes)
    parts = []
    if axes != list(range(axes[0], axes[-1] + 1)):
        perm = (*axes, *(axis for axis in range(len(dims)) if axis not in axes))
        parts.append(Part("transpose", {"perm": perm}, (source,), f"{node.name}/together"))
        source, dims, axes = f"{node.name}/together", tuple(dims[axis] for axis in perm), list(range(len(axes)))
    outer, inner = dims[: axes[0]], dims[axes[-1] + 1 :]
    covered = prod(dims[axes[0] : axes[-1] + 1])
    window = {"window": (1, covered), "stride": (1, covered), "pad": ((0, 0), (0, 0)), "activation": "none"}
    folded, whole = f"{node.name}/folded", f"{node.name}/largest"
    return [
        *parts,
        Part("reshape", {}, (source,), folded, (1, prod(outer), covered, prod(inner))),
        Part("max_pool2d", window, (folded,), whole),
        Part("reshape", {}, (whole,), node.outputs[0], result),
    ]


def parts_of(node: Node, state: State) -> list[Part] | None:
    """The edge operators of a node of this file; None of any other node."""
    if node.op == "STRIDED_SLICE" and node.attrs.get("shrink_axis_mask", 0) and len(node.inputs) == 4:
        return _shrunk_slice(node, state)
    if node.op == "GATHER" and len(node.inputs) == 2 and not state.dims(node.inputs[1]):
        return _one_of(node, state)
    counts, rule = EXPANDED.get(node.op, ((), None))
    return rule(node, state) if rule is not None and (not counts or len(node.inputs) in counts) else None


EXPANDED: Mapping[str, tuple[tuple[int, ...], Callable[[Node, State], list[Part]]]] = {
    "SPLIT": ((2,), _split),
    "SPLIT_V": ((3,), _split),
    "UNPACK": ((1,), _unpack),
    "PACK": ((), _pack),
    "REDUCE_MAX": ((2,), _reduce_max),
}
"""Operator to the numbers of inputs it may have (any where empty) and to what makes parts of it."""
