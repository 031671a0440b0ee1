"""Evaluation of ONNX operators on constants, against ONNX Runtime, and its limits."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from onnx import helper, numpy_helper

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.lower import lower
from edgekit.graph.passes.onnx_constants import evaluate
from edgekit.graph.tensor import Tensor

I = np.array([[3, -7, 5], [2, 4, -6]], np.int64)  # noqa: E741
CASES = [
    ("Gather", [I, np.array([1, 0])], {"axis": 1}),
    ("Gather", [I, np.array(-1)], {"axis": 0}),
    ("Concat", [I, I], {"axis": -1}),
    ("Slice", [I, np.array([2]), np.array([-(2**62)]), np.array([1]), np.array([-1])], {}),
    ("Slice", [I, np.array([0, 1]), np.array([2**62, 3]), np.array([0, 1])], {}),
    ("Reshape", [I, np.array([0, -1, 1])], {}),
    ("Squeeze", [I[None], np.array([0])], {}),
    ("Squeeze", [I[None, :, None]], {}),
    ("Unsqueeze", [I, np.array([0, -1])], {}),
    ("Flatten", [I[None]], {"axis": 2}),
    ("Transpose", [I], {"perm": (1, 0)}),
    ("Transpose", [I], {}),
    ("Range", [np.array(2), np.array(11), np.array(3)], {}),
    ("Range", [np.array(5), np.array(0), np.array(-2)], {}),
    ("ConstantOfShape", [np.array([2, 3])], {"value": np.array([7], np.int64)}),
    ("Expand", [np.array([[1], [2]]), np.array([2, 3])], {}),
    ("Div", [I, np.array([2, 2, -4])], {}),
    ("Div", [I.astype(np.float32), np.float32(2)], {}),
    ("Mod", [I, np.array(4)], {}),
    ("Cast", [I.astype(np.float32) / 2], {"to": 7}),
    ("Where", [I > 0, I, -I], {}),
    ("ReduceProd", [I], {"keepdims": 0}),
    ("ReduceSum", [I, np.array([1])], {"keepdims": 1}),
    ("Shape", [I], {"start": 1}),
    ("Size", [I], {}),
    ("Min", [I, I[::-1].copy()], {}),
    ("Sqrt", [np.array([4.0, 2.0], np.float32)], {}),
    ("Equal", [I, np.array(5)], {}),
    ("Not", [I > 0], {}),
]


@pytest.mark.parametrize(("op", "operands", "attrs"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_evaluation_is_that_of_onnxruntime(op, operands, attrs):
    ort = pytest.importorskip("onnxruntime")
    names = [f"i{index}" for index in range(len(operands))]
    arrays = [np.asarray(item) for item in operands]
    stored = {key: numpy_helper.from_array(v) if isinstance(v, np.ndarray) else v for key, v in attrs.items()}
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], **stored)],
        "g",
        [],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(item, name) for item, name in zip(arrays, names, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (want,) = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {})
    got = evaluate(Node(op, "n", tuple(names), ("y",), attrs), arrays)
    np.testing.assert_array_equal(got, want)
    assert np.asarray(got).dtype == want.dtype


@pytest.mark.parametrize(
    ("op", "operands", "attrs"),
    [
        ("ConstantOfShape", [np.array([2**40])], {}),
        ("ConstantOfShape", [np.array([-1])], {}),
        ("Expand", [np.zeros(1), np.array([2**20, 2**20])], {}),
        ("Range", [np.array(0), np.array(2**62), np.array(1)], {}),
        ("Range", [np.array(0), np.array(5), np.array(0)], {}),
        ("Add", [np.zeros((1, 50_000), np.int8), np.zeros((50_000, 1), np.int8)], {}),
        ("Gather", [np.zeros((1, 50_000), np.int8), np.zeros(50_000, np.int64)], {}),
        ("Div", [np.array([1]), np.array([0])], {}),
        ("Slice", [np.zeros(3), np.array([0]), np.array([1]), np.array([0]), np.array([0])], {}),
        ("Reshape", [np.zeros(3), np.array([2, 2])], {}),
        ("Cast", [np.zeros(3)], {"to": 99}),
        ("Concat", [np.zeros(3)], {}),
        ("Unsqueeze", [None], {}),
    ],
)
def test_what_does_not_fit_or_is_too_large_is_an_error_and_allocates_nothing(op, operands, attrs):
    tracemalloc.start()
    with pytest.raises(BadFileError, match=op):
        evaluate(Node(op, "n", (), ("y",), attrs), operands)
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


def test_operators_that_are_not_shape_arithmetic_are_left_alone():
    assert evaluate(Node("Conv", "n", (), ("y",)), [np.zeros(1)]) is None


def test_constants_that_double_again_and_again_end_in_an_error():
    nodes = [Node("Concat", f"n{i}", (f"c{i}", f"c{i}"), (f"c{i + 1}",), {"axis": 0}) for i in range(60)]
    nodes.append(Node("Add", "add", ("x", "c60"), ("y",)))
    tensors = {f"c{i}": Tensor(f"c{i}", (8 * 2**i,), "int8") for i in range(1, 61)}
    tensors["c0"] = Tensor("c0", (8,), "int8", data=np.ones(8, np.int8))
    tensors |= {name: Tensor(name, (1, 8), "float32") for name in "xy"}
    start = time.process_time()
    with pytest.raises(UnsupportedOpError, match="activations and constants of more than"):
        lower(Graph("g", "onnx", tensors, tuple(nodes), ("x",), ("y",)))
    assert time.process_time() - start < 5


def test_activations_beyond_any_chip_end_in_an_error():
    tensors = {
        "x": Tensor("x", (1, 1, 4, 4), "float32"),
        "w": Tensor("w", (1, 1, 1, 1), "float32", data=np.ones((1, 1, 1, 1), np.float32)),
        "y": Tensor("y", (1, 1, 40_004, 40_004), "float32"),
    }
    node = Node("Conv", "n", ("x", "w"), ("y",), {"pads": (20_000,) * 4})
    with pytest.raises(UnsupportedOpError, match="activation of 1600320016 elements"):
        lower(Graph("g", "onnx", tensors, (node,), ("x",), ("y",)))
