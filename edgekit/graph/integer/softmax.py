"""softmax on int8 in fixed point (TensorFlow Lite reference_ops::Softmax)."""

from __future__ import annotations

import math

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.exponential import exp_on_negative_values, get_reciprocal
from edgekit.graph.integer.fixed_point import (
    INT8_MIN,
    INT32_MAX,
    clamp_int8,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from edgekit.graph.integer.interpolated import require_fixed
from edgekit.graph.integer.params import SoftmaxParams
from edgekit.graph.integer.rescale import input_output, to_rescale
from edgekit.graph.rounding import rounding_of

DIFF_INTEGER_BITS = 5
ACCUMULATION_INTEGER_BITS = 12


def prepare_softmax(graph: Graph, node: Node) -> SoftmaxParams:
    """Parameters of one softmax node (PreprocessSoftmaxScaling, CalculateInputRadius).

    Raises:
        UnsupportedOpError: the output is not quantized as 1/256 with zero point −128, or beta times the input scale is
            too small for the kernel.
    """
    source, output = input_output(graph, node)
    require_fixed(node, output.scale_zero(), output.dtype)
    scale = source.scale_zero()[0]
    beta = float(np.float32(node.attrs.get("beta", 1.0)))
    factor = min(beta * scale * (1 << (31 - DIFF_INTEGER_BITS)), float(INT32_MAX))
    if factor <= 1.0:
        raise UnsupportedOpError(f"softmax with beta × input scale = {beta * scale:g}", where=node.name)
    rescale = to_rescale(factor, rounding_of(graph))
    largest = ((1 << DIFF_INTEGER_BITS) - 1) * (1 << (31 - DIFF_INTEGER_BITS)) / (1 << rescale.shift)
    return SoftmaxParams(rescale=rescale, diff_min=-math.floor(largest))


def softmax(params: SoftmaxParams, x: np.ndarray) -> np.ndarray:
    """int8 x [..., K] to int8 probabilities [..., K] of scale 1/256, zero point −128."""
    x = x.astype(np.int64)
    difference = x - x.max(axis=-1, keepdims=True)
    counted = difference >= params.diff_min
    rescaled = params.rescale(np.where(counted, difference, 0))
    exponential = exp_on_negative_values(rescaled)
    summands = np.where(counted, rounding_divide_by_pot(exponential, ACCUMULATION_INTEGER_BITS), 0)
    reciprocal, bits = get_reciprocal(summands.sum(axis=-1, keepdims=True), ACCUMULATION_INTEGER_BITS)
    product = saturating_rounding_doubling_high_mul(exponential, reciprocal)
    unsaturated = rounding_divide_by_pot(product, bits + 31 - 8)
    return np.where(counted, clamp_int8(unsaturated + INT8_MIN), np.int8(INT8_MIN))
