"""Every operator on int16 activations, with random shapes and quantization, against TFLM and LiteRT byte for byte."""

from __future__ import annotations

import numpy as np
import pytest
from edge_wide import WIDE_OPS, wide_clips, wide_graph
from int8_oracles import litert_outputs, tflm_outputs

from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.integer.interpreter import run_integer

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
