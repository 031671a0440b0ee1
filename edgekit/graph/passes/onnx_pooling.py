"""Rules of the ONNX lowering for operators over windows and axes: pools, means, Pad, Softmax."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import Builder, common_layout, unsupported
from edgekit.graph.passes.onnx_resizing import mirrored
from edgekit.graph.passes.onnx_weighted import unbatched, window_attrs
from edgekit.graph.passes.views import View

Pads = tuple[int, int]


def max_pool(node: Node, build: Builder) -> None:
    """MaxPool → max_pool2d; padding never wins a maximum in either format."""
    if len(node.outputs) > 1 and node.outputs[1]:
        raise unsupported(node, "MaxPool that also returns indices")
    source, attrs, conv1d = _pool(node, build)
    output = build.emit("max_pool2d", node.name, [source], attrs)
    build.result(node, unbatched(node, output, build, conv1d))


def average_pool(node: Node, build: Builder) -> None:
    """AveragePool → avg_pool2d; with count_include_pad the padding becomes an explicit pad of zeros before it."""
    source, attrs, conv1d = _pool(node, build)
    pads = attrs["pad"]
    if node.attrs.get("count_include_pad", 0) and any(map(any, pads)):
        # What ceil_mode adds at the end lies beyond the padding and is never counted.
        stated = attrs.pop("stated")
        around = ((0, 0), *stated, (0, 0))
        source = build.emit("pad", f"{node.name}/pad", [source], {"pads": around})
        attrs["pad"] = tuple((0, after - known) for (_, after), (_, known) in zip(pads, stated, strict=True))
    attrs.pop("stated", None)
    output = build.emit("avg_pool2d", node.name, [source], attrs)
    build.result(node, unbatched(node, output, build, conv1d))


def _pool(node: Node, build: Builder) -> tuple[str, dict[str, Any], bool]:
    """The NHWC input, the attributes (``stated``: the padding without ceil_mode's share) and whether it is 1-D."""
    view = build.view(node)
    conv1d = view.index.ndim == 3
    source = build.nhwc(node, view)
    _, height, width, _ = build.tensors[source].dims
    kernel = tuple(node.attrs.get("kernel_shape", ()))
    full = (1, *kernel) if conv1d else kernel
    if len(full) != 2 or min(full) < 1:
        raise BadFileError(f"{node.op} with kernel_shape {kernel}", where=node.name)
    window: Pads = (full[0], full[1])
    attrs = window_attrs(node, (height, width), window, conv1d)
    if attrs.pop("dilation") != (1, 1):
        raise unsupported(node, f"{node.op} with dilation")
    stated = attrs["pad"]
    if node.attrs.get("ceil_mode", 0):
        sizes = zip((height, width), window, attrs["stride"], stated, strict=True)
        attrs["pad"] = tuple(_ceil_pad(*size) for size in sizes)
    attrs.update(window=window, activation="none")
    if node.op == "AveragePool":
        attrs["stated"] = stated
    return source, attrs, conv1d


def _ceil_pad(size: int, window: int, stride: int, pad: Pads) -> Pads:
    """Padding with which a floor division gives what ceil_mode gives (no window starts in the end padding)."""
    positions = -(-(size + sum(pad) - window) // stride) + 1
    if (positions - 1) * stride >= size + pad[0]:
        positions -= 1
    needed = (positions - 1) * stride + window - size - pad[0]
    return pad[0], max(pad[1], needed)


def global_average_pool(node: Node, build: Builder) -> None:
    """GlobalAveragePool → mean over the spatial axes."""
    view = build.view(node)
    build.result(node, reduced(node, build, view, tuple(range(2, view.index.ndim)), True))


def global_max_pool(node: Node, build: Builder) -> None:
    """GlobalMaxPool → max_pool2d over the whole image."""
    view = build.view(node)
    source = build.nhwc(node, view)
    window = build.tensors[source].dims[1:3]
    attrs = {"window": window, "stride": window, "pad": ((0, 0), (0, 0)), "activation": "none"}
    output = build.emit("max_pool2d", node.name, [source], attrs)
    build.result(node, unbatched(node, output, build, view.index.ndim == 3))


def reduce_mean(node: Node, build: Builder) -> None:
    """ReduceMean → mean, over any axes; ReduceSum → sum; ReduceL2 → rsqrt of the mean square."""
    view = build.view(node)
    if node.op == "ReduceL2":
        view = view.like(build.emit("mul", f"{node.name}/square", [view.name, view.name], {"activation": "none"}))
    covered = covered_axes(node, build, view)
    if not covered:
        build.result(node, view)
        return
    op = "sum" if node.op == "ReduceSum" else "mean"
    found = reduced(node, build, view, covered, bool(node.attrs.get("keepdims", 1)), op)
    if node.op == "ReduceL2":
        # √Σx² = √n · √(mean of x²): the mean keeps the integers small.
        root = build.emit("rsqrt", f"{node.name}/rsqrt", [found.name], {})
        norm = found.like(build.emit("mul", f"{node.name}/sqrt", [found.name, root], {"activation": "none"}))
        count = prod(view.shape[axis] for axis in covered)
        found = build.affine(node, norm, np.full((), count**0.5), np.zeros(()))
    build.result(node, found)


def covered_axes(node: Node, build: Builder, view: View) -> tuple[int, ...]:
    """The ONNX axes that a reduction covers, in order; none where it says that it does nothing."""
    rank = view.index.ndim
    axes = build.ints(node, 1, "axes")
    if not axes and node.attrs.get("noop_with_empty_axes", 0) and node.op != "ReduceL2":
        return ()
    listed = axes or tuple(range(rank))
    if any(not -rank <= axis < rank for axis in listed):
        raise BadFileError(f"{node.op} over axes {listed} of rank {rank}", where=node.name)
    return tuple(sorted({axis % rank for axis in listed}))


def reduced(node: Node, build: Builder, view: View, axes: tuple[int, ...], keep: bool, op: str = "mean") -> View:
    """Mean or sum over ONNX axes, in whichever layout the edge tensor has."""
    order = common_layout(build, [view])
    source = build.arranged(node, view, order)
    edge_axes = tuple(sorted(order.index(axis) for axis in axes))
    output = build.emit(op, node.name, [source], {"axes": edge_axes, "keep_dims": True})
    kept = build.ordered(output, order).index
    squeezed = kept if keep else kept.reshape([dim for axis, dim in enumerate(kept.shape) if axis not in axes])
    return View(output, np.ascontiguousarray(squeezed))


def pad(node: Node, build: Builder) -> None:
    """Pad with the constant 0 → pad, in mode reflect → mirror_pad."""
    view = build.view(node)
    rank = view.index.ndim
    flat, value = build.ints(node, 1, "pads"), build.constant(node, 2)
    mode, fill = node.attrs.get("mode", "constant"), node.attrs.get("value", 0.0) if value is None else value
    if mode not in ("constant", "reflect") or np.any(np.asarray(fill) != 0):
        raise unsupported(node, f"Pad in mode {mode} with value {fill}")
    axes = [axis % rank for axis in (build.ints(node, 3, "axes") or range(rank))]
    if flat is None or len(flat) != 2 * len(axes) or min(flat, default=0) < 0:
        raise unsupported(node, f"Pad with pads {flat}")
    pairs = {axis: (flat[i], flat[i + len(axes)]) for i, axis in enumerate(axes)}
    if mode == "reflect":
        mirrored(node, build, view, pairs)
        return
    order = common_layout(build, [view])
    source = build.arranged(node, view, order)
    pads = tuple(pairs.get(axis, (0, 0)) for axis in order)
    if not any(map(any, pads)):
        build.result(node, view)
        return
    output = build.emit("pad", node.name, [source], {"pads": pads})
    build.result(node, build.ordered(output, order))
