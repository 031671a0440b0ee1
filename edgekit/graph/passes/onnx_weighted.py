"""Rules of the ONNX lowering for operators with weights: Conv, Gemm, MatMul, BatchNormalization."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_attention import product
from edgekit.graph.passes.onnx_builder import Builder, unsupported
from edgekit.graph.passes.views import View, permuted

Pads = tuple[int, int]


def window_attrs(node: Node, spatial: Pads, window: Pads, conv1d: bool) -> dict[str, Any]:
    """stride, dilation and pad of a Conv or a pooling operator as pairs (height, width); 1-D operators get height 1."""

    def pair(key: str, default: int) -> Pads:
        given = tuple(node.attrs.get(key, (default,) * (1 if conv1d else 2)))
        full = (default, *given) if conv1d else given
        if len(full) != 2 or min(full) < 1:
            raise BadFileError(f"{node.op} with {key} {given}", where=node.name)
        return (full[0], full[1])

    stride, dilation = pair("strides", 1), pair("dilations", 1)
    return {"stride": stride, "dilation": dilation, "pad": _pads(node, spatial, window, stride, dilation, conv1d)}


def _pads(node: Node, spatial: Pads, window: Pads, stride: Pads, dilation: Pads, conv1d: bool) -> tuple[Pads, Pads]:
    """((top, bottom), (left, right)) from ``pads`` or ``auto_pad`` (ONNX operator Conv)."""
    auto = node.attrs.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        both = []
        for size, reach, step, dil in zip(spatial, window, stride, dilation, strict=True):
            total = max((-(-size // step) - 1) * step + (reach - 1) * dil + 1 - size, 0)
            small, large = total // 2, total - total // 2
            both.append((small, large) if auto == "SAME_UPPER" else (large, small))
        return both[0], both[1]
    if auto not in ("NOTSET", "VALID"):
        raise BadFileError(f"{node.op} with auto_pad {auto}", where=node.name)
    flat = tuple(node.attrs.get("pads", ())) if auto == "NOTSET" else ()
    flat = flat or (0,) * (2 if conv1d else 4)
    if len(flat) != (2 if conv1d else 4) or min(flat) < 0:
        raise BadFileError(f"{node.op} with pads {flat}", where=node.name)
    return ((0, 0), (flat[0], flat[1])) if conv1d else ((flat[0], flat[2]), (flat[1], flat[3]))


def unbatched(node: Node, output: str, build: Builder, conv1d: bool) -> View:
    """The NCHW (or NCW) view of an NHWC result."""
    dims = build.tensors[output].dims
    view = permuted(output, dims, (0, 2, 3, 1))
    return view.moved(view.index[:, :, 0, :]) if conv1d else view


def conv(node: Node, build: Builder) -> None:
    """Conv → conv2d; with groups = input channels → depthwise_conv2d; 1-D as 2-D of height 1."""
    view, weights = build.view(node), build.constant(node, 1)
    if weights is None or weights.ndim not in (3, 4) or view.index.ndim != weights.ndim:
        raise unsupported(node, f"Conv of rank {view.index.ndim} without constant weights of rank 3 or 4")
    conv1d = weights.ndim == 3
    w = weights[:, :, None, :] if conv1d else weights
    source = build.nhwc(node, view)
    _, height, width, channels = build.tensors[source].dims
    group = node.attrs.get("group", 1)
    attrs = window_attrs(node, (height, width), (w.shape[2], w.shape[3]), conv1d)
    attrs["activation"] = "none"
    if group < 1 or w.shape[1] * group != channels or w.shape[0] % group:
        raise unsupported(node, f"Conv with {group} groups and weights {w.shape} on {channels} channels")
    if group == channels and group > 1:
        # Output channel c·m + q belongs to input channel c in both formats.
        op, kernel = "depthwise_conv2d", w[:, 0].transpose(1, 2, 0)[None]
        attrs["multiplier"] = w.shape[0] // group
    else:
        op, kernel = "conv2d", w.transpose(0, 2, 3, 1)
    names = [source, build.weight(f"{node.name}/weight", kernel), _bias(node, build, w.shape[0])]
    output = build.emit(op, node.name, names, attrs)
    keep_scales(node, build, 1, names[1])
    build.result(node, unbatched(node, output, build, conv1d))


def _bias(node: Node, build: Builder, channels: int) -> str:
    bias = build.constant(node, 2)
    if bias is None:
        return ""
    if bias.shape != (channels,):
        raise BadFileError(f"bias of shape {bias.shape} for {channels} channels", where=node.name)
    return build.weight(f"{node.name}/bias", bias)


def gemm(node: Node, build: Builder) -> None:
    """Gemm with constant B and C → fully_connected."""
    weights, bias = build.constant(node, 1), build.constant(node, 2)
    if weights is None or weights.ndim != 2 or node.attrs.get("transA", 0):
        raise unsupported(node, "Gemm with transA or without constant weights of rank 2")
    matrix = weights if node.attrs.get("transB", 0) else weights.T
    shift = None if bias is None else np.asarray(bias, np.float64) * node.attrs.get("beta", 1.0)
    linear(node, build, matrix * np.float64(node.attrs.get("alpha", 1.0)), shift)


def matmul(node: Node, build: Builder) -> None:
    """MatMul with a constant of rank 2 on the right → fully_connected, else batch_matmul."""
    weights = build.value(node, 1)
    if isinstance(weights, View) or weights.ndim != 2:
        product(node, build)
        return
    linear(node, build, weights.T.astype(np.float64), None)


def linear(node: Node, build: Builder, matrix: np.ndarray, bias: np.ndarray | None) -> None:
    """fully_connected with weights ``matrix`` [O,K] over the last axis of the node's input.

    Where the input is a flattened image, its rows lie permuted in the NHWC tensor; the weights' columns are then
    permuted instead of the data.
    """
    view = build.view(node)
    units, width = matrix.shape
    if view.index.ndim < 1 or view.shape[-1] != width:
        raise BadFileError(f"weights for {width} inputs on {view.shape}", where=node.name)
    rows = view.index.reshape(-1, width)
    columns = rows[0]
    if not np.array_equal(rows, columns + width * np.arange(len(rows))[:, None]) or columns.max() >= width:
        # Rows that do not lie together, as the heads of attention behind their products: they are brought together.
        view = build.direct(build.arranged(node, view, tuple(range(view.index.ndim))))
        rows = view.index.reshape(-1, width)
        columns = rows[0]
    permuted_matrix = np.empty_like(matrix)
    permuted_matrix[:, columns] = matrix
    flat = len(rows) == 1 or build.tensors[view.name].dims[-1] == width
    source = view.name if flat else build.reshaped(view.name, (len(rows), width), node.name)
    names = [source, build.weight(f"{node.name}/weight", permuted_matrix), ""]
    if bias is not None:
        if prod(bias.shape) not in (1, units) or (bias.ndim > 1 and bias.shape[-1] != prod(bias.shape)):
            raise unsupported(node, f"{node.op} with a bias of shape {bias.shape}")
        names[2] = build.weight(f"{node.name}/bias", np.broadcast_to(bias.reshape(-1), (units,)))
    # Tokens stay tokens: no reshape between a layer and what is added to it.
    keep = view.index.ndim > 2 and build.tensors[source].dims == view.shape
    output = build.emit("fully_connected", node.name, names, {"activation": "none", "keep_dims": keep})
    keep_scales(node, build, 1, names[1])
    index = np.arange(len(rows) * units, dtype=np.int64).reshape(*view.shape[:-1], units)
    build.result(node, View(output, index))


def batch_norm(node: Node, build: Builder) -> None:
    """BatchNormalization in inference → affine: γ/√(σ²+ε)·x + β − μ·γ/√(σ²+ε)."""
    view = build.view(node)
    vectors = [build.constant(node, position) for position in range(1, 5)]
    if node.attrs.get("training_mode", 0) or view.index.ndim < 2:
        raise unsupported(node, "BatchNormalization in training mode")
    channels = view.shape[1]
    if any(vector is None or vector.shape != (channels,) for vector in vectors):
        raise BadFileError(f"BatchNormalization needs four vectors of {channels}", where=node.name)
    gamma, beta, mean, variance = (np.asarray(vector, np.float64) for vector in vectors)
    scale = gamma / np.sqrt(variance + node.attrs.get("epsilon", 1e-5))
    shape = (1, channels, *(1,) * (view.index.ndim - 2))
    build.result(node, build.affine(node, view, scale.reshape(shape), (beta - mean * scale).reshape(shape)))


def keep_scales(node: Node, build: Builder, position: int, weight: str) -> None:
    """Carry the scales of dequantized weights over to the edge constant (QDQ models, passes/qdq.py)."""
    if node.inputs[position] in build.scales:
        build.scales[weight] = build.scales[node.inputs[position]]
