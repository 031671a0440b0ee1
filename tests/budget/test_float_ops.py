"""Which operators of an integer model still compute in floating point, and the reasons that are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from budget_models import conv_onnx, float32, int8, save_onnx, tflite_graph, weights
from onnx import helper

from edgekit.budget.counting import count
from edgekit.graph.graph import Graph, Node
from edgekit.graph.readers.load import load_graph


def reasons(graph: Graph) -> dict[str, str]:
    return {layer.name: layer.float_reason for layer in count(graph).layers if layer.float_reason}


def test_quantizers_at_the_ends_are_not_inside() -> None:
    nodes = [
        Node("QUANTIZE", "q", ("x",), ("a",)),
        Node("RELU", "relu", ("a",), ("b",)),
        Node("DEQUANTIZE", "d", ("b",), ("y",)),
    ]
    tensors = [float32("x", 1, 4), int8("a", 1, 4), int8("b", 1, 4), float32("y", 1, 4)]
    assert reasons(tflite_graph(nodes, tensors, ("x",), ("y",))) == {}


def test_a_float_operator_between_integers_is_named_with_its_quantizers() -> None:
    nodes = [
        Node("RELU", "relu", ("x",), ("a",)),
        Node("DEQUANTIZE", "d", ("a",), ("b",)),
        Node("GELU", "gelu", ("b",), ("c",)),
        Node("QUANTIZE", "q", ("c",), ("y",)),
    ]
    tensors = [int8("x", 1, 4), int8("a", 1, 4), float32("b", 1, 4), float32("c", 1, 4), int8("y", 1, 4)]
    found = reasons(tflite_graph(nodes, tensors, ("x",), ("y",)))
    assert list(found) == ["d", "gelu", "q"]
    assert found["gelu"] == "computes on float32 activations"


def test_a_hybrid_layer_is_float(models_root: Path) -> None:
    found = reasons(load_graph(models_root / "kws_ref_model_float32.tflite"))
    assert found["conv_2d_2"].endswith("(hybrid)")
    assert "reshape_10" not in found  # it places values and computes none


def test_every_operator_of_a_float_model_is_float(tmp_path: Path) -> None:
    assert list(reasons(load_graph(conv_onnx(tmp_path / "m.onnx")))) == ["conv1", "relu1"]


def test_an_onnx_operator_that_no_qdq_pair_encloses_is_named(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("MatMul", ["xd", "w"], ["m"], name="float weights"),
        helper.make_node("Softmax", ["m"], ["y"], name="float input"),
    ]
    constants = {"s": np.float32(0.1), "z": np.int8(0), "w": np.ones((8, 3), np.float32)}
    path = save_onnx(tmp_path / "m.onnx", nodes, {"x": [1, 8]}, {"y": [1, 3]}, constants)
    found = reasons(load_graph(path))
    assert list(found) == ["float weights", "float input"]
    assert "'w'" in found["float weights"]
    assert "'m'" in found["float input"]


def test_weights_that_are_widened_ahead_of_time_are_no_operator_of_the_model() -> None:
    nodes = [
        Node("DEQUANTIZE", "widen", ("w",), ("wf",)),
        Node("FULLY_CONNECTED", "fc", ("x", "wf"), ("y",)),
    ]
    tensors = [float32("x", 1, 4), weights("w", 3, 4), float32("wf", 3, 4), float32("y", 1, 3)]
    assert list(reasons(tflite_graph(nodes, tensors, ("x",), ("y",)))) == ["fc"]


def test_a_long_chain_of_moves_is_followed_without_recursion() -> None:
    length = 5000
    nodes = [Node("QUANTIZE", "q", ("x",), ("t0",))]
    nodes += [Node("RESHAPE", f"r{i}", (f"t{i}",), (f"t{i + 1}",)) for i in range(length)]
    nodes.append(Node("DEQUANTIZE", "d", (f"t{length}",), ("y",)))
    tensors = [float32("x", 1, 4), float32("y", 1, 4), *[int8(f"t{i}", 1, 4) for i in range(length + 1)]]
    from edgekit.budget.float_ops import float_reasons
    from edgekit.budget.parameters import constant_tensors

    graph = tflite_graph(nodes, tensors, ("x",), ("y",))
    assert float_reasons(graph, constant_tensors(graph)) == {}
