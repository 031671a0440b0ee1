"""Statements of a file that contradict its operators leave everything undecided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from budget_models import float32, int8, tflite_graph, weights

from edgekit.budget.counting import count
from edgekit.graph.graph import Node
from edgekit.graph.tensor import Quantization, Tensor


def reasons(op: str, tensors: list[Tensor], outputs: int = 1, **attrs: Any) -> list[str]:
    """Why the parameters of a graph of one operator are undecided; its last tensors are its outputs."""
    names = tuple(tensor.name for tensor in tensors)
    inputs = tuple(tensor.name for tensor in tensors if not tensor.constant and tensor.name.startswith("x"))
    node = Node(op, "layer", names[: len(names) - outputs], names[len(names) - outputs :], attrs)
    graph = tflite_graph([node], tensors, inputs, names[len(names) - outputs :])
    return [reason.what for reason in count(graph).tallies["parameters"].reasons]


@pytest.mark.parametrize(
    "op,tensors",
    [
        ("RELU", [float32("x", 1, 8), float32("y", 1, 1)]),
        ("ADD", [float32("x", 1, 8), float32("x2", 1, 4), float32("y", 1, 8)]),
        ("RESHAPE", [float32("x", 1, 8), float32("y", 1, 4)]),
        ("CONCATENATION", [float32("x", 1, 8), float32("x2", 1, 8), float32("y", 1, 8)]),
        ("FULLY_CONNECTED", [float32("x", 1, 8), weights("w", 4, 8, dtype="float32"), float32("y", 1, 1)]),
        ("PAD", [float32("x", 1, 8), weights("p", 2, 2, dtype="int32"), float32("y", 1, 4)]),
    ],
)
def test_a_shape_that_the_operator_cannot_make(op: str, tensors: list[Tensor]) -> None:
    assert any("cannot make" in text for text in reasons(op, tensors))


@pytest.mark.parametrize(
    "op,tensors,outputs",
    [
        ("RELU", [float32("x", 1, 8), float32("x2", 1, 8), float32("y", 1, 8)], 1),
        ("PRELU", [float32("x", 1, 8), float32("y", 1, 8)], 1),
        ("RELU", [float32("x", 1, 8), float32("y", 1, 8), float32("z", 1, 8)], 2),
    ],
)
def test_inputs_and_outputs_too_few_or_too_many(op: str, tensors: list[Tensor], outputs: int) -> None:
    assert any(text.endswith(("inputs", "outputs")) for text in reasons(op, tensors, outputs))


def test_values_of_two_kinds_are_not_added() -> None:
    assert reasons("ADD", [float32("x", 1, 8), int8("x2", 1, 8), float32("y", 1, 8)]) == ["ADD takes float32 and int8"]


def dense(bias: Tensor | None = None, weight: Tensor | None = None, made: str = "int8") -> list[str]:
    output = replace(int8("y", 1, 4), dtype=made)
    tensors = [int8("x", 1, 8), weight or weights("w", 4, 8), bias or weights("b", 4, dtype="int32"), output]
    return reasons("FULLY_CONNECTED", tensors)


def constant(name: str, dtype: str, shape: tuple[int, ...], scale: float, zero: int = 0) -> Tensor:
    return Tensor(name, shape, dtype, Quantization(np.float32(scale), zero), data=np.zeros(shape, dtype))


def test_an_integer_layer_as_its_kernels_want_it() -> None:
    assert dense() == []
    assert "3 biases for 4 outputs" in dense(bias=weights("b", 3, dtype="int32"))[0]
    assert "float32 bias on int8" in dense(bias=weights("b", 4, dtype="float32"))[0]
    assert "zero point" in dense(bias=constant("b", "int32", (4,), 0.01, 5))[0]
    assert "scale" in dense(bias=constant("b", "int32", (4,), 0.5))[0]
    assert "zero point" in dense(weight=constant("w", "int8", (4, 8), 0.1, 3))[0]
    assert "without their scales" in dense(weight=Tensor("w", (4, 8), "int8", data=np.zeros((4, 8), np.int8)))[0]


def test_a_layer_on_whole_numbers_that_no_kernel_takes() -> None:
    """LiteRT: fully_connected.cc and conv.cc take float32, int8, uint8 and int16."""
    tensors = [Tensor("x", (1, 8), "int64"), weights("w", 4, 8, dtype="float32"), float32("y", 1, 4)]
    assert reasons("FULLY_CONNECTED", tensors) == ["FULLY_CONNECTED has int64 activations"]


def test_a_convolution_keeps_the_element_type() -> None:
    """LiteRT (conv.cc) refuses an output of another element type than the input."""
    tensors = [float32("x", 1, 4, 4, 2), weights("w", 3, 1, 1, 2, dtype="float32"), int8("y", 1, 4, 4, 3)]
    assert "CONV_2D makes int8 of float32" in reasons("CONV_2D", tensors)
    tensors = [float32("x", 1, 4, 4, 2), weights("w", 1, 3, 3, 2, dtype="float32"), int8("y", 1, 4, 4, 2)]
    assert "DEPTHWISE_CONV_2D makes int8 of float32" in reasons("DEPTHWISE_CONV_2D", tensors)


def test_a_dense_layer_makes_what_its_kernel_makes() -> None:
    """LiteRT (fully_connected.cc:284, :296 and :303)."""
    odd = [float32("x", 1, 8), weights("w", 3, 8, dtype="int32"), float32("y", 1, 3)]
    assert "has int32 weights on float32" in reasons("FULLY_CONNECTED", odd)[0]
    weight = weights("w", 3, 8, dtype="float32")
    assert "makes int8 of float32" in reasons("FULLY_CONNECTED", [float32("x", 1, 8), weight, int8("y", 1, 3)])[0]
    assert "makes float16 of int8" in dense(made="float16")[0]
    assert dense(made="int16") == []


def test_a_convolution_of_broken_groups() -> None:
    """LiteRT (conv.cc:372): 3 channels a filter; 156 of them are 52 groups, which 4 filters do not divide into."""
    filters = weights("w", 4, 3, 3, 3, dtype="float32")
    for channels, fault in ((3, False), (6, False), (12, False), (9, True), (156, True), (4, True)):
        found = reasons("CONV_2D", [float32("x", 1, 12, 10, channels), filters, float32("y", 1, 12, 10, 4)])
        assert any("groups" in text for text in found) == fault, (channels, found)


def test_a_reshape_without_a_target_has_it_in_its_option() -> None:
    """LiteRT (reshape.cc): a target that is no int32 is not heard, and no option is the shape of one number."""
    data, made = float32("x", 1, 2, 4), float32("y", 1, 8)
    odd = Tensor("t", (2,), "bfloat16", data=np.array([1, 8], np.uint16))
    assert reasons("RESHAPE", [data, made], new_shape=(1, 8)) == []
    assert "is to make []" in reasons("RESHAPE", [data, made], new_shape=())[0]
    assert "is to make []" in reasons("RESHAPE", [data, odd, made], new_shape=())[0]
    assert reasons("RESHAPE", [float32("x", 1), float32("y")], new_shape=(0,)) == []


def test_a_reshape_that_is_to_make_another_shape() -> None:
    target = Tensor("t", (2,), "int32", data=np.array([1, 9], np.int32))
    assert "is to make [1, 9]" in reasons("RESHAPE", [float32("x", 1, 8), target, float32("y", 1, 8)])[0]
    open_target = Tensor("t", (2,), "int32", data=np.array([1, -1], np.int32))
    assert reasons("RESHAPE", [float32("x", 1, 8), open_target, float32("y", 1, 8)]) == []


def test_variables_are_resources() -> None:
    assert reasons("READ_VARIABLE", [float32("x", 1, 8), float32("y", 1, 8)]) == ["READ_VARIABLE works on no resource"]


def test_activations_that_the_kernels_refuse() -> None:
    """LiteRT: fully_connected.cc, concatenation.cc and l2norm.cc name those that they take, other kernels none."""

    def fused(op: str, tensors: list[Tensor], activation: str) -> list[str]:
        return reasons(op, tensors, fused_activation_function=activation)

    layer = [float32("x", 1, 8), weights("w", 4, 8, dtype="float32"), float32("y", 1, 4)]
    assert fused("FULLY_CONNECTED", layer, "RELU6") == []
    assert fused("FULLY_CONNECTED", layer, "TANH") == ["FULLY_CONNECTED cannot have the activation TANH"]
    pair = [float32("x", 1, 8), float32("x2", 1, 8), float32("y", 1, 16)]
    assert fused("CONCATENATION", pair, "NONE") == []
    assert fused("CONCATENATION", pair, "RELU") == ["CONCATENATION cannot have the activation RELU"]
    assert fused("L2_NORMALIZATION", [float32("x", 1, 8), float32("y", 1, 8)], "RELU")
    assert fused("ADD", [float32("x", 1, 8), float32("x2", 1, 8), float32("y", 1, 8)], "TANH") == []


def test_a_loop_hands_on_what_it_takes() -> None:
    """LiteRT (while.cc) refuses a body whose results have other element types than its inputs."""
    start, flag = Tensor("n", (), "int32", data=np.array(0, np.int32)), Tensor("go", (), "bool")
    condition = tflite_graph([Node("CAST", "c", ("i",), ("go",))], [Tensor("i", (), "int32"), flag], ("i",), ("go",))

    def loop(kind: str) -> list[str]:
        values = [Tensor("i", (), "int32"), Tensor("j", (), kind)]
        body = tflite_graph([Node("CAST", "b", ("i",), ("j",))], values, ("i",), ("j",))
        return reasons("WHILE", [start, Tensor("y", (), "int32")], condition=condition, body=body, trips=2)

    assert loop("int32") == []
    assert loop("float32") == ["WHILE has a body that hands on other element types than it takes"]
    condition = condition.replace(outputs=("go", "go"))  # while.cc:95
    assert loop("int32") == ["WHILE has a condition of 2 values"]


def test_a_filter_bank_of_a_single_number_is_undecided() -> None:
    """SVDF takes [batch, features]; a value without dimensions was an internal error."""
    tensors = [float32("x"), weights("w", 4, 8, dtype="float32"), weights("t", 4, 2, dtype="float32")]
    node = Node("SVDF", "layer", ("x", "w", "t"), ("y",), {})
    graph = tflite_graph([node], [*tensors, float32("y", 1, 4)], ("x",), ("y",))
    assert "has an input ()" in count(graph).tallies["macs_true"].reasons[0].text
