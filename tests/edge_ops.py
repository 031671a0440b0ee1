"""Random graphs of one integer operator each, for every test that holds an implementation against another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from edge_graphs import ACTIVATIONS, Builder
from int8_oracles import random_int8

from edgekit.graph.ops import BINARY_OPS, FIXED_OUTPUTS
from edgekit.graph.tensor import Tensor


def _pick(rng: np.random.Generator, *choices: object) -> object:
    return choices[rng.integers(len(choices))]


def _pair(rng: np.random.Generator, low: int, high: int) -> tuple[int, int]:
    return int(rng.integers(low, high + 1)), int(rng.integers(low, high + 1))


def _image(rng: np.random.Generator) -> Builder:
    height, width = _pair(rng, 5, 13)
    zero_point = _pick(rng, -128, 127, None, None)
    return Builder(rng, (1, height, width, int(rng.integers(1, 9))), zero_point=zero_point)  # type: ignore[arg-type]


def _window_options(rng: np.random.Generator) -> dict[str, object]:
    dilation = _pair(rng, 1, 2)
    stride = (1, 1) if dilation != (1, 1) else _pair(rng, 1, 3)
    pad = _pick(rng, "SAME", "VALID", ((int(rng.integers(3)), 1), (0, int(rng.integers(3)))))
    return {"dilation": dilation, "stride": stride, "pad": pad, "activation": _pick(rng, *ACTIVATIONS)}


def _conv2d(rng: np.random.Generator) -> Builder:
    builder = _image(rng)
    options = {**_window_options(rng), "per_channel": bool(rng.integers(2)), "bias": bool(rng.integers(2))}
    builder.conv2d(int(rng.integers(1, 17)), _pair(rng, 1, 3), **options)  # type: ignore[arg-type]
    return builder


def _grouped_conv2d(rng: np.random.Generator) -> Builder:
    groups, channels, own = int(rng.integers(2, 5)), int(rng.integers(1, 4)), int(rng.integers(1, 7))
    height, width = _pair(rng, 5, 13)
    builder = Builder(rng, (1, height, width, groups * channels))
    kernel = _pick(rng, (1, 1), (3, 3), _pair(rng, 1, 3))
    options = {**_window_options(rng), "per_channel": bool(rng.integers(2)), "bias": bool(rng.integers(2))}
    builder.conv2d(groups * own, kernel, groups=groups, **options)  # type: ignore[arg-type]
    return builder


def _depthwise_conv2d(rng: np.random.Generator) -> Builder:
    builder = _image(rng)
    options = {**_window_options(rng), "per_channel": bool(rng.integers(2))}
    builder.depthwise_conv2d(int(rng.integers(1, 4)), _pair(rng, 1, 3), **options)  # type: ignore[arg-type]
    return builder


def _fully_connected(rng: np.random.Generator) -> Builder:
    rows = int(rng.integers(1, 4))
    builder = Builder(rng, (rows, int(rng.integers(1, 200))))
    builder.fully_connected(
        int(rng.integers(1, 40)),
        activation=str(_pick(rng, *ACTIVATIONS)),
        keep_dims=bool(rng.integers(2)),
        per_channel=bool(rng.integers(2)),
        bias=bool(rng.integers(2)),
    )
    return builder


def _pool2d(op: str) -> Callable[[np.random.Generator], Builder]:
    def build(rng: np.random.Generator) -> Builder:
        builder = _image(rng)
        pad, activation = str(_pick(rng, "SAME", "VALID")), str(_pick(rng, *ACTIVATIONS))
        builder.pool2d(op, _pair(rng, 1, 5), stride=_pair(rng, 1, 3), pad=pad, activation=activation)
        return builder

    return build


def _reduction(rng: np.random.Generator, op: str) -> Builder:
    builder = _image(rng)
    axes = _pick(rng, (1, 2), (1,), (2,), (1, 2, 3), (3,))
    keep = bool(rng.integers(2))
    dims = builder.x.dims
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(dims))  # type: ignore[operator]
    shape = kept if keep else tuple(size for axis, size in enumerate(dims) if axis not in axes)  # type: ignore[operator]
    if op == "mean" and rng.integers(2):
        output = builder.same(op, shape)
    else:
        count = builder.x.elements // int(np.prod(shape)) if op == "sum" else 1
        scale = builder.x.scale_zero()[0] * float(rng.uniform(0.2, 1.5)) * count
        output = builder.activation(op, shape, scale=scale)
    builder.append(op, ("input",), output, {"axes": axes, "keep_dims": keep})
    return builder


def _binary(rng: np.random.Generator, op: str) -> Builder:
    """x with itself, with a constant of the same shape, with a broadcast constant."""
    builder = _image(rng)
    dims = builder.x.dims
    shape = _pick(rng, None, dims, (1, 1, 1, dims[3]), (1, dims[1], 1, dims[3]), (dims[3],), (1, 1, 1, 1))
    second = "input"
    if shape is not None:
        quantization = builder.activation("unused", (1,)).quant
        builder.tensors.pop("unused")
        values = random_int8(rng, shape)  # type: ignore[arg-type]
        second = builder.keep(Tensor("constant", shape, "int8", quantization, values)).name  # type: ignore[arg-type]
    names = ("input", second) if rng.integers(2) else (second, "input")
    if op == "mul":
        largest = builder.x.scale_zero()[0] * builder.tensors[second].scale_zero()[0]
        scale = largest * float(np.exp(rng.uniform(-1, 5)))
    else:
        scale = builder.x.scale_zero()[0] * float(rng.uniform(0.3, 4))
    output = builder.activation(op, dims, scale=scale)
    builder.append(op, names, output, {"activation": _pick(rng, *ACTIVATIONS)})
    return builder


def _pad(rng: np.random.Generator) -> Builder:
    builder = _image(rng)
    pads = ((0, 0), _pair(rng, 0, 3), _pair(rng, 0, 3), _pick(rng, (0, 0), (1, 2)))
    shape = tuple(size + sum(pair) for size, pair in zip(builder.x.dims, pads, strict=True))  # type: ignore[arg-type]
    builder.append("pad", ("input",), builder.same("padded", shape), {"pads": pads})
    return builder


def _reshape(rng: np.random.Generator) -> Builder:
    builder = _image(rng)
    builder.append("reshape", ("input",), builder.same("flat", (1, builder.x.elements)))
    return builder


def _transpose(rng: np.random.Generator) -> Builder:
    builder = _image(rng)
    perm = tuple(int(axis) for axis in rng.permutation([1, 2, 3]))
    dims = (1, *(builder.x.dims[axis] for axis in perm))
    builder.append("transpose", ("input",), builder.same("moved", dims), {"perm": (0, *perm)})
    return builder


def _slice(rng: np.random.Generator) -> Builder:
    builder = _image(rng)
    rows = [(0, 1, 1)]
    for dim in builder.x.dims[1:]:
        first, step = int(rng.integers(dim)), int(_pick(rng, 1, 1, 2))  # type: ignore[call-overload]
        rows.append(_pick(rng, (0, dim, 1), (first, int(rng.integers(1, (dim - first - 1) // step + 2)), step)))  # type: ignore[arg-type]
    begin, size, stride = zip(*rows, strict=True)
    attrs = {"begin": begin, "size": size, "stride": stride}
    builder.append("slice", ("input",), builder.same("part", size), attrs)
    return builder


def _concat(rng: np.random.Generator) -> Builder:
    """x, a maximum of x and perhaps x again, along any axis but the first."""
    builder = _image(rng)
    first = builder.x
    builder.pool2d("max_pool2d", (3, 3), pad="SAME")
    names = (first.name, builder.x.name, *((first.name,) if rng.integers(2) else ()))
    axis = int(rng.integers(1, 4))
    dims = tuple(dim * len(names) if i == axis else dim for i, dim in enumerate(first.dims))  # type: ignore[operator]
    builder.append("concat", names, builder.same("joined", dims), {"axis": axis})
    return builder


def _softmax(rng: np.random.Generator) -> Builder:
    builder = Builder(rng, (int(rng.integers(1, 4)), int(rng.integers(2, 40))))
    scale = float(np.exp(rng.uniform(-7, 1)))
    builder.x = builder.activation("input", builder.x.dims, scale=scale)
    output = builder.activation("softmax", builder.x.dims, scale=1 / 256, zero_point=-128)
    builder.append("softmax", ("input",), output, {"beta": float(_pick(rng, 1.0, 0.5, 2.0))})  # type: ignore[arg-type]
    return builder


def _relu(rng: np.random.Generator) -> Builder:
    builder = _image(rng)
    output = builder.activation("relu", builder.x.dims, scale=builder.x.scale_zero()[0] * float(rng.uniform(0.2, 3)))
    builder.append("relu", ("input",), output)
    return builder


def _relu6(rng: np.random.Generator) -> Builder:
    builder = _image(rng)
    builder.append("relu6", ("input",), builder.same("relu6", builder.x.dims))
    return builder


def _fixed(rng: np.random.Generator, op: str) -> Builder:
    builder = _image(rng)
    scale, zero_point = FIXED_OUTPUTS[op]
    builder.x = builder.activation("input", builder.x.dims, scale=float(np.exp(rng.uniform(-6, 0))))
    output = builder.activation(op, builder.x.dims, scale=scale, zero_point=zero_point)
    builder.append(op, ("input",), output)
    return builder


def _rescaling(rng: np.random.Generator, op: str) -> Builder:
    builder = _image(rng)
    builder.x = builder.activation("input", builder.x.dims, scale=float(np.exp(rng.uniform(-5, -1))))
    attrs = {"alpha": float(_pick(rng, 0.0, 0.01, 0.3, 1.0))} if op == "leaky_relu" else {}  # type: ignore[arg-type]
    scale = builder.x.scale_zero()[0] * float(rng.uniform(0.3, 3))
    builder.append(op, ("input",), builder.activation(op, builder.x.dims, scale=scale), attrs)
    return builder


def _rsqrt(rng: np.random.Generator) -> Builder:
    height, width = _pair(rng, 5, 13)
    builder = Builder(rng, (1, height, width, int(rng.integers(1, 9))), zero_point=-128)
    scale = float(rng.uniform(0.3, 1.5)) / 255 / np.sqrt(builder.x.scale_zero()[0])
    output = builder.activation("rsqrt", builder.x.dims, scale=scale, zero_point=_pick(rng, -128, -128, -50))  # type: ignore[arg-type]
    builder.append("rsqrt", ("input",), output)
    return builder


def _requantize(rng: np.random.Generator) -> Builder:
    builder = _image(rng)
    scale = builder.x.scale_zero()[0] * float(np.exp(rng.uniform(-4, 4)))
    builder.append("quantize", ("input",), builder.activation("requantized", builder.x.dims, scale=scale))
    return builder


def _batch_matmul(rng: np.random.Generator) -> Builder:
    """x times a maximum of x, or times a constant; either side as it lies or transposed, batches broadcast."""
    batch, rows, depth = (int(rng.integers(1, 9)) for _ in range(3))
    builder = Builder(rng, (1, batch, rows, depth))
    source = builder.x
    adj_x, adj_y = bool(rng.integers(2)), bool(rng.integers(2))
    inner = rows if adj_x else depth
    if rng.integers(3):
        columns = int(rng.integers(1, 9))
        shape = (int(_pick(rng, 1, batch)), *((columns, inner) if adj_y else (inner, columns)))  # type: ignore[call-overload]
        quantization = builder.activation("unused", (1,)).quant
        builder.tensors.pop("unused")
        second = builder.keep(Tensor("constant", shape, "int8", quantization, random_int8(rng, shape)))
    else:
        adj_y = not adj_x
        columns = depth if adj_x else rows
        builder.append("reshape", ("input",), builder.same("again", source.dims))
        second = builder.x
    dims = (1, batch, depth if adj_x else rows, columns)
    scale = source.scale_zero()[0] * second.scale_zero()[0] * float(np.sqrt(inner) * rng.uniform(10, 200))
    names = (source.name, second.name)
    output = builder.activation("product", dims, scale=scale)
    builder.append("batch_matmul", names, output, {"adj_x": adj_x, "adj_y": adj_y})
    return builder


EXPRESSIONS = (
    ("mul", ("mul", "x", 0.5), ("add", ("erf", ("div", "x", 2**0.5)), 1.0)),
    ("mul", "x", ("logistic", ("mul", "x", 1.702))),
    ("softplus", "x"),
    ("exp", ("min", "x", 2.0)),
)
"""GELU, its approximation, and two more."""


def _two_sided(rng: np.random.Generator, op: str) -> Builder:
    """x with a maximum of x around it, or with a constant; the second may be smaller."""
    builder = _image(rng)
    first = builder.x
    if rng.integers(2):
        shape = _pick(rng, first.dims, (1, 1, 1, first.dims[3]), (first.dims[3],))
        values = random_int8(rng, shape)  # type: ignore[arg-type]
        quantization = first.quant if op != "squared_difference" else builder.activation("unused", (1,)).quant
        builder.tensors.pop("unused", None)
        second = builder.keep(Tensor("constant", shape, "int8", quantization, values)).name  # type: ignore[arg-type]
    else:
        builder.pool2d("max_pool2d", (3, 3), pad="SAME")
        second = builder.x.name
    if op == "squared_difference":
        scale = (first.scale_zero()[0] * float(rng.uniform(5, 200))) * first.scale_zero()[0]
        output = builder.activation(op, first.dims, scale=scale)
    else:
        builder.x = first
        output = builder.same(op, first.dims)
    builder.append(op, (first.name, second), output)
    return builder


def _resize(rng: np.random.Generator, op: str) -> Builder:
    builder = _image(rng)
    size = _pair(rng, 1, 24)
    align, half = _pick(rng, (False, False), (True, False), (False, True))  # type: ignore[misc]
    output = builder.same(op, (1, *size, builder.x.dims[3]))
    builder.append(op, ("input",), output, {"size": size, "align_corners": align, "half_pixel": half})
    return builder


def _mirror_pad(rng: np.random.Generator) -> Builder:
    builder = _image(rng)
    pads = ((0, 0), _pair(rng, 0, 3), _pair(rng, 0, 3), (0, 0))
    shape = tuple(dim + sum(pair) for dim, pair in zip(builder.x.dims, pads, strict=True))
    attrs = {"pads": pads, "mode": _pick(rng, "reflect", "symmetric")}
    builder.append("mirror_pad", ("input",), builder.same("padded", shape), attrs)
    return builder


def _pointwise(rng: np.random.Generator) -> Builder:
    builder = _image(rng)
    builder.x = builder.activation("input", builder.x.dims, scale=float(np.exp(rng.uniform(-5, -3))))
    output = builder.activation("y", builder.x.dims, scale=builder.x.scale_zero()[0] * float(rng.uniform(0.3, 3)))
    attrs = {"expression": EXPRESSIONS[int(rng.integers(len(EXPRESSIONS)))]}
    builder.append("pointwise", ("input",), output, attrs)
    return builder


OPS: dict[str, Callable[[np.random.Generator], Builder]] = {
    "conv2d": _conv2d,
    "conv2d with groups": _grouped_conv2d,
    "depthwise_conv2d": _depthwise_conv2d,
    "fully_connected": _fully_connected,
    "avg_pool2d": _pool2d("avg_pool2d"),
    "max_pool2d": _pool2d("max_pool2d"),
    "mean": partial(_reduction, op="mean"),
    "sum": partial(_reduction, op="sum"),
    **{op: partial(_binary, op=op) for op in sorted(BINARY_OPS)},
    "pad": _pad,
    "reshape": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "concat": _concat,
    "softmax": _softmax,
    "relu": _relu,
    "relu6": _relu6,
    "logistic": partial(_fixed, op="logistic"),
    "tanh": partial(_fixed, op="tanh"),
    "leaky_relu": partial(_rescaling, op="leaky_relu"),
    "hard_swish": partial(_rescaling, op="hard_swish"),
    "rsqrt": _rsqrt,
    "batch_matmul": _batch_matmul,
    **{op: partial(_two_sided, op=op) for op in ("minimum", "maximum", "squared_difference")},
    **{op: partial(_resize, op=op) for op in ("resize_nearest", "resize_bilinear")},
    "mirror_pad": _mirror_pad,
    "pointwise": _pointwise,
    "quantize": _requantize,
}
"""Operator (or form of one) to a function that draws a graph of it."""

IMAGE_OPS = tuple(op for op in OPS if op not in ("fully_connected", "softmax"))
"""Operators that are drawn with a batch of 1, as models have it; the others have several rows."""
