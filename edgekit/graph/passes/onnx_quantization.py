"""Rules of the ONNX lowering for QuantizeLinear and DequantizeLinear (QDQ models of ONNX Runtime, NNCF, torchao)."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import Builder, unsupported
from edgekit.graph.passes.views import View

LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}


def quantize_linear(node: Node, build: Builder) -> None:
    """On an activation → fake_quant (int8 per tensor; uint8 is moved by 128); on a constant → its integers."""
    value = build.value(node, 0)
    scale, zero_point, dtype = _parameters(node, build)
    if isinstance(value, View):
        if scale.size != 1 or dtype not in LIMITS:
            raise unsupported(node, f"activations quantized per channel or to {dtype}")
        moved = int(zero_point.reshape(-1)[0]) - (128 if dtype == "uint8" else 0)
        attrs = {"scale": float(scale.reshape(-1)[0]), "zero_point": moved}
        build.result(node, value.like(build.emit("fake_quant", node.name, [value.name], attrs)))
        return
    if dtype not in LIMITS:
        raise unsupported(node, f"weights quantized to {dtype}")
    scale, zero_point = _along(node, value, scale), _along(node, value, zero_point)
    integers = np.clip(np.rint(value / scale) + zero_point, *LIMITS[dtype])
    build.result(node, integers.astype(dtype))


def dequantize_linear(node: Node, build: Builder) -> None:
    """Behind a QuantizeLinear → nothing; on stored integers → real values, whose scales are remembered."""
    value = build.value(node, 0)
    scale, zero_point, _ = _parameters(node, build)
    if isinstance(value, View):
        build.result(node, value)
        return
    centre = 128 if value.dtype == np.uint8 else 0
    if value.dtype.kind not in "iu" or np.any(zero_point != centre):
        raise unsupported(node, "weights with a zero point (asymmetric quantization)")
    real = (value.astype(np.float64) - centre) * _along(node, value, scale).astype(np.float64)
    build.result(node, real)
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
