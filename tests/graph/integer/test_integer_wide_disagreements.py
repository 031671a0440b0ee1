"""Where LiteRT and TFLM compute different int16 values, TFLM is followed. Each case shows both."""

from __future__ import annotations

import numpy as np
import pytest
from edge_wide import wide_clips, wide_graph
from int8_oracles import litert_outputs, tflm_outputs

from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph
from edgekit.graph.integer.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from edgekit.graph.integer.interpreter import prepare, run_integer
from edgekit.graph.integer.params import FullyConnectedParams, MulParams

CLIPS = 8


def _both(graph: Graph, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips, and the outputs of TFLM and LiteRT; TFLM's are the interpreter's."""
    clips = wide_clips(graph, seed, CLIPS)
    model = tflite_bytes(graph)
    tflm, litert = (
        oracle(model, clips).reshape(CLIPS, -1).astype(np.int64) for oracle in (tflm_outputs, litert_outputs)
    )
    np.testing.assert_array_equal(run_integer(graph, clips).reshape(CLIPS, -1), tflm)
    return clips, tflm, litert


def _rounded_once(values: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int) -> np.ndarray:
    """values · multiplier · 2^(shift − 31) with all 31 bits of the multiplier, rounded once (Python's integers)."""
    rows = np.broadcast_arrays(values.astype(object), multiplier, shift)
    scaled = [
        (int(v) * int(m) + (1 << (30 - int(s)))) >> (31 - int(s)) for v, m, s in zip(*map(np.ravel, rows), strict=True)
    ]
    return np.array(scaled, np.int64).reshape(values.shape)


def test_fully_connected_cuts_the_multiplier_to_16_bits_in_tflm_alone() -> None:
    differing = 0
    for seed in range(6):
        graph = wide_graph("fully_connected", seed)
        clips, tflm, litert = _both(graph, seed)
        params = prepare(graph)[graph.nodes[0].name]
        assert isinstance(params, FullyConnectedParams)
        arithmetic = params.arithmetic
        rows = clips.reshape(-1, arithmetic.weights.shape[1]).astype(np.int64)
        sums = rows @ arithmetic.weights.astype(np.int64).T + arithmetic.bias
        once = _rounded_once(sums, arithmetic.multiplier, arithmetic.shift)
        np.testing.assert_array_equal(arithmetic.clamp(once).reshape(CLIPS, -1), litert)
        assert np.abs(tflm - litert).max() <= 1
        differing += int(np.sum(tflm != litert))
    assert differing > 0


def test_factor_of_mul_is_float32_in_litert_and_double_in_tflm() -> None:
    differing = 0
    for seed in (0, 4, 11):  # x · x
        graph = wide_graph("mul", seed)
        clips, tflm, litert = _both(graph, seed)
        scale, scale_out = (np.float32(graph.tensor(n).scale_zero()[0]) for n in (graph.inputs[0], graph.outputs[0]))
        multiplier, shift = quantize_multiplier(float(scale * scale / scale_out))
        scaled = multiply_by_quantized_multiplier(clips.astype(np.int64) ** 2, multiplier, shift)
        params = prepare(graph)[graph.nodes[0].name]
        assert isinstance(params, MulParams)
        np.testing.assert_array_equal(params.clamp(scaled).reshape(CLIPS, -1), litert)
        differing += int(np.sum(tflm != litert))
    assert differing > 0


@pytest.mark.parametrize("seed", [0, 14])
def test_rsqrt_is_exact_to_two_steps_in_tflm_and_percents_off_in_litert(seed: int) -> None:
    graph = wide_graph("rsqrt", seed)
    clips, tflm, litert = _both(graph, seed)
    scale, scale_out = (graph.tensor(name).scale_zero()[0] for name in (graph.inputs[0], graph.outputs[0]))
    real = 1 / np.sqrt(np.maximum(clips.reshape(CLIPS, -1), 1) * scale) / scale_out
    inside = real < 32000
    assert np.abs(tflm - real)[inside].max() < 2.5
    assert np.abs(litert - real)[inside].max() > (2.5 if seed == 0 else 300)


def test_sum_is_right_in_tflm_alone() -> None:
    differing = 0
    for seed in range(4):
        graph = wide_graph("sum", seed)
        clips, tflm, litert = _both(graph, seed)
        axes = tuple(axis + 1 for axis in graph.nodes[0].attrs["axes"])
        scale, scale_out = (graph.tensor(name).scale_zero()[0] for name in (graph.inputs[0], graph.outputs[0]))
        images = clips.reshape(CLIPS, *graph.tensor(graph.inputs[0]).dims)
        exact = np.clip(images.sum(axis=axes, dtype=np.int64) * (scale / scale_out), -32768, 32767)
        assert np.abs(tflm - exact.reshape(CLIPS, -1)).max() < 1.01
        differing += int(np.sum(tflm != litert))
    assert differing > 0
