"""Rules of the ONNX lowering for Resize, mirrored Pad, Tile, Expand, and Min and Max of two activations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import MAX_INDEX, Builder, common_layout, unsupported
from edgekit.graph.passes.onnx_elementwise import of_views
from edgekit.graph.passes.onnx_weighted import unbatched
from edgekit.graph.passes.views import View

MAX_COPIES = 16
"""Parts of a concat that a Tile or Expand may become."""

_CENTRES = {
    "asymmetric": (False, False), "half_pixel": (False, True), "pytorch_half_pixel": (False, True),
    "align_corners": (True, False),
}  # fmt: skip
"""coordinate_transformation_mode to (align_corners, half_pixel)."""


def resize(node: Node, build: Builder) -> None:
    """Resize of height and width → resize_nearest or resize_bilinear.

    Nearest: rounding down of asymmetric coordinates (what torch exports); linear: any of the usual centres.
    """
    view = build.view(node)
    if view.index.ndim != 4:
        raise unsupported(node, f"Resize of rank {view.index.ndim}")
    size = _target(node, build, view)
    mode, centres = node.attrs.get("mode", "nearest"), node.attrs.get("coordinate_transformation_mode", "half_pixel")
    rounding = node.attrs.get("nearest_mode", "round_prefer_floor")
    plain = mode == "nearest" and centres == "asymmetric" and rounding == "floor"
    if centres not in _CENTRES or not (plain or mode == "linear") or (1 in size and centres == "pytorch_half_pixel"):
        raise unsupported(node, f"Resize in mode {mode} with {centres} coordinates, rounded by {rounding}")
    align, half = _CENTRES[centres]
    attrs = {"size": size, "align_corners": align, "half_pixel": half}
    source = build.nhwc(node, view)
    output = build.emit("resize_nearest" if mode == "nearest" else "resize_bilinear", node.name, [source], attrs)
    build.result(node, unbatched(node, output, build, False))


def _target(node: Node, build: Builder, view: View) -> tuple[int, int]:
    scales, sizes = build.constant(node, 2), build.constant(node, 3)
    if sizes is not None and sizes.size:
        target = [int(item) for item in sizes.reshape(-1)]
    elif scales is not None and scales.size == 4:
        target = [int(np.floor(dim * float(s))) for dim, s in zip(view.shape, scales.reshape(-1), strict=True)]
    else:
        raise BadFileError("Resize without sizes or scales", where=node.name)
    if len(target) != 4 or tuple(target[:2]) != view.shape[:2] or min(target) < 1:
        raise unsupported(node, f"Resize of {view.shape} to {target}")
    return target[2], target[3]


def mirrored(node: Node, build: Builder, view: View, pads: dict[int, tuple[int, int]]) -> None:
    """Pad in mode reflect → mirror_pad."""
    if any(max(pads[axis], default=0) >= view.shape[axis] for axis in pads):
        raise BadFileError(f"Pad by {pads} of {view.shape} reflects more than there is", where=node.name)
    order = common_layout(build, [view])
    source = build.arranged(node, view, order)
    attrs = {"pads": tuple(pads.get(axis, (0, 0)) for axis in order), "mode": "reflect"}
    output = build.emit("mirror_pad", node.name, [source], attrs)
    build.result(node, build.ordered(output, order))


def tile(node: Node, build: Builder) -> None:
    """Tile → a concat of copies, an axis at a time; a gather of many."""
    repeats = build.ints(node, 1, "repeats")
    view = build.view(node)
    if repeats is None or len(repeats) != view.index.ndim or min(repeats, default=1) < 1:
        raise BadFileError(f"Tile of {view.shape} by {repeats}", where=node.name)
    build.result(node, _repeated(node, build, view, repeats))


def expand(node: Node, build: Builder) -> None:
    """Expand → a concat of copies along the axes that grow; a gather of many."""
    target = build.ints(node, 1, "shape")
    view = build.view(node)
    if target is None:
        raise BadFileError("Expand without a shape", where=node.name)
    dims = np.broadcast_shapes(view.shape, target)
    view = view.moved(view.index.reshape((1,) * (len(dims) - view.index.ndim) + view.shape))
    repeats = tuple(out // dim for out, dim in zip(dims, view.shape, strict=True))
    build.result(node, _repeated(node, build, view, repeats))


def _repeated(node: Node, build: Builder, view: View, repeats: tuple[int, ...]) -> View:
    for axis, count in enumerate(repeats):
        if count == 1:
            continue
        if count * view.index.size > MAX_INDEX:
            raise unsupported(node, f"{node.op} of {count} copies of {view.index.size} elements")
        order = common_layout(build, [view])
        source, along = build.arranged(node, view, order), order.index(axis)
        if count > MAX_COPIES:
            attrs = {"axis": along, "indices": tuple(range(view.shape[axis])) * count}
            output = build.emit("gather", node.name, [source], attrs)
        else:
            output = build.emit("concat", node.name, [source] * count, {"axis": along})
        view = build.ordered(output, order)
    return view


def extreme(op: str) -> Callable[[Node, Builder], None]:
    """Rule of Min or Max of two activations → minimum, maximum."""

    def rule(node: Node, build: Builder) -> None:
        if len(node.inputs) != 2:
            raise unsupported(node, f"{node.op} of {len(node.inputs)} values")
        build.result(node, of_views(node, build, build.view(node, 0), build.view(node, 1), op))

    return rule
