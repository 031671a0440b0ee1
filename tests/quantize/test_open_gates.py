"""SiLU and the logistic GELU in a model of int16: the gate and the product, no table of int8 between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from float_networks import FloatBuilder, clips
from int8_oracles import tflm_outputs

from edgekit.export.tflite_writer import tflite_bytes
from edgekit.features.quantized import quantize_features
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.open_gates import gate_factor, open_gates
from edgekit.quantize.compare import compare
from edgekit.quantize.ptq import PtqOptions, prepared, quantize_graph

SILU = ("mul", "x", ("logistic", "x"))
GELU = ("mul", ("logistic", ("mul", 1.702, "x")), "x")


def gated(expression: Any) -> Graph:
    build = FloatBuilder(4)
    build.conv(8, 3, "none")
    build.add_node("pointwise", (16, 10, 8), expression=expression)
    build.conv(6, 3, "none")
    return build.graph()


@pytest.mark.parametrize(
    ("expression", "factor"),
    [
        (SILU, 1.0),
        (GELU, 1.702),
        (("mul", ("logistic", ("mul", "x", -2)), "x"), -2.0),
        (("mul", "x", ("tanh", "x")), None),
        (("mul", "x", ("logistic", ("add", "x", 1.0))), None),
        (("mul", "x", 0.5), None),
        (("mul", "x", "x"), None),
        (("logistic", "x"), None),
        ("x", None),
    ],
)
def test_what_is_a_gate(expression: Any, factor: float | None) -> None:
    assert gate_factor(expression) == factor


@pytest.mark.parametrize("expression", [SILU, GELU])
def test_an_opened_gate_is_the_same_function(expression: Any) -> None:
    graph = gated(expression)
    opened = open_gates(graph)
    assert [node.op for node in opened.nodes].count("pointwise") == 0
    np.testing.assert_allclose(run_float(opened, clips(20)), run_float(graph, clips(20)), atol=1e-5)


def test_other_functions_stay_tables() -> None:
    graph = gated(("mul", "x", ("tanh", "x")))
    assert open_gates(graph) is graph


@pytest.mark.parametrize("expression", [SILU, GELU])
def test_in_int16_nothing_between_the_ends_is_int8_and_the_error_falls(expression: Any) -> None:
    graph = gated(expression)
    wide = quantize_graph(graph, clips(), PtqOptions(observer="minmax", widths="all"))
    narrow = [node.name for node in wide.nodes if wide.tensor(node.outputs[0]).dtype == "int8"]
    assert narrow == [wide.nodes[-1].name]
    int8 = quantize_graph(graph, clips(), PtqOptions(observer="minmax"))
    errors = [compare(graph, integer, clips(60, seed=1)).rms_error for integer in (wide, int8)]
    assert errors[0] < 0.9 * errors[1]  # what is left is the rounding of input and output


def test_tflm_gives_the_same_bytes() -> None:
    wide = quantize_graph(gated(GELU), clips(), PtqOptions(observer="minmax", widths="all"))
    fed = quantize_features(clips(20, seed=1), *wide.tensor(wide.inputs[0]).scale_zero())
    np.testing.assert_array_equal(run_integer(wide, fed), tflm_outputs(tflite_bytes(wide), fed))


def test_in_int8_the_table_stays() -> None:
    for widths in ("none", "norms", "attention"):
        graph = prepared(gated(SILU), PtqOptions(widths=widths))
        assert [node.op for node in graph.nodes] == ["conv2d", "pointwise", "conv2d"]
