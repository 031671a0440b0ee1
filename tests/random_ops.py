"""Operators of the edge dialect appended to a chain with random attributes: the pieces of random_graphs.py.

Every function takes a :class:`Chain` and appends one node (sometimes one that prepares its input, too); it raises
:class:`Unfit` where the current tensor has no shape for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
from edge_graphs import ACTIVATIONS, Builder
from edge_ops import EXPRESSIONS
from int8_oracles import random_int8

from edgekit.export.padding import Axis, same_after_extension
from edgekit.graph.ops import BINARY_OPS, FIXED_OUTPUTS
from edgekit.graph.tensor import Quantization, Tensor

MOST_ELEMENTS = 1500
"""Largest activation: graphs are small, so that there can be many."""

Dims = tuple[int, ...]


class Unfit(Exception):
    """The current tensor has no shape for the operator that was drawn."""


class Chain(Builder):
    """A builder that remembers its activations, so that later nodes can read them again."""

    def __init__(self, rng: np.random.Generator, shape: Dims, zero_point: int | None = None) -> None:
        super().__init__(rng, shape, zero_point)
        self.earlier: list[Tensor] = [self.x]

    def append(self, op: str, inputs: tuple[str, ...], output: Tensor, attrs: object = None) -> None:
        """As of Builder; refuses outputs that are empty or larger than MOST_ELEMENTS."""
        if not output.dims or min(output.dims) < 1 or output.elements > MOST_ELEMENTS:
            raise Unfit
        super().append(op, inputs, output, attrs)  # type: ignore[arg-type]
        self.earlier.append(output)

    def weighted(self, *args: Any, **options: Any) -> None:
        """As of Builder, real values brought back to the usual size: layers would let them grow without end."""
        super().weighted(*args, **options)
        names = [name for name in self.nodes[-1].inputs[1:] if name] + [self.x.name]
        factor = np.float32(np.exp(self.rng.uniform(-5, -1)) / self.x.scale_zero()[0])
        for tensor in (self.tensors[name] for name in names):
            assert tensor.quant is not None
            scaled = Quantization(tensor.quant.scale * factor, tensor.quant.zero_point, tensor.quant.axis)
            self.keep(tensor.replace(quant=scaled))
        self.x = self.earlier[-1] = self.tensors[self.x.name]

    def pick(self, *choices: object) -> object:
        """One of ``choices``."""
        return choices[self.rng.integers(len(choices))]

    def number(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""
        return int(self.rng.integers(low, high + 1))

    def pair(self, low: int, high: int) -> tuple[int, int]:
        """Two such numbers."""
        return self.number(low, high), self.number(low, high)

    def image(self) -> None:
        """The current tensor is [1, H, W, C]."""
        if len(self.x.dims) != 4 or self.x.dims[0] != 1:
            raise Unfit

    def fits(self, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], pad: object) -> None:
        """The window leaves at least one position, with padding that no window lies in alone."""
        _, size = self.geometry(tuple(kernel), tuple(stride), tuple(dilation), pad)  # type: ignore[arg-type]
        if min(size) < 1:
            raise Unfit

    def rescaled(self, factor_low: float, factor_high: float) -> float:
        """The current scale times a random factor."""
        return self.x.scale_zero()[0] * float(self.rng.uniform(factor_low, factor_high))


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
    second = _partner(chain)
    scales = [tensor.scale_zero()[0] for tensor in (chain.x, second)]
    if op == "mul":
        scale = scales[0] * scales[1] * float(np.exp(chain.rng.uniform(2, 5)))
    else:
        scale = max(scales) * float(chain.rng.uniform(0.5, 3))
    shape = tuple(int(dim) for dim in np.broadcast_shapes(chain.x.dims, second.dims))
    names = (chain.x.name, second.name) if chain.rng.integers(2) else (second.name, chain.x.name)
    output = chain.activation(chain.name(op), shape, scale=scale)
    chain.append(op, names, output, {"activation": chain.pick(*ACTIVATIONS)})


def _partner(chain: Chain) -> Tensor:
    dims = chain.x.dims
    earlier = [tensor for tensor in chain.earlier if _broadcasts(tensor.dims, dims)]
    if not earlier:
        raise Unfit
    if chain.rng.integers(3):
        return earlier[int(chain.rng.integers(len(earlier)))]
    shape = tuple(1 if chain.rng.integers(3) == 0 else dim for dim in dims)
    return _constant(chain, (dims, shape, (dims[-1],))[chain.number(0, 2)])


def _broadcasts(a: Dims, b: Dims) -> bool:
    try:
        return len(a) == len(b) and prod(np.broadcast_shapes(a, b)) <= MOST_ELEMENTS
    except ValueError:
        return False


def _constant(chain: Chain, shape: Dims) -> Tensor:
    quantization = chain.activation("unused", (1,)).quant
    chain.tensors.pop("unused")
    return chain.keep(Tensor(chain.name("constant"), shape, "int8", quantization, random_int8(chain.rng, shape)))


def pad(chain: Chain) -> None:
    """Any axis but the first."""
    pads = ((0, 0), *(chain.pair(0, 2) for _ in chain.x.dims[1:]))
    shape = tuple(dim + sum(pair) for dim, pair in zip(chain.x.dims, pads, strict=True))
    chain.append("pad", (chain.x.name,), chain.same(chain.name("padded"), shape), {"pads": pads})


def reshape(chain: Chain) -> None:
    """To any factors, mostly an image."""
    rest, dims = chain.x.elements, [1]
    for _ in range(chain.number(1, 3) - 1 if chain.rng.integers(3) == 0 else 2):
        divisors = [d for d in range(1, min(rest, 40) + 1) if rest % d == 0]
        dims.append(divisors[int(chain.rng.integers(len(divisors)))])
        rest //= dims[-1]
    chain.append("reshape", (chain.x.name,), chain.same(chain.name("shaped"), (*dims, rest)))


def transpose(chain: Chain) -> None:
    """Any order of the axes but the first."""
    perm = (0, *(int(axis) + 1 for axis in chain.rng.permutation(len(chain.x.dims) - 1)))
    output = chain.same(chain.name("moved"), tuple(chain.x.dims[axis] for axis in perm))
    chain.append("transpose", (chain.x.name,), output, {"perm": perm})


def strided_slice(chain: Chain) -> None:
    """Any part of any axis but the first, sometimes with steps."""
    rows = [(0, chain.x.dims[0], 1)]
    for dim in chain.x.dims[1:]:
        first, step = chain.number(0, dim // 2), int(chain.pick(1, 1, 2))  # type: ignore[call-overload]
        first = min(first, dim - 1)
        longest = (dim - first - 1) // step + 1
        rows.append(chain.pick((0, dim, 1), (first, chain.number((longest + 1) // 2, longest), step)))  # type: ignore[arg-type]
    begin, size, stride = zip(*rows, strict=True)
    attrs = {"begin": begin, "size": size, "stride": stride}
    chain.append("slice", (chain.x.name,), chain.same(chain.name("part"), size), attrs)


def concat(chain: Chain) -> None:
    """Two to three tensors that agree off one axis, brought to the scale of the first."""
    whole = chain.x
    if len(whole.dims) < 2:
        raise Unfit
    axis = chain.number(1, len(whole.dims) - 1)
    alike = [
        t for t in chain.earlier if len(t.dims) == len(whole.dims) and _off(t.dims, axis) == _off(whole.dims, axis)
    ]
    names = [whole.name]
    total = whole.dims[axis]
    for _ in range(chain.number(1, 2)):
        other = alike[int(chain.rng.integers(len(alike)))]
        total += other.dims[axis]
        names.append(_brought(chain, other, whole).name)
    dims = tuple(total if i == axis else dim for i, dim in enumerate(whole.dims))
    order = tuple(names[int(i)] for i in chain.rng.permutation(len(names)))
    chain.append("concat", order, _like(chain, whole, "joined", dims), {"axis": axis})


def _like(chain: Chain, tensor: Tensor, what: str, dims: Dims) -> Tensor:
    return chain.keep(Tensor(chain.name(what), dims, "int8", tensor.quant))


def _off(dims: Dims, axis: int) -> Dims:
    return (*dims[:axis], *dims[axis + 1 :])


def _brought(chain: Chain, other: Tensor, whole: Tensor) -> Tensor:
    """``other`` at the scale of ``whole``, through a quantize where it has another."""
    if other.scale_zero() == whole.scale_zero():
        return other
    chain.append("quantize", (other.name,), _like(chain, whole, "brought", other.dims))
    return chain.x


def extreme(chain: Chain, op: str) -> None:
    """minimum, maximum: both sides and the output have one scale."""
    whole, second = chain.x, _partner(chain)
    if second.constant:
        second = chain.keep(second.replace(quant=whole.quant))
    second = _brought(chain, second, whole)
    shape = tuple(int(dim) for dim in np.broadcast_shapes(whole.dims, second.dims))
    chain.append(op, (whole.name, second.name), _like(chain, whole, op, shape))


def squared_difference(chain: Chain) -> None:
    """Of two tensors of any scales."""
    second = _partner(chain)
    scale = max(chain.x.scale_zero()[0], second.scale_zero()[0]) ** 2 * float(np.exp(chain.rng.uniform(2, 5)))
    shape = tuple(int(dim) for dim in np.broadcast_shapes(chain.x.dims, second.dims))
    output = chain.activation(chain.name("squares"), shape, scale=scale)
    chain.append("squared_difference", (chain.x.name, second.name), output)


def resize(chain: Chain, op: str) -> None:
    """To any size, larger or smaller."""
    chain.image()
    size = (chain.number(1, 2 * chain.x.dims[1]), chain.number(1, 2 * chain.x.dims[2]))
    align, half = chain.pick((False, False), (True, False), (False, True))  # type: ignore[misc]
    attrs = {"size": size, "align_corners": align, "half_pixel": half}
    chain.append(op, (chain.x.name,), chain.same(chain.name(op), (1, *size, chain.x.dims[3])), attrs)


def mirror_pad(chain: Chain) -> None:
    """Rows and columns repeated at the edges."""
    chain.image()
    mode = str(chain.pick("reflect", "symmetric"))
    most = [min(3, dim - (mode == "reflect")) for dim in chain.x.dims[1:3]]
    pads = ((0, 0), *(chain.pair(0, m) for m in most), (0, 0))
    shape = tuple(dim + sum(pair) for dim, pair in zip(chain.x.dims, pads, strict=True))
    attrs = {"pads": pads, "mode": mode}
    chain.append("mirror_pad", (chain.x.name,), chain.same(chain.name("mirrored"), shape), attrs)


def fixed(chain: Chain, op: str) -> None:
    """softmax, logistic, tanh: outputs of a scale of their own."""
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
        second = _constant(chain, (*batch, *((columns, inner) if adj_y else (inner, columns))))
    else:
        adj_y, columns = not adj_x, left
        chain.append("reshape", (source.name,), chain.same(chain.name("again"), source.dims))
        second = chain.x
    scale = source.scale_zero()[0] * second.scale_zero()[0] * float(np.sqrt(inner) * chain.rng.uniform(10, 120))
    output = chain.activation(chain.name("product"), (*front, left, columns), scale=scale)
    chain.append("batch_matmul", (source.name, second.name), output, {"adj_x": adj_x, "adj_y": adj_y})


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
    "pointwise": pointwise,
    "lookup": lookup,
}
"""Operator to the function that appends it."""
