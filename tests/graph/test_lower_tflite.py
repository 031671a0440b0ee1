"""Lowering of TFLite graphs: paddings, shape arithmetic, stored types, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.lower import lower
from edgekit.graph.passes.tflite_rules import dequantize, same_pads
from edgekit.graph.readers.tflite_reader import read_tflite
from edgekit.graph.tensor import Quantization, Tensor, Unknown

POOL = {"stride_h": 2, "stride_w": 2, "filter_height": 3, "filter_width": 3, "padding": "SAME"}
INT8 = Quantization(np.array([0.5]), np.array([3]))


def graph(nodes, tensors, inputs=("x",), outputs=("y",)):
    return Graph("g", "tflite", {tensor.name: tensor for tensor in tensors}, tuple(nodes), inputs, outputs)


def floats(name, *shape):
    return Tensor(name, shape, "float32")


def constant(name, values, dtype, quant=None):
    array = np.asarray(values, dtype)
    return Tensor(name, array.shape, dtype, quant, array)


VECTORS = [floats("x", 1, 3), floats("y", 1, 3)]
IMAGES = [floats("x", 1, 4, 4, 1), floats("y", 1, 2, 2, 1)]


@pytest.mark.parametrize(
    ("size", "window", "stride", "dilation", "expected"),
    # tf.nn.convolution's rule, worked out by hand: total = max((⌈n/s⌉ − 1)·s + reach − n, 0), the odd one behind.
    [
        (49, 10, 2, 1, (4, 5)),
        (10, 4, 2, 1, (1, 1)),
        (5, 3, 1, 1, (1, 1)),
        (5, 3, 1, 2, (2, 2)),
        (6, 2, 2, 1, (0, 0)),
        (7, 1, 3, 1, (0, 0)),
        (8, 3, 2, 1, (0, 1)),
    ],
)
def test_same_padding(size, window, stride, dilation, expected):
    assert same_pads(size, window, stride, dilation) == expected


def test_a_split_becomes_slices():
    nodes = [
        Node("SPLIT", "cut", ("axis", "x"), ("a", "b"), {"num_splits": 2}),
        Node("SUB", "sub", ("a", "b"), ("y",), {"fused_activation_function": "NONE"}),
    ]
    tensors = [floats("x", 1, 6), constant("axis", [-1], "int32"), *(floats(name, 1, 3) for name in "aby")]
    lowered = lower(graph(nodes, tensors))
    assert [node.op for node in lowered.nodes] == ["slice", "slice", "sub"]
    x = np.arange(12, dtype=np.float32).reshape(2, 6)
    np.testing.assert_array_equal(run_float(lowered, x), x[:, :3] - x[:, 3:])


def test_chains_that_compute_a_reshape_target_fold_away():
    begin, end, step = (constant(name, [value], "int32") for name, value in (("b", 0), ("e", 1), ("s", 1)))
    six = constant("six", 6, "int32")
    nodes = [
        Node("SHAPE", "shape", ("x",), ("dims",)),
        Node("STRIDED_SLICE", "slice", ("dims", "b", "e", "s"), ("n",), {"shrink_axis_mask": 1}),
        Node("PACK", "pack", ("n", "six"), ("target",), {"axis": 0, "values_count": 2}),
        Node("RESHAPE", "reshape", ("x", "target"), ("y",)),
    ]
    tensors = [
        Tensor("x", (Unknown("batch"), 2, 3), "float32"), Tensor("y", (Unknown("batch"), Unknown("q")), "float32"),
        begin, end, step, six, Tensor("dims", (3,), "int32"), Tensor("n", (), "int32"), Tensor("target", (2,), "int32"),
    ]  # fmt: skip
    lowered = lower(graph(nodes, tensors))
    assert [node.op for node in lowered.nodes] == ["reshape"]
    assert lowered.tensor("y").dims == (1, 6)


def test_the_reshape_target_may_hold_minus_one():
    tensors = [floats("x", 1, 2, 3), constant("t", [-1, 6], "int32"), floats("y", 1, 6)]
    lowered = lower(graph([Node("RESHAPE", "r", ("x", "t"), ("y",))], tensors))
    assert lowered.tensor("y").dims == (1, 6)
    wrong = [floats("x", 1, 2, 3), constant("t", [-1, 4], "int32"), floats("y", 1, 6)]
    with pytest.raises(BadFileError, match="reshape of"):
        lower(graph([Node("RESHAPE", "r", ("x", "t"), ("y",))], wrong))


def test_operators_of_a_float_graph_compute_what_they_say():
    x = np.random.default_rng(1).normal(size=(2, 5, 4, 3)).astype(np.float32)
    nodes = [
        Node("PAD", "pad", ("x", "p"), ("a",)),
        Node("MAX_POOL_2D", "max", ("a",), ("b",), {**POOL, "padding": "VALID"}),
        Node("MEAN", "mean", ("b", "axes"), ("c",), {"keep_dims": False}),
        Node("RELU6", "relu", ("c",), ("d",)),
        Node("ADD", "add", ("c", "d"), ("e",), {"fused_activation_function": "RELU"}),
        Node("SOFTMAX", "soft", ("e",), ("y",), {"beta": 2.0}),
    ]
    tensors = [
        floats("x", 1, 5, 4, 3), constant("p", [[0, 0], [1, 1], [1, 2], [0, 0]], "int32"), floats("a", 1, 7, 7, 3),
        floats("b", 1, 3, 3, 3), constant("axes", [-2, 1], "int32"), *(floats(n, 1, 3) for n in "cdey"),
    ]  # fmt: skip
    padded = np.pad(x, ((0, 0), (1, 1), (1, 2), (0, 0)))
    pooled = np.stack(
        [[padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((1, 2)) for j in range(3)] for i in range(3)]
    )
    mean = pooled.mean((0, 1))
    total = np.maximum(mean + np.clip(mean, 0, 6), 0) * 2
    want = np.exp(total) / np.exp(total).sum(-1, keepdims=True)
    np.testing.assert_allclose(run_float(lower(graph(nodes, tensors)), x), want, atol=1e-6)


def test_weights_of_float_models_that_are_stored_smaller_become_float():
    quant = Quantization(np.array([0.5, 0.25]), np.zeros(2), axis=0)
    tensors = [
        floats("x", 1, 3), constant("w", [[2, 4, -6], [4, 0, 8]], "int8", quant), floats("y", 1, 2),
        constant("half", [1.0, -1.0], "float16"), floats("b", 2),
    ]  # fmt: skip
    nodes = [
        Node("DEQUANTIZE", "dq", ("half",), ("b",)),
        Node("FULLY_CONNECTED", "fc", ("x", "w", "b"), ("y",), {"fused_activation_function": "NONE"}),
    ]
    lowered = lower(graph(nodes, tensors))
    assert [node.op for node in lowered.nodes] == ["fully_connected"]
    np.testing.assert_array_equal(run_float(lowered, np.ones((1, 3), np.float32)), [[1.0, 2.0]])


def test_dequantize_along_every_axis():
    values = np.arange(8, dtype=np.int8).reshape(2, 4)
    for axis, scale in ((0, [1, 10]), (1, [1, 10, 100, 1000]), (None, [2])):
        quant = Quantization(np.array(scale), np.full(len(scale), 1), axis)
        shape = {0: (2, 1), 1: (1, 4), None: (1, 1)}[axis]
        want = (values - 1.0) * np.reshape(scale, shape)
        np.testing.assert_allclose(dequantize(constant("w", values, "int8", quant)), want)


def test_float_reference_model_is_close_to_litert(models_root):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    path = models_root / "kws_ref_model_float32.tflite"
    interpreter = litert.Interpreter(str(path), experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    x = np.random.default_rng(0).normal(size=(20, 49, 10, 1)).astype(np.float32) * 10
    want = []
    for clip in x:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], clip[None])
        interpreter.invoke()
        want.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    got = run_float(lower(read_tflite(path)), x)
    # LiteRT quantizes the activations in front of int8 weights at run time (hybrid kernels); edgekit stays in float.
    np.testing.assert_allclose(got, np.stack(want), atol=0.15)
    assert np.mean(got.argmax(1) == np.stack(want).argmax(1)) >= 0.9


@pytest.mark.parametrize(
    ("node", "tensors", "message"),
    [
        (Node("CUMSUM", "sums", ("x",), ("y",)), VECTORS, r"sums \(y\): operator CUMSUM is"),
        (
            Node("CUSTOM", "c", ("x",), ("y",), {"custom_code": "MyOp"}),
            VECTORS,
            "operator MyOp",
        ),
        (
            Node("ADD", "a", ("x", "x"), ("y",), {"fused_activation_function": "TANH"}),
            VECTORS,
            "activation TANH",
        ),
        (Node("RELU", "r", ("x",), ("y",)), [floats("x", 2, 3), floats("y", 2, 3)], "batch is 2"),
        (
            Node("RELU", "r", ("x",), ("y",)),
            [Tensor("x", (1, 3), "int16", INT8), Tensor("y", (1, 3), "int16", INT8)],
            "relu from int16 to int16",
        ),
        (
            Node("AVERAGE_POOL_2D", "p", ("x",), ("y",), {**POOL, "fused_activation_function": "NONE"}),
            [
                Tensor("x", (1, 4, 4, 1), "int8", INT8),
                Tensor("y", (1, 2, 2, 1), "int8", Quantization(np.array([0.25]), np.array([3]))),
            ],
            "changes the quantization",
        ),
        (
            Node("FULLY_CONNECTED", "f", ("x", "x"), ("y",)),
            [floats("x", 3, 3), floats("y", 3, 3)],
            "batch is 3",
        ),
        (
            Node("FULLY_CONNECTED", "f", ("x", "w"), ("y",)),
            [
                Tensor("x", (1, 2), "int8", INT8),
                constant("w", [[1, 2]], "int8", Quantization(np.array([1.0]), np.array([5]))),
                Tensor("y", (1, 1), "int8", INT8),
            ],
            "zero point other than 0",
        ),
    ],
)  # fmt: skip
def test_what_the_edge_dialect_has_not_is_named(node, tensors, message):
    with pytest.raises(UnsupportedOpError, match=message) as caught:
        lower(graph([node], tensors))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("node", "tensors"),
    [
        (Node("SOFTMAX", "s", ("x",), ("y",)), VECTORS),
        (Node("MAX_POOL_2D", "m", ("x",), ("y",), {**POOL, "stride_h": 0}), IMAGES),
        (Node("MAX_POOL_2D", "m", ("x",), ("y",), POOL), [floats("x", 1, 4), floats("y", 1, 2)]),
        (Node("MAX_POOL_2D", "m", ("x",), ("y",), POOL), [floats("x", 1, 4, 4, 1), floats("y", 1, 3, 2, 1)]),
        (Node("ADD", "a", ("x",), ("y",)), VECTORS),
        (Node("ADD", "a", ("x", "z"), ("y",)), [*VECTORS, constant("z", [1, 2], "float32")]),
        (Node("RELU", "r", ("x",), ("y",)), [Tensor("x", (1, 3), "int8"), Tensor("y", (1, 3), "int8", INT8)]),
        (Node("RELU", "r", (), ("y",)), VECTORS),
    ],
)  # fmt: skip
def test_contradictions_are_errors_of_the_file(node, tensors):
    with pytest.raises(BadFileError):
        lower(graph([node], tensors))
