"""Rules of the TFLite lowering for operators that move values: pad, transpose, slices, splits, concat, resizing."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Node
from edgekit.graph.passes.tflite_rule import Lowered, Rule, State, fused_activation, option


def _pad(node: Node, state: State) -> Lowered:
    flat = state.axes(node, 1)
    if len(flat) != 2 * len(state.dims(node.inputs[0])):
        raise BadFileError("PAD needs a pair of paddings an axis", where=node.name)
    return "pad", {"pads": tuple(zip(flat[::2], flat[1::2], strict=True))}, node.inputs[:1]


def _transpose(node: Node, state: State) -> Lowered:
    return "transpose", {"perm": tuple(state.axes(node, 1))}, node.inputs[:1]


def _slice(node: Node, state: State) -> Lowered:
    dims, begin, size = state.dims(node.inputs[0]), state.axes(node, 1), state.axes(node, 2)
    if not len(dims) == len(begin) == len(size):
        raise BadFileError("SLICE needs a begin and a size an axis", where=node.name)
    whole = tuple(d - b if s == -1 else s for d, b, s in zip(dims, begin, size, strict=True))
    return "slice", {"begin": tuple(begin), "size": whole, "stride": (1,) * len(dims)}, node.inputs[:1]


def strided_rows(node: Node, state: State) -> list[tuple[int, int, int]]:
    """(begin, size, stride) of each axis of a STRIDED_SLICE; an axis that shrinks has size 1.

    Raises:
        UnsupportedOpError: a stride below 1, an ellipsis, or new axes.
    """
    dims = state.dims(node.inputs[0])
    begin, end, stride = (state.axes(node, position) for position in (1, 2, 3))
    if not len(begin) == len(end) == len(stride) <= len(dims) or min(stride, default=1) < 1:
        raise UnsupportedOpError("STRIDED_SLICE with a stride below 1", where=node.name)
    if any(node.attrs.get(key, 0) for key in ("ellipsis_mask", "new_axis_mask", "offset")):
        raise UnsupportedOpError("STRIDED_SLICE that adds axes", where=node.name, mend="keep the rank")
    rows = []
    for axis, dim in enumerate(dims):
        first, last, step = (row[axis] if axis < len(row) else None for row in (begin, end, stride))
        if node.attrs.get("shrink_axis_mask", 0) >> axis & 1 and first is not None:
            rows.append((first % dim, 1, 1))
            continue
        first = None if node.attrs.get("begin_mask", 0) >> axis & 1 else first
        last = None if node.attrs.get("end_mask", 0) >> axis & 1 else last
        covered = range(dim)[slice(first, last, step)]
        rows.append((covered.start, len(covered), covered.step))
    return rows


def _strided_slice(node: Node, state: State) -> Lowered:
    starts, sizes, steps = zip(*strided_rows(node, state), strict=True)
    return "slice", {"begin": starts, "size": sizes, "stride": steps}, node.inputs[:1]


def _gather(node: Node, state: State) -> Lowered:
    """GATHER with constant indices along one axis."""
    rank, indices = len(state.dims(node.inputs[0])), state.axes(node, 1)
    axis = node.attrs.get("axis", 0)
    if node.attrs.get("batch_dims", 0) or not -rank <= axis < rank or len(state.dims(node.inputs[1])) != 1:
        raise UnsupportedOpError("GATHER in batches, or by a table", where=node.name, mend="gather by a list")
    return "gather", {"axis": axis % rank, "indices": tuple(indices)}, node.inputs[:1]


def _reverse(node: Node, state: State) -> Lowered:
    """REVERSE_V2 along one axis, as a gather."""
    dims, axes = state.dims(node.inputs[0]), state.axes(node, 1)
    if len(axes) != 1 or not -len(dims) <= axes[0] < len(dims):
        raise UnsupportedOpError(f"REVERSE_V2 along {axes}", where=node.name, mend="reverse one axis")
    axis = axes[0] % len(dims)
    return "gather", {"axis": axis, "indices": tuple(reversed(range(dims[axis])))}, node.inputs[:1]


def _concat(node: Node, state: State) -> Lowered:
    rank = len(state.dims(node.inputs[0]))
    axis = option(node, "axis")
    if fused_activation(node) != "none" or not -rank <= axis < rank:
        raise UnsupportedOpError(f"CONCATENATION along {axis}, or with an activation", where=node.name)
    return "concat", {"axis": axis % rank}, node.inputs


def _resize(op: str) -> Rule:
    def rule(node: Node, state: State) -> Lowered:
        size = state.axes(node, 1)
        if len(size) != 2 or min(size) < 1 or max(size) > 2**16:
            raise BadFileError(f"{node.op} to {size}", where=node.name)
        flags = {"align_corners": "align_corners", "half_pixel": "half_pixel_centers"}
        attrs = {key: bool(node.attrs.get(option, False)) for key, option in flags.items()}
        return op, {"size": tuple(size), **attrs}, node.inputs[:1]

    return rule


def _mirror_pad(node: Node, state: State) -> Lowered:
    _, attrs, inputs = _pad(node, state)
    modes = {0: "reflect", "REFLECT": "reflect", 1: "symmetric", "SYMMETRIC": "symmetric"}
    mode = option(node, "mode")
    if mode not in modes:
        raise BadFileError(f"MIRROR_PAD in mode {mode}", where=node.name)
    return "mirror_pad", {**attrs, "mode": modes[mode]}, inputs


MOVES: Mapping[str, Rule] = {
    "PAD": _pad,
    "MIRROR_PAD": _mirror_pad,
    "TRANSPOSE": _transpose,
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    "CONCATENATION": _concat,
    "GATHER": _gather,
    "REVERSE_V2": _reverse,
    "RESIZE_NEAREST_NEIGHBOR": _resize("resize_nearest"),
    "RESIZE_BILINEAR": _resize("resize_bilinear"),
}
"""Operators of this file."""
