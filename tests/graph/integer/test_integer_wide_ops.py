"""Every operator on int16 activations, with random shapes and quantization, against TFLM and LiteRT byte for byte."""

from __future__ import annotations

import numpy as np
import pytest
from edge_graphs import Builder, quant
from edge_wide import WIDE_OPS, wide_clips, wide_graph
from int8_oracles import litert_outputs, tflm_outputs

from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.tensor import Tensor

SEEDS = range(16)
CLIPS = 8

LITERT_DIFFERS = ("fully_connected", "sum", "mul", "rsqrt")
"""Operators whose LiteRT kernels compute otherwise than TFLM's (test_integer_disagreements.py shows how)."""


@pytest.mark.parametrize("op", WIDE_OPS)
def test_int16_operator_equals_tflm(op: str) -> None:
    for seed in SEEDS:
        graph = wide_graph(op, seed)
        clips = wide_clips(graph, seed, CLIPS)
        expected = tflm_outputs(tflite_bytes(graph), clips).reshape(CLIPS, -1)
        ours = run_integer(graph, clips)
        assert ours.dtype == np.int16
        np.testing.assert_array_equal(ours.reshape(CLIPS, -1), expected, err_msg=f"{op}, seed {seed}")


@pytest.mark.parametrize("op", [op for op in WIDE_OPS if op not in LITERT_DIFFERS])
def test_int16_operator_equals_litert(op: str) -> None:
    for seed in SEEDS:
        graph = wide_graph(op, seed)
        clips = wide_clips(graph, seed, CLIPS)
        expected = litert_outputs(tflite_bytes(graph), clips).reshape(CLIPS, -1)
        np.testing.assert_array_equal(run_integer(graph, clips).reshape(CLIPS, -1), expected, err_msg=f"seed {seed}")


@pytest.mark.parametrize("power", [-11, -12])
@pytest.mark.parametrize("op", ["logistic", "tanh"])
def test_a_scale_near_a_power_of_two_is_taken_for_it(op: str, power: int) -> None:
    """Both runtimes ask whether log2 of the scale is within 0.001 of a whole number; 1.002 is farther off."""
    clips = np.arange(-16384, 16384, 64, dtype=np.int16).reshape(1, 512)
    for factor in (1.0, 0.9995, 1.0005, 0.9998, 1.002):
        builder = Builder(np.random.default_rng(0), (1, 512))
        builder.x = builder.keep(Tensor("input", (1, 512), "int16", quant(float(np.float32(factor * 2.0**power)), 0)))
        output = builder.keep(Tensor("output", (1, 512), "int16", quant(1 / 32768, 0)))
        builder.append(op, ("input",), output, {})
        model = tflite_bytes(builder.graph())
        ours = run_integer(builder.graph(), clips).ravel()
        np.testing.assert_array_equal(ours, tflm_outputs(model, clips).ravel(), err_msg=f"{factor}")
        np.testing.assert_array_equal(ours, litert_outputs(model, clips).ravel(), err_msg=f"{factor}")
