"""Divisions, exponentials, roots and look-ups by hand counts of the operators' formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from budget_models import float32, int8, save_onnx, tflite_graph, weights
from onnx import helper

from edgekit.budget.counting import count
from edgekit.budget.rules.other import Other, plain_name
from edgekit.graph.graph import Node
from edgekit.graph.readers.load import load_graph

ELEMENTS = 2 * 6 * 5


@pytest.mark.parametrize(
    "op,constants,attributes,expected",
    [
        ("Sigmoid", {}, {}, Other(divisions=ELEMENTS, exponentials=ELEMENTS)),
        ("Softmax", {}, {}, Other(divisions=ELEMENTS, exponentials=ELEMENTS)),
        ("Exp", {}, {}, Other(exponentials=ELEMENTS)),
        ("Sqrt", {}, {}, Other(roots=ELEMENTS)),
        ("Relu", {}, {}, Other()),
        ("HardSwish", {}, {}, Other()),
        ("Div", {"c": np.float32(3)}, {}, Other(divisions=ELEMENTS)),
        ("Pow", {"c": np.float32(2)}, {}, Other()),
        ("Pow", {"c": np.float32(0.5)}, {}, Other(roots=ELEMENTS)),
        ("Pow", {"c": np.float32(-1)}, {}, Other(divisions=ELEMENTS)),
        ("Pow", {"c": np.float32(1.7)}, {}, Other(exponentials=2 * ELEMENTS)),
        ("LayerNormalization", {"c": np.ones(5, np.float32)}, {"axis": -1}, Other(divisions=ELEMENTS, roots=12)),
        ("InstanceNormalization", {"c": np.ones(6, np.float32), "d": np.ones(6, np.float32)}, {},
         Other(divisions=ELEMENTS, roots=12)),
        ("ReduceL2", {}, {"axes": [2], "keepdims": 1}, Other(roots=12)),
        ("ReduceLogSumExp", {}, {"axes": [2], "keepdims": 1}, Other(exponentials=ELEMENTS + 12)),
    ],
)  # fmt: skip
def test_onnx_operators_by_their_formula(
    tmp_path: Path, op: str, constants: dict[str, Any], attributes: dict[str, Any], expected: Other
) -> None:
    proto = helper.make_node(op, ["x", *constants], ["y"], name="n", **attributes)
    graph = load_graph(save_onnx(tmp_path / "m.onnx", [proto], {"x": [2, 6, 5]}, {"y": [2, 6, 5]}, constants))
    counts = count(graph)
    assert counts.layers[0].other == expected
    assert counts.tallies["other_ops"].known == expected.total


def test_recurrent_layers_by_their_gates(tmp_path: Path) -> None:
    """Five sigmoids or tanhs a step and unit of an LSTM, three of a GRU, one of an RNN; both directions."""
    for op, gates, activations in (("LSTM", 4, 5), ("GRU", 3, 3), ("RNN", 1, 1)):
        constants = {
            "w": np.ones((2, gates * 8, 10), np.float32),
            "r": np.ones((2, gates * 8, 8), np.float32),
        }
        proto = helper.make_node(op, ["x", "w", "r"], ["y"], hidden_size=8, direction="bidirectional")
        path = save_onnx(tmp_path / f"{op}.onnx", [proto], {"x": [7, 3, 10]}, {"y": [7, 2, 3, 8]}, constants)
        number = activations * 7 * 3 * 2 * 8
        assert count(load_graph(path)).layers[0].other == Other(divisions=number, exponentials=number)


def test_integer_activations_are_look_ups() -> None:
    graph = tflite_graph([Node("LOGISTIC", "n", ("x",), ("y",))], [int8("x", 1, 40), int8("y", 1, 40)], ("x",), ("y",))
    assert count(graph).layers[0].other == Other(lookups=40)


def test_a_float_value_is_divided_by_its_scale_and_an_integer_is_not() -> None:
    quantize = [Node("QUANTIZE", "n", ("x",), ("y",))]
    floats = tflite_graph(quantize, [float32("x", 1, 40), int8("y", 1, 40)], ("x",), ("y",))
    integers = tflite_graph(quantize, [int8("x", 1, 40), int8("y", 1, 40)], ("x",), ("y",))
    assert count(floats).layers[0].other == Other(divisions=40)
    assert count(integers).layers[0].other == Other()


def test_a_tflite_lstm_with_coupled_gates_has_one_less() -> None:
    matrices = [weights(f"w{i}", 16, 10 if i < 4 else 16, dtype="float32") for i in range(8)]
    tensors = [float32("x", 5, 1, 10), *matrices, float32("y", 5, 1, 16)]
    for first, gates in (("w0", 5), ("", 4)):
        inputs = ("x", first, *(f"w{i}" for i in range(1, 8)))
        node = Node("UNIDIRECTIONAL_SEQUENCE_LSTM", "n", inputs, ("y",))
        number = gates * 5 * 16
        assert count(tflite_graph([node], tensors, ("x",), ("y",))).layers[0].other == Other(0, number, number, 0)


def test_an_operator_without_a_rule_is_undecided(tmp_path: Path) -> None:
    proto = helper.make_node("Mystery", ["x"], ["y"], name="n")
    counts = count(load_graph(save_onnx(tmp_path / "m.onnx", [proto], {"x": [2, 6, 5]}, {"y": [2, 6, 5]})))
    assert counts.tallies["other_ops"].quantity is None


def test_names_are_spelt_alike_in_all_dialects() -> None:
    assert {plain_name(name) for name in ("HardSwish", "HARD_SWISH", "aten.hardswish_")} == {"hardswish"}
