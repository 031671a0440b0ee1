"""Functions of one int8 value, as tables of all 256: what TFLM computes for each, worked out once.

A new function is one entry in ``TABLES``: the interpreter and the generated C only look up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.exponential import (
    exp_on_negative_values,
    inverse_square_root,
    one_minus_x_over_one_plus_x,
    one_over_one_plus_x,
)
from edgekit.graph.integer.fixed_point import (
    INT8_MAX,
    INT8_MIN,
    INT32_MAX,
    Int64,
    clamp_int8,
    rounding_divide_by_pot,
)
from edgekit.graph.integer.functions import evaluate
from edgekit.graph.integer.hard_swish import hard_swish_table
from edgekit.graph.integer.interpolated import require_fixed
from edgekit.graph.integer.params import LookupParams
from edgekit.graph.integer.params_rescale import multiplied
from edgekit.graph.integer.rescale import input_output, to_rescale
from edgekit.graph.rounding import Rounding, rounding_of
from edgekit.graph.tensor import Tensor

_INPUT_BITS = 4
_ROOT_BITS = 20
_VALUES = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int64)


def prepare_lookup(graph: Graph, node: Node) -> LookupParams:
    """The table of one node.

    Raises:
        UnsupportedOpError: an output that is not quantized as the kernel writes it.
    """
    source, output = input_output(graph, node)
    require_fixed(node, output.scale_zero(), output.dtype)
    if node.op == "lookup":
        return LookupParams(_stored(graph, node))
    return LookupParams(TABLES[node.op](source, output, node, rounding_of(graph)))


def _stored(graph: Graph, node: Node) -> np.ndarray:
    table = graph.tensor(node.inputs[1]).data if len(node.inputs) == 2 else None
    if table is None or table.dtype != np.int8 or table.size != INT8_MAX - INT8_MIN + 1:
        raise BadFileError("lookup needs a constant table of 256 int8 values", where=node.name)
    return table.reshape(-1)


def lookup(params: LookupParams, x: np.ndarray) -> np.ndarray:
    """int8 x to int8 of the same shape."""
    return params.table[x.astype(np.int16) - INT8_MIN]


def _logistic(source: Tensor, output: Tensor, node: Node, rounding: Rounding) -> np.ndarray:
    """reference_integer_ops::Logistic: gemmlowp's logistic of F4."""

    def positive(a: Int64) -> Int64:
        return one_over_one_plus_x(exp_on_negative_values(-a, _INPUT_BITS))

    def logistic(a: Int64) -> Int64:
        value = positive(np.abs(a))
        return np.where(a == 0, 1 << 30, np.where(a > 0, value, INT32_MAX - value))

    return _saturating(source, logistic, 8, output.scale_zero()[1], rounding)


def _tanh(source: Tensor, output: Tensor, node: Node, rounding: Rounding) -> np.ndarray:
    """reference_integer_ops::Tanh: gemmlowp's tanh of F4; 2·a in F4 is a in F5."""

    def tanh(a: Int64) -> Int64:
        value = one_minus_x_over_one_plus_x(exp_on_negative_values(-np.abs(a), _INPUT_BITS + 1))
        return np.where(a == 0, 0, np.sign(a) * value)

    return _saturating(source, tanh, 7, 0, rounding)


def _leaky_relu(source: Tensor, output: Tensor, node: Node, rounding: Rounding) -> np.ndarray:
    """reference_ops::QuantizeLeakyRelu: two factors, which are float32 quotients."""
    (scale, zero_point), (scale_out, zero_out) = source.scale_zero(), output.scale_zero()
    centred = _VALUES - zero_point
    factor = np.float32(scale) / np.float32(scale_out)
    slope = np.float32(scale) * np.float32(node.attrs["alpha"]) / np.float32(scale_out)
    sides = [to_rescale(float(real), rounding)(centred) for real in (factor, slope)]
    return clamp_int8(np.where(centred >= 0, *sides) + zero_out)


def _rsqrt(source: Tensor, output: Tensor, node: Node, rounding: Rounding) -> np.ndarray:
    """TFLM elementwise RSQRT: 1/√(q − zero_point) with 20 fractional bits, then to the output's scale; 0 gives 127."""
    scale, zero_point = source.scale_zero()
    if zero_point != INT8_MIN:
        raise UnsupportedOpError(
            f"rsqrt of values that may be negative (zero point {zero_point})", where=node.name, mend="calibrate again"
        )
    scale_out, zero_out = output.scale_zero()
    rescale = to_rescale(1.0 / float(np.sqrt(np.float32(scale)) * np.float32(scale_out)), rounding)
    multipliers, shifts = np.array([inverse_square_root(value) for value in range(1, 256)], np.int64).T
    roots = multiplied(np.ones(255, np.int64), multipliers, shifts + _ROOT_BITS, rounding)
    scaled = multiplied(roots, rescale.multiplier, rescale.shift - _ROOT_BITS, rounding)
    return np.append(np.int8(INT8_MAX), clamp_int8(scaled + zero_out))


def _saturating(
    source: Tensor, function: Callable[[Int64], Int64], output_bits: int, zero_out: int, rounding: Rounding
) -> np.ndarray:
    """``function`` from F4 to F0 of the real inputs; inputs beyond F4 give the ends of int8 (CalculateInputRadius)."""
    scale, zero_point = source.scale_zero()
    rescale = to_rescale(scale * (1 << (31 - _INPUT_BITS)), rounding)
    radius = math.floor(((1 << _INPUT_BITS) - 1) * (1 << (31 - _INPUT_BITS)) / 2.0**rescale.shift)
    centred = _VALUES - zero_point
    inside = np.abs(centred) < radius
    raw = rescale(np.where(inside, centred, 0))
    steps = rounding_divide_by_pot(function(raw), 31 - output_bits) + zero_out
    return np.where(inside, clamp_int8(steps), np.where(centred > 0, INT8_MAX, INT8_MIN)).astype(np.int8)


def _function(source: Tensor, output: Tensor, node: Node, rounding: Rounding) -> np.ndarray:
    """A function of real values, worked out in float64 and rounded to the nearest output."""
    (scale, zero_point), (scale_out, zero_out) = source.scale_zero(), output.scale_zero()
    real = evaluate(node.attrs["expression"], scale * (_VALUES - zero_point).astype(np.float64))
    steps = np.clip(np.rint(real / scale_out) + zero_out, INT8_MIN, INT8_MAX)
    result: np.ndarray = steps.astype(np.int8)
    return result


TABLES: Mapping[str, Callable[[Tensor, Tensor, Node, Rounding], np.ndarray]] = {
    "logistic": _logistic,
    "tanh": _tanh,
    "leaky_relu": _leaky_relu,
    "hard_swish": hard_swish_table,
    "rsqrt": _rsqrt,
    "pointwise": _function,
}
"""Operator to its outputs for −128 … 127, int8 [256], from the input, the output, the node and how the graph rounds."""
