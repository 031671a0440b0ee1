"""mean and sum on int8 and int16 (TensorFlow Lite reference_ops::QuantizedMeanOrSum)."""

from __future__ import annotations

import math

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import wrap_int32
from edgekit.graph.integer.params import MeanParams, Rescale
from edgekit.graph.integer.rescale import full_clamp, input_output, to_rescale
from edgekit.graph.rounding import rounding_of


def prepare_mean(graph: Graph, node: Node) -> MeanParams:
    """Parameters of one mean or sum node; a mean's division by the count is folded into the multiplier."""
    source, output = input_output(graph, node)
    axes = tuple(int(axis) for axis in node.attrs["axes"])
    count = math.prod(source.dims[axis] for axis in axes)
    scale_in, zero_in = source.scale_zero()
    scale_out, zero_out = output.scale_zero()
    rescale = to_rescale(scale_in / scale_out, rounding_of(graph))
    rescale = _with_count(rescale, count) if node.op == "mean" else rescale
    return MeanParams(axes, count, zero_in, zero_out, rescale, full_clamp(output))


def mean(params: MeanParams, x: np.ndarray) -> np.ndarray:
    """X [N, dims] averaged or summed over ``params.axes`` of dims (kept as 1)."""
    sums = x.sum(axis=tuple(axis + 1 for axis in params.axes), dtype=np.int64, keepdims=True)
    centred = wrap_int32(sums - params.input_zero_point * params.count)
    return params.clamp(params.rescale(centred) + params.output_zero_point)


def _with_count(rescale: Rescale, count: int) -> Rescale:
    # The multiplier loses as few bits as the shift allows: floor(log2 count), at most 32, total shift at least -31.
    shift = min(count.bit_length() - 1, 32, 31 + rescale.shift)
    return Rescale((rescale.multiplier << shift) // count, rescale.shift - shift, rescale.rounding)
