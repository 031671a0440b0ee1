"""Operators of the edge dialect appended to a chain with random attributes: the pieces of random_graphs.py.

Every function takes a :class:`Chain` and appends one node (sometimes one that prepares its input, too); it raises
:class:`Unfit` where the current tensor has no shape for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np
from edge_graphs import ACTIVATIONS
from edge_ops import EXPRESSIONS
from int8_oracles import random_int8
from random_chain import Chain, Unfit, brought, constant, like, partner
from random_moves import concat, gather, mirror_pad, pad, reshape, resize, strided_slice, transpose
from random_recurrent import lstm, svdf

from edgekit.export.padding import Axis, same_after_extension
from edgekit.graph.ops import BINARY_OPS, FIXED_OUTPUTS
from edgekit.graph.tensor import Tensor

SOFTMAX_VALUES = 511
"""Beyond so many, TFLM and LiteRT may end the process: tests/graph/integer/test_integer_softmax_limits.py."""


def _window(chain: Chain, longest: int) -> tuple[tuple[int, int], dict[str, object]]:
    kernel, stride = chain.pair(1, longest), chain.pair(1, 3)
    dilation = chain.pair(1, 3) if chain.rng.integers(3) == 0 else (1, 1)
    pad = chain.pick("SAME", "SAME", "VALID", (chain.pair(0, 2), chain.pair(0, 2)))
    chain.fits(kernel, stride, dilation, pad)
    weighted = {"per_channel": bool(chain.rng.integers(3)), "bias": bool(chain.rng.integers(4))}
    activation = chain.pick(*ACTIVATIONS)
    return kernel, {"stride": stride, "dilation": dilation, "pad": pad, "activation": activation, **weighted}


def conv2d(chain: Chain) -> None:
    """Any filter, sometimes in groups."""
    chain.image()
    kernel, options = _window(chain, 4)
    divisors = [d for d in range(1, 5) if chain.x.dims[3] % d == 0]
    groups = int(chain.pick(1, *divisors))  # type: ignore[call-overload]
    most = int(chain.pick(16, 16, 16, 48))  # type: ignore[call-overload]
    chain.conv2d(groups * chain.number(1, max(1, most // groups)), kernel, groups=groups, **options)  # type: ignore[arg-type]


def depthwise_conv2d(chain: Chain) -> None:
    """Any filter, multiplier 1 to 3."""
    chain.image()
    kernel, options = _window(chain, 5)
    chain.depthwise_conv2d(int(chain.pick(1, 1, 2, 3)), kernel, **options)  # type: ignore[arg-type, call-overload]


def fully_connected(chain: Chain) -> None:
    """Over the last axis."""
    if chain.x.dims[-1] > 400:
        raise Unfit
    keep = bool(chain.rng.integers(2))
    weighted = {"per_channel": bool(chain.rng.integers(2)), "bias": bool(chain.rng.integers(4))}
    activation = str(chain.pick(*ACTIVATIONS))
    chain.fully_connected(chain.number(1, 24), keep_dims=keep, activation=activation, **weighted)  # type: ignore[arg-type]


def pool2d(chain: Chain, op: str) -> None:
    """SAME, VALID, or padding that SAME of a longer input is."""
    chain.image()
    window, stride = chain.pair(1, 5), chain.pair(1, 3)
    pad = chain.pick("SAME", "VALID", tuple((chain.number(0, w - 1), 0) for w in window))
    chain.fits(window, stride, (1, 1), pad)
    if not isinstance(pad, str):
        axes = [Axis(chain.x.dims[1 + i], window[i], stride[i], 1, pad[i]) for i in (0, 1)]  # type: ignore[index]
        if any(same_after_extension(axis) is None for axis in axes):
            raise Unfit
    chain.pool2d(op, window, stride=stride, pad=pad, activation=str(chain.pick(*ACTIVATIONS)))


def reduction(chain: Chain, op: str) -> None:
    """Over any axes but the first."""
    dims = chain.x.dims
    if len(dims) < 2:
        raise Unfit
    axes = tuple(axis for axis in range(1, len(dims)) if chain.rng.integers(2)) or (len(dims) - 1,)
    keep = bool(chain.rng.integers(3)) or len(axes) == len(dims) - 1
    shape = tuple(1 if axis in axes else dim for axis, dim in enumerate(dims) if keep or axis not in axes)
    if op == "mean" and chain.rng.integers(2):
        output = chain.same(chain.name(op), shape)
    else:
        count = prod(dims[axis] for axis in axes)
        scale = chain.rescaled(0.2, 1.5) * (float(np.sqrt(count)) if op == "sum" else 1.0)
        output = chain.activation(chain.name(op), shape, scale=scale)
    chain.append(op, (chain.x.name,), output, {"axes": axes, "keep_dims": keep})


def binary(chain: Chain, op: str) -> None:
    """With itself, an earlier tensor that broadcasts, or a constant."""
    second = partner(chain)
    scales = [tensor.scale_zero()[0] for tensor in (chain.x, second)]
    if op == "mul":
        scale = scales[0] * scales[1] * float(np.exp(chain.rng.uniform(2, 5)))
    else:
        scale = max(scales) * float(chain.rng.uniform(0.5, 3))
    shape = tuple(int(dim) for dim in np.broadcast_shapes(chain.x.dims, second.dims))
    names = (chain.x.name, second.name) if chain.rng.integers(2) else (second.name, chain.x.name)
    output = chain.activation(chain.name(op), shape, scale=scale)
    chain.append(op, names, output, {"activation": chain.pick(*ACTIVATIONS)})


def extreme(chain: Chain, op: str) -> None:
    """minimum, maximum: both sides and the output have one scale."""
    whole, second = chain.x, partner(chain)
    if second.constant:
        second = chain.keep(second.replace(quant=whole.quant))
    second = brought(chain, second, whole)
    shape = tuple(int(dim) for dim in np.broadcast_shapes(whole.dims, second.dims))
    chain.append(op, (whole.name, second.name), like(chain, whole, op, shape))


def squared_difference(chain: Chain) -> None:
    """Of two tensors of any scales."""
    second = partner(chain)
    scale = max(chain.x.scale_zero()[0], second.scale_zero()[0]) ** 2 * float(np.exp(chain.rng.uniform(2, 5)))
    shape = tuple(int(dim) for dim in np.broadcast_shapes(chain.x.dims, second.dims))
    output = chain.activation(chain.name("squares"), shape, scale=scale)
    chain.append("squared_difference", (chain.x.name, second.name), output)


def fixed(chain: Chain, op: str) -> None:
    """softmax, logistic, tanh: outputs of a scale of their own."""
    if op == "softmax" and chain.x.dims[-1] > SOFTMAX_VALUES:
        raise Unfit
    scale, zero_point = FIXED_OUTPUTS[op]
    output = chain.activation(chain.name(op), chain.x.dims, scale=scale, zero_point=zero_point)
    attrs = {"beta": float(chain.pick(1.0, 1.0, 0.5, 2.0))} if op == "softmax" else {}  # type: ignore[arg-type]
    chain.append(op, (chain.x.name,), output, attrs)


def rescaling(chain: Chain, op: str) -> None:
    """relu, relu6, leaky_relu, hard_swish, quantize: an output of any scale."""
    attrs = {"alpha": float(chain.pick(0.0, 0.01, 0.3, 1.0))} if op == "leaky_relu" else {}  # type: ignore[arg-type]
    if op == "relu6" and chain.rng.integers(8):
        output = chain.same(chain.name(op), chain.x.dims)
    else:
        output = chain.activation(chain.name(op), chain.x.dims, scale=chain.rescaled(0.3, 3))
    chain.append(op, (chain.x.name,), output, attrs)


def rsqrt(chain: Chain) -> None:
    """Of values that are not negative: a square with relu, its zero point the smallest value."""
    x = chain.x
    scale = x.scale_zero()[0] ** 2 * float(np.exp(chain.rng.uniform(3, 5)))
    square = chain.activation(chain.name("square"), x.dims, scale=scale, zero_point=-128)
    chain.append("mul", (x.name, x.name), square, {"activation": "relu"})
    root = float(chain.rng.uniform(0.3, 1.5)) / 255 / float(np.sqrt(scale))
    output = chain.activation(chain.name("rsqrt"), x.dims, scale=root, zero_point=chain.pick(-128, -50))  # type: ignore[arg-type]
    chain.append("rsqrt", (square.name,), output)


def batch_matmul(chain: Chain) -> None:
    """By a constant, by another shape of itself, or by its own transpose."""
    source = chain.x
    if len(source.dims) < 3:
        raise Unfit
    adj_x, adj_y = bool(chain.rng.integers(2)), bool(chain.rng.integers(2))
    *front, rows, depth = source.dims
    left, inner = (depth, rows) if adj_x else (rows, depth)
    if chain.rng.integers(2):
        columns = chain.number(1, 9)
        batch = tuple(int(chain.pick(1, dim)) for dim in front)  # type: ignore[call-overload]
        second = constant(chain, (*batch, *((columns, inner) if adj_y else (inner, columns))))
    else:
        adj_y, columns = not adj_x, left
        chain.append("reshape", (source.name,), chain.same(chain.name("again"), source.dims))
        second = chain.x
    scale = source.scale_zero()[0] * second.scale_zero()[0] * float(np.sqrt(inner) * chain.rng.uniform(10, 120))
    output = chain.activation(chain.name("product"), (*front, left, columns), scale=scale)
    chain.append("batch_matmul", (source.name, second.name), output, {"adj_x": adj_x, "adj_y": adj_y})


def prelu(chain: Chain) -> None:
    """Slopes by channel, by element or one for all."""
    dims = chain.x.dims
    slope = constant(chain, (dims[-1:], dims, (1,) * len(dims))[chain.number(0, 2)])
    steepest = max(1.0, slope.scale_zero()[0] * 128)
    output = chain.activation(chain.name("bent"), dims, scale=chain.rescaled(0.5, 1.5) * steepest)
    chain.append("prelu", (chain.x.name, slope.name), output)


def pointwise(chain: Chain) -> None:
    """GELU and others, as a table."""
    output = chain.activation(chain.name("function"), chain.x.dims, scale=chain.rescaled(0.3, 3))
    attrs = {"expression": EXPRESSIONS[chain.number(0, len(EXPRESSIONS) - 1)]}
    chain.append("pointwise", (chain.x.name,), output, attrs)


def lookup(chain: Chain) -> None:
    """A random table."""
    table = Tensor(chain.name("table"), (256,), "int8", data=random_int8(chain.rng, (256,)))
    output = chain.activation(chain.name("looked_up"), chain.x.dims)
    chain.append("lookup", (chain.x.name, chain.keep(table).name), output)


APPEND: dict[str, Callable[[Chain], None]] = {
    "conv2d": conv2d,
    "depthwise_conv2d": depthwise_conv2d,
    "fully_connected": fully_connected,
    **{op: partial(pool2d, op=op) for op in ("avg_pool2d", "max_pool2d")},
    **{op: partial(reduction, op=op) for op in ("mean", "sum")},
    **{op: partial(binary, op=op) for op in sorted(BINARY_OPS)},
    "pad": pad,
    "reshape": reshape,
    "transpose": transpose,
    "slice": strided_slice,
    "concat": concat,
    **{op: partial(extreme, op=op) for op in ("minimum", "maximum")},
    "squared_difference": squared_difference,
    **{op: partial(resize, op=op) for op in ("resize_nearest", "resize_bilinear")},
    "mirror_pad": mirror_pad,
    **{op: partial(fixed, op=op) for op in FIXED_OUTPUTS},
    **{op: partial(rescaling, op=op) for op in ("relu", "relu6", "leaky_relu", "hard_swish", "quantize")},
    "rsqrt": rsqrt,
    "batch_matmul": batch_matmul,
    "prelu": prelu,
    "gather": gather,
    "pointwise": pointwise,
    "lookup": lookup,
    "svdf": svdf,
    "lstm": lstm,
}
"""Operator to the function that appends it."""
