"""resize_nearest, mirror_pad, gather and resize_bilinear: elements gathered along axes, or mixed of four neighbours.

Positions follow TensorFlow Lite's reference kernels (reference/resize_nearest_neighbor.h, resize_bilinear.h: the latter
with 10 fractional bits on integers).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import round_half_away
from edgekit.graph.integer.params import BilinearParams, Line
from edgekit.graph.integer.params_moves import GatherParams
from edgekit.graph.integer.rescale import full_clamp, input_output, require_same_scale

FRACTION = 10
ONE = 1 << FRACTION


def nearest_positions(size: int, outputs: int, align_corners: bool, half_pixel: bool) -> tuple[int, ...]:
    """Input position of each output position along one axis (float32 arithmetic, as the kernel's)."""
    corners = align_corners and outputs > 1
    scale = np.float32(size - 1) / np.float32(outputs - 1) if corners else np.float32(size) / np.float32(outputs)
    places = (np.arange(outputs, dtype=np.float32) + np.float32(0.5 if half_pixel else 0.0)) * scale
    found = round_half_away(places) if align_corners else np.floor(places)
    return tuple(int(place) for place in np.clip(found, 0, size - 1))


def mirrored_positions(size: int, before: int, after: int, mode: str) -> tuple[int, ...]:
    """Input position of each position of a mirrored axis; "reflect" leaves the edge out, "symmetric" repeats it."""
    return tuple(int(i) for i in np.pad(np.arange(size), (before, after), mode=mode))  # type: ignore[call-overload]


def gathered_axes(op: str, attrs: Mapping[str, Any], dims: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Input positions along every axis of resize_nearest, mirror_pad or gather."""
    if op == "gather":
        lines = (attrs["indices"] if axis == attrs["axis"] else range(size) for axis, size in enumerate(dims))
        return tuple(tuple(line) for line in lines)
    if op == "mirror_pad":
        pairs = zip(dims, attrs["pads"], strict=True)
        return tuple(mirrored_positions(size, pad[0], pad[1], attrs["mode"]) for size, pad in pairs)
    flags = bool(attrs["align_corners"]), bool(attrs["half_pixel"])
    rows, columns = (nearest_positions(size, out, *flags) for size, out in zip(dims[1:3], attrs["size"], strict=True))
    return tuple(range(dims[0])), rows, columns, tuple(range(dims[3]))


def prepare_gather(graph: Graph, node: Node) -> GatherParams:
    """Parameters of one resize_nearest, mirror_pad or gather node."""
    source, output = input_output(graph, node)
    require_same_scale(node, source, output)
    return GatherParams(gathered_axes(node.op, node.attrs, source.dims))


def gather(params: GatherParams, x: np.ndarray) -> np.ndarray:
    """X [N, dims], its elements at every combination of the axes' positions."""
    return x[np.ix_(range(len(x)), *params.axes)]


def bilinear_line(size: int, outputs: int, align_corners: bool, half_pixel: bool) -> Line:
    """Neighbours and weight of each output position along one axis, in steps of 1/1024."""
    scale = (ONE * size + outputs // 2) // outputs
    if align_corners and outputs > 1:
        scale = (ONE * (size - 1) + (outputs - 1) // 2) // (outputs - 1)
    lower, upper, weight = [], [], []
    for position in range(outputs):
        place = position * scale + (scale // 2 - ONE // 2 if half_pixel else 0)
        first = max(int(place / ONE), 0)  # towards 0, as in C
        lower.append(first)
        upper.append(min(int((place + ONE - 1) / ONE), size - 1))
        weight.append(place - ONE * first)
    return Line(tuple(lower), tuple(upper), tuple(weight))


def prepare_bilinear(graph: Graph, node: Node) -> BilinearParams:
    """Parameters of one resize_bilinear node.

    Raises:
        UnsupportedOpError: an input that is no image.
    """
    source, output = input_output(graph, node)
    require_same_scale(node, source, output)
    if len(source.dims) != 4:
        raise UnsupportedOpError(f"resize of rank {len(source.dims)}", where=node.name)
    flags = bool(node.attrs["align_corners"]), bool(node.attrs["half_pixel"])
    axes = zip(source.dims[1:3], node.attrs["size"], strict=True)
    rows, columns = (bilinear_line(size, outputs, *flags) for size, outputs in axes)
    return BilinearParams(rows, columns, full_clamp(output))


def bilinear(params: BilinearParams, x: np.ndarray) -> np.ndarray:
    """X [N,H,W,C] to [N,H',W',C], halves away from zero."""
    values = x.astype(np.int64)
    mixed = _mixed(_mixed(values, params.rows, 1), params.columns, 2)
    half = 1 << (2 * FRACTION - 1)
    magnitude = (np.abs(mixed) + half) >> (2 * FRACTION)
    return params.clamp(np.where(mixed > 0, magnitude, -magnitude))


def _mixed(values: np.ndarray, line: Line, axis: int) -> np.ndarray:
    shape = [1] * values.ndim
    shape[axis] = -1
    weight = np.array(line.weight, np.int64).reshape(shape)
    return np.take(values, line.lower, axis) * (ONE - weight) + np.take(values, line.upper, axis) * weight
