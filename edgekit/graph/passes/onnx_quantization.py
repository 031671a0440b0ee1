"""Rules of the ONNX lowering for QuantizeLinear and DequantizeLinear (QDQ models of ONNX Runtime, NNCF, torchao)."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import Builder, unsupported
from edgekit.graph.passes.views import View

LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}


def quantize_linear(node: Node, build: Builder) -> None:
    """On an activation → fake_quant (uint8 is moved by 128), per tensor or channel; on a constant → its integers."""
    value = build.value(node, 0)
    scale, zero_point, dtype = _parameters(node, build)
    if isinstance(value, View):
        if dtype not in LIMITS:
            raise unsupported(node, f"activations quantized to {dtype}")
        if scale.size != 1 and not _channels_last(node, value, scale.size, build):
            raise unsupported(node, "activations quantized along another axis than their channels")
        moved = zero_point.reshape(-1) - (128 if dtype == "uint8" else 0)
        attrs = {"scale": tuple(map(float, scale.reshape(-1))), "zero_point": tuple(map(int, moved))}
        build.result(node, value.like(build.emit("fake_quant", node.name, [value.name], attrs)))
        return
    if dtype not in LIMITS:
        raise unsupported(node, f"weights quantized to {dtype}")
    scale, zero_point = _along(node, value, scale), _along(node, value, zero_point)
    integers = np.clip(np.rint(value / scale) + zero_point, *LIMITS[dtype])
    build.result(node, integers.astype(dtype))


def dequantize_linear(node: Node, build: Builder) -> None:
    """Behind a QuantizeLinear → nothing; on stored integers → real values, whose scales are remembered.

    Asymmetric constants are real values too, but not what an integer layer takes for weights: passes/qdq.py says so.
    """
    value = build.value(node, 0)
    scale, zero_point, _ = _parameters(node, build)
    if isinstance(value, View):
        build.result(node, value)
        return
    if value.dtype.kind not in "iu":
        raise unsupported(node, f"{node.op} of {value.dtype} constants")
    centred = value.astype(np.float64) - _along(node, value, zero_point)
    build.result(node, centred * _along(node, value, scale).astype(np.float64))
    if not np.any(zero_point != (128 if value.dtype == np.uint8 else 0)):
        build.scales[node.outputs[0]] = scale.reshape(-1)


def _parameters(node: Node, build: Builder) -> tuple[np.ndarray, np.ndarray, str]:
    """Scale, zero point (of the scale's shape) and integer type."""
    scale, zero_point = build.constant(node, 1), build.constant(node, 2)
    if scale is None or scale.dtype.kind != "f" or not np.all(np.isfinite(scale) & (scale > 0)):
        raise unsupported(node, f"{node.op} without constant positive scales")
    if zero_point is None:
        # ONNX: uint8 unless output_dtype (opset 21) says int8 (TensorProto.INT8 = 3).
        dtype = "int8" if node.attrs.get("output_dtype") == 3 else "uint8"
        return scale, np.zeros_like(scale, dtype=np.int64), dtype
    if zero_point.size != scale.size:
        raise unsupported(node, f"{node.op} with {scale.size} scales and {zero_point.size} zero points")
    return scale, zero_point.astype(np.int64), str(zero_point.dtype)


def _channels_last(node: Node, value: View, channels: int, build: Builder) -> bool:
    """Whether the node's axis of an activation is the last axis of the edge tensor that holds it."""
    axis = node.attrs.get("axis", 1)
    if build.tensors[value.name].dims[-1] != channels or not -value.index.ndim <= axis < value.index.ndim:
        return False
    lanes = np.moveaxis(value.index, axis, -1) % channels
    return bool(np.all(lanes == np.arange(channels)))


def _along(node: Node, value: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """A per-channel vector in a shape that broadcasts along the node's axis; a scalar as it is."""
    if vector.size == 1:
        return vector.reshape(())
    axis = node.attrs.get("axis", 1)
    if vector.ndim != 1 or not -value.ndim <= axis < value.ndim or value.shape[axis] != vector.size:
        raise unsupported(node, f"{node.op} with {vector.size} scales along axis {axis} of {value.shape}")
    shape = [1] * value.ndim
    shape[axis] = vector.size
    return vector.reshape(shape)
