"""Float32 kernels of the edge operators in numpy: im2col and BLAS for convolutions, sums of shifts elsewhere.

Every kernel takes arrays with the clips in front: a tensor of shape ``dims`` for N clips is [N, *dims].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Kernel = Callable[[Sequence[np.ndarray | None], Mapping[str, Any], tuple[int, ...]], np.ndarray]
"""(inputs, attributes, output shape without the clips) → output."""
Attrs = Mapping[str, Any]
Operands = Sequence[np.ndarray | None]


def activate(x: np.ndarray, activation: str) -> np.ndarray:
    """Fused activation, in place on a kernel's own result."""
    if activation == "none":
        return x
    return np.clip(x, 0, 6 if activation == "relu6" else None, out=x)


def windows(x: np.ndarray, window: Sequence[int], attrs: Attrs, fill: float) -> np.ndarray:
    """All windows of images [n,H,W,C] as a view [n,oh,ow,kh,kw,C] of the padded images."""
    (top, bottom), (left, right) = attrs["pad"]
    if top or bottom or left or right:
        x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    (height, width), (down, across) = attrs.get("dilation", (1, 1)), attrs["stride"]
    reach = ((window[0] - 1) * height + 1, (window[1] - 1) * width + 1)
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(1, 2))
    return view[:, ::down, ::across, :, ::height, ::width].transpose(0, 1, 2, 4, 5, 3)


def _images(x: np.ndarray | None) -> np.ndarray:
    """[N,1,H,W,C] → [N,H,W,C]."""
    array = need(x)
    return array.reshape(-1, *array.shape[2:])


def need(x: np.ndarray | None) -> np.ndarray:
    """An operand that may not be absent."""
    if x is None:
        raise ValueError("an input that is needed is absent")
    return x


def _finish(y: np.ndarray, bias: np.ndarray | None, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    if bias is not None:
        y += bias
    return activate(y, attrs.get("activation", "none")).reshape(-1, *dims)


def conv2d(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """conv2d: one matrix product over all windows, a group at a time."""
    x, w = _images(inputs[0]), need(inputs[1])
    patches = windows(x, w.shape[1:3], attrs, 0.0)
    groups, depth = x.shape[3] // w.shape[3], w.shape[3]
    filters = w.reshape(groups, len(w) // groups, -1)
    parts = [patches[..., i * depth : (i + 1) * depth].reshape(-1, w[0].size) @ filters[i].T for i in range(groups)]
    return _finish(parts[0] if groups == 1 else np.concatenate(parts, axis=1), inputs[2], attrs, dims)


def depthwise_conv2d(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """depthwise_conv2d: a sum over the window's positions."""
    x, w = _images(inputs[0]), need(inputs[1])
    patches = windows(x, w.shape[1:3], attrs, 0.0)
    y = np.zeros((*patches.shape[:3], w.shape[3]), np.float32)
    for row in range(w.shape[1]):
        for column in range(w.shape[2]):
            tap = patches[:, :, :, row, column]
            y += np.repeat(tap, attrs["multiplier"], axis=-1) * w[0, row, column]
    return _finish(y, inputs[2], attrs, dims)


def fully_connected(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """fully_connected: rows of K."""
    x, w = need(inputs[0]), need(inputs[1])
    return _finish(x.reshape(-1, w.shape[1]) @ w.T, inputs[2], attrs, dims)


def avg_pool2d(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """avg_pool2d: padding is not counted."""
    x = _images(inputs[0])
    total = windows(x, attrs["window"], attrs, 0.0).sum(axis=(3, 4), dtype=np.float32)
    count = windows(np.ones((1, *x.shape[1:3], 1), np.float32), attrs["window"], attrs, 0.0).sum(axis=(3, 4))
    return _finish(total / count, None, attrs, dims)


def max_pool2d(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """max_pool2d: padding never wins."""
    y = windows(_images(inputs[0]), attrs["window"], attrs, -np.inf).max(axis=(3, 4))
    return _finish(y, None, attrs, dims)


def mean(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """Mean over axes of the tensor (the clips' axis comes before them)."""
    x = need(inputs[0])
    result: np.ndarray = x.mean(axis=tuple(axis + 1 for axis in attrs["axes"]), dtype=np.float32).reshape(-1, *dims)
    return result


def total(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """Sum over axes of the tensor."""
    x = need(inputs[0])
    result: np.ndarray = x.sum(axis=tuple(axis + 1 for axis in attrs["axes"]), dtype=np.float32).reshape(-1, *dims)
    return result


def elementwise(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Kernel:
    """A function of two operands with broadcasting of the tensors' shapes, the clips' axis apart."""

    def kernel(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
        x, y = (ranked(need(side), len(dims)) for side in inputs)
        return _finish(function(x, y), None, attrs, dims)

    return kernel


def ranked(x: np.ndarray, rank: int) -> np.ndarray:
    """[N, *dims] with axes of size 1 put behind the clips up to ``rank`` axes of the tensor."""
    return x.reshape(x.shape[0], *(1,) * (rank + 1 - x.ndim), *x.shape[1:])


def pad(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """Pad with zeros."""
    return np.pad(need(inputs[0]), ((0, 0), *attrs["pads"]))


def reshape(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """Reshape to the output's shape."""
    return need(inputs[0]).reshape(-1, *dims)


def transpose(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """Axes in another order."""
    return need(inputs[0]).transpose(0, *(axis + 1 for axis in attrs["perm"]))


def strided_slice(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """A part of every axis."""
    return need(inputs[0])[slices(attrs["begin"], attrs["size"], attrs["stride"])]


def slices(begin: Sequence[int], size: Sequence[int], stride: Sequence[int]) -> tuple[slice, ...]:
    """Index of a slice of tensors with the clips in front."""
    parts = zip(begin, size, stride, strict=True)
    return (slice(None), *(slice(first, first + (count - 1) * step + 1, step) for first, count, step in parts))


def concat(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """Tensors one behind the other along an axis; a constant is repeated for every clip."""
    parts = [need(part) for part in inputs]
    clips = max(len(part) for part in parts)
    return np.concatenate([np.broadcast_to(p, (clips, *p.shape[1:])) for p in parts], axis=attrs["axis"] + 1)


def softmax(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """Softmax of β·x over the last axis."""
    x = need(inputs[0]) * np.float32(attrs["beta"])
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    result: np.ndarray = e / e.sum(axis=-1, keepdims=True)
    return result


def relu(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """max(x, 0)."""
    result: np.ndarray = np.maximum(need(inputs[0]), np.float32(0))
    return result


def relu6(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """min(max(x, 0), 6)."""
    result: np.ndarray = np.clip(need(inputs[0]), np.float32(0), np.float32(6))
    return result


def logistic(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """1 / (1 + e^−x), without overflow on either side."""
    small = np.exp(-np.abs(need(inputs[0])))
    result: np.ndarray = np.where(need(inputs[0]) >= 0, np.float32(1), small) / (1 + small)
    return result


def tanh(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """Hyperbolic tangent."""
    result: np.ndarray = np.tanh(need(inputs[0]))
    return result


def rsqrt(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """1/√x; finite where x is 0 (what is divided by a norm of 0 is 0 itself)."""
    result: np.ndarray = np.float32(1) / np.sqrt(np.maximum(need(inputs[0]), np.float32(1e-12)))
    return result


def leaky_relu(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """X where x ≥ 0, else α·x."""
    x = need(inputs[0])
    return np.where(x >= 0, x, np.float32(attrs["alpha"]) * x)


def hard_swish(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """X · relu6(x + 3) / 6."""
    x = need(inputs[0])
    return x * np.clip(x + np.float32(3), 0, 6) / np.float32(6)


BASIC_KERNELS: Mapping[str, Kernel] = {
    "conv2d": conv2d,
    "depthwise_conv2d": depthwise_conv2d,
    "fully_connected": fully_connected,
    "avg_pool2d": avg_pool2d,
    "max_pool2d": max_pool2d,
    "mean": mean,
    "sum": total,
    "add": elementwise(np.add),
    "sub": elementwise(np.subtract),
    "mul": elementwise(np.multiply),
    "pad": pad,
    "reshape": reshape,
    "transpose": transpose,
    "slice": strided_slice,
    "concat": concat,
    "softmax": softmax,
    "relu": relu,
    "relu6": relu6,
    "logistic": logistic,
    "tanh": tanh,
    "leaky_relu": leaky_relu,
    "hard_swish": hard_swish,
    "rsqrt": rsqrt,
    "quantize": reshape,  # between two float tensors: marks where integer widths meet (passes/widen.py)
}
"""Operators of this file; graph/float_products.py has the others."""
