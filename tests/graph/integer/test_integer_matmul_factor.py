"""The factor of batch_matmul: double in TFLM, float32 in LiteRT, which is a step off in one value of a thousand."""

from __future__ import annotations

import numpy as np
from edge_graphs import Builder, quant
from int8_oracles import litert_outputs, random_int8, tflm_outputs

from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph
from edgekit.graph.integer.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.tensor import Tensor

SCALES = ((0.008869034238159657, 9), (0.02907753363251686, 6), (0.02421744540333748, -33))
"""Of an attention's queries, keys and scores, for which the two factors round differently."""


def _scores() -> Graph:
    builder = Builder(np.random.default_rng(0), (1, 8, 60, 10))
    builder.x = builder.keep(Tensor("input", (1, 8, 60, 10), "int8", quant(*SCALES[0])))
    values = random_int8(np.random.default_rng(1), (1, 8, 60, 10))
    builder.keep(Tensor("keys", values.shape, "int8", quant(*SCALES[1]), values))
    output = builder.keep(Tensor("scores", (1, 8, 60, 60), "int8", quant(*SCALES[2])))
    builder.append("batch_matmul", ("input", "keys"), output, {"adj_x": False, "adj_y": True})
    return builder.graph()


def test_factor_of_batch_matmul_is_float32_in_litert_and_double_in_tflm() -> None:
    graph = _scores()
    clips = random_int8(np.random.default_rng(2), (12, 8, 60, 10))
    model = tflite_bytes(graph)
    tflm, litert = (oracle(model, clips) for oracle in (tflm_outputs, litert_outputs))
    np.testing.assert_array_equal(run_integer(graph, clips), tflm)
    keys = np.asarray(graph.tensor("keys").data, np.int64)
    sums = (clips.astype(np.int64) - SCALES[0][1]) @ np.swapaxes(keys - SCALES[1][1], -1, -2)
    (first, _), (second, _), (scale_out, zero_out) = ((np.float32(scale), zero) for scale, zero in SCALES)
    multiplier, shift = quantize_multiplier(float(first * second) / float(scale_out))
    scaled = multiply_by_quantized_multiplier(sums, multiplier, shift) + zero_out
    np.testing.assert_array_equal(np.clip(scaled, -128, 127), litert)
    assert np.any(tflm != litert)
