"""Tables that LiteRT fills with other numbers than TFLM: logistic and tanh of int8, softmax of int16."""

from __future__ import annotations

import math

import numpy as np
import pytest
from edge_graphs import Builder, quant
from int8_oracles import litert_outputs, tflm_outputs

from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.tensor import Tensor


def _one_node(op: str, shape: tuple[int, ...], dtype: str, source: tuple[float, int], out: tuple[float, int]) -> Graph:
    builder = Builder(np.random.default_rng(0), shape)
    builder.x = builder.keep(Tensor("input", shape, dtype, quant(*source)))
    output = builder.keep(Tensor("output", shape, dtype, quant(*out)))
    builder.append(op, ("input",), output, {"beta": 1.0} if op == "softmax" else {})
    return builder.graph()


@pytest.mark.parametrize(("op", "out"), [("logistic", (1 / 256, -128)), ("tanh", (1 / 128, 0))])
def test_table_of_int8_is_fixed_point_in_tflm_and_float_in_litert(op: str, out: tuple[float, int]) -> None:
    graph = _one_node(op, (1, 256), "int8", (1 / 256, 0), out)
    clips = np.arange(-128, 128, dtype=np.int8).reshape(1, 256)
    tflm, litert = (oracle(tflite_bytes(graph), clips).ravel() for oracle in (tflm_outputs, litert_outputs))
    np.testing.assert_array_equal(run_integer(graph, clips).ravel(), tflm)
    function = math.tanh if op == "tanh" else lambda x: 1 / (1 + math.exp(-x))
    exact = np.array([function(value / 256) / out[0] + out[1] for value in range(-128, 128)])
    assert np.abs(litert - exact).max() < 0.5001  # as near as an integer can be
    assert 0 < np.sum(tflm != litert) <= 4
    assert np.abs(tflm - exact).max() < 0.51


def test_softmax_of_int16_is_a_step_off_in_tflm_where_its_reciprocals_are_float32() -> None:
    graph = _one_node("softmax", (1, 10), "int16", (0.0006752707413397729, 0), (1 / 32768, 0))
    clips = np.array([[32767, -3840, 10240, 7680, 32767, -2048, 29952, -3328, 32767, -768]], np.int16)
    tflm, litert = (oracle(tflite_bytes(graph), clips).ravel() for oracle in (tflm_outputs, litert_outputs))
    np.testing.assert_array_equal(run_integer(graph, clips).ravel(), tflm)
    assert np.any(tflm != litert)
    assert np.abs(tflm.astype(int) - litert).max() == 1
