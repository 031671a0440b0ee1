"""Mixed widths: the layer at fault becomes int16 first, memory is kept, logits come nearer, TFLM computes the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from float_networks import clips, residual_classifier
from int8_oracles import tflm_outputs

from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.widen import widths
from edgekit.graph.planner import plan_memory
from edgekit.quantize.compare import compare
from edgekit.quantize.ptq import PtqOptions, quantize_graph

pytest.importorskip("torch")

from edgekit.quantize.mixed import planned_bytes, with_wide_layers


def test_more_memory_gives_more_16_bit_layers_and_smaller_errors() -> None:
    graph = residual_classifier()
    narrow = plan_memory(quantize_graph(graph, clips())).arena_bytes
    errors, counts = [], []
    for limit in (narrow, 2 * narrow, 10 * narrow):
        options = with_wide_layers(graph, clips(), PtqOptions(), limit)
        integer = quantize_graph(graph, clips(), options)
        assert plan_memory(integer).arena_bytes <= limit
        errors.append(compare(graph, integer, clips(60, seed=1)).rms_error)
        counts.append(sum(tensor.dtype == "int16" for tensor in integer.tensors.values()))
    assert counts[0] < counts[1] <= counts[2]
    assert errors[2] < 0.85 * errors[0]  # the logits themselves stay int8


def test_the_plan_is_that_of_the_integer_graph() -> None:
    options = PtqOptions(wide_layers=("conv2d0", "add3"))
    graph = residual_classifier()
    from edgekit.quantize.ptq import prepared

    base = prepared(graph, options)
    assert {name for name, width in widths(base).items() if width == "int16"}
    assert planned_bytes(base) == plan_memory(quantize_graph(graph, clips(), options)).arena_bytes


def test_tflm_computes_the_same() -> None:
    options = replace(PtqOptions(), wide_layers=("depthwise_conv2d1", "add3"))
    integer = quantize_graph(residual_classifier(), clips(), options)
    x = np.random.default_rng(0).integers(-128, 128, (20, 16, 10, 1), dtype=np.int8)
    np.testing.assert_array_equal(run_integer(integer, x), tflm_outputs(tflite_bytes(integer), x))
