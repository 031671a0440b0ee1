"""Where LiteRT and TFLM compute different bytes, TFLM is followed. Each case shows both."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from edge_graphs import Builder, quant
from int8_oracles import litert_outputs, random_int8, tflm_outputs

from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.tensor import Tensor


def _one_weight(factor: float) -> Graph:
    """y = round(factor · 127 · x): a fully connected layer with one weight of 127."""
    builder = Builder(np.random.default_rng(0), (1, 1), zero_point=0)
    builder.x = builder.keep(Tensor("input", (1, 1), "int8", quant(1.0, 0)))
    weights = builder.keep(Tensor("weights", (1, 1), "int8", quant(1.0, 0), np.full((1, 1), 127, np.int8)))
    bias = builder.keep(Tensor("bias", (1,), "int32", quant(1.0, 0), np.zeros(1, np.int32)))
    output = builder.keep(Tensor("output", (1, 1), "int8", quant(1 / factor, 0)))
    attrs = {"activation": "none", "keep_dims": False}
    builder.append("fully_connected", ("input", weights.name, bias.name), output, attrs)
    return builder.graph()


def test_fully_connected_is_rounded_once_by_litert_and_twice_by_tflm() -> None:
    graph = _one_weight(0.03125 * 0.9999)
    clips = np.arange(-128, 128, dtype=np.int8).reshape(-1, 1)
    tflm, litert = (oracle(tflite_bytes(graph), clips) for oracle in (tflm_outputs, litert_outputs))
    np.testing.assert_array_equal(run_integer(graph, clips), tflm)
    scale = graph.tensor("output").scale_zero()[0]
    exact = [Fraction(int(x) * 127) / Fraction(scale) for x in clips[:, 0]]
    once = np.clip([int(np.floor(value + Fraction(1, 2))) for value in exact], -128, 127)
    np.testing.assert_array_equal(litert[:, 0], once)
    assert np.any(tflm[:, 0] != once)


def test_relu6_that_changes_scale_is_rescaled_by_litert_and_copied_by_tflm() -> None:
    builder = Builder(np.random.default_rng(5), (1, 6, 6, 4))
    scale, zero_point = builder.x.scale_zero()
    output = builder.activation("output", builder.x.dims, scale=scale * 0.7, zero_point=zero_point)
    builder.append("relu6", ("input",), output)
    graph = builder.graph()
    clips = random_int8(np.random.default_rng(6), (20, 6, 6, 4))
    tflm, litert = (oracle(tflite_bytes(graph), clips) for oracle in (tflm_outputs, litert_outputs))
    np.testing.assert_array_equal(run_integer(graph, clips), tflm)
    assert np.any(tflm != litert)
    real = np.clip((clips.astype(np.float64) - zero_point) * scale, 0, 6)
    assert np.abs((litert.astype(np.float64) - zero_point) * scale * 0.7 - real)[litert < 127].max() <= scale * 0.7


def test_sum_is_right_in_tflm_and_in_litert_s_optimised_kernel_alone() -> None:
    """LiteRT's reference kernel for SUM reads factors that nothing has set; its optimised one rounds in float."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    builder = Builder(np.random.default_rng(7), (1, 1, 64, 3), zero_point=0)
    scale = builder.x.scale_zero()[0]
    output = builder.activation("output", (1, 1, 1, 3), scale=scale * 10, zero_point=0)
    builder.append("sum", ("input",), output, {"axes": (2,), "keep_dims": True})
    graph = builder.graph()
    clips = random_int8(np.random.default_rng(8), (60, 1, 64, 3))
    model = tflite_bytes(graph)
    ours = run_integer(graph, clips).reshape(60, 3)
    np.testing.assert_array_equal(ours, tflm_outputs(model, clips).reshape(60, 3))
    exact = clips.sum(axis=2, dtype=np.int64).reshape(60, 3) / 10
    assert np.abs(ours - np.clip(exact, -128, 127)).max() <= 0.51
    interpreter = litert.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    for clip, sums in zip(clips, ours, strict=True):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], clip[None])
        interpreter.invoke()
        found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).ravel()
        assert np.abs(found.astype(int) - sums).max() <= 1
