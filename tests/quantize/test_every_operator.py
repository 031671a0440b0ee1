"""The operators that a model may hold, one by one: all integer from ONNX, and the bytes of TFLM and of the C.

Every model is a convolution, the operator, and a dense layer over what it gives; the float values are ONNX Runtime's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from c_batches import run_on_host
from int8_oracles import tflm_outputs
from onnx import TensorProto, helper, numpy_helper

from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.export.tflite_writer import tflite_bytes, write_tflite
from edgekit.features.quantized import quantize_features
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.readers.tflite_reader import read_tflite
from edgekit.quantize.compare import compare
from edgekit.quantize.ptq import PtqOptions, quantize_graph

Nodes = list[onnx.NodeProto]
node = helper.make_node
HEIGHT, WIDTH, CHANNELS = 6, 5, 4
CONSTANTS = {
    "half": np.array(0.5, np.float32),
    "one": np.array(1.0, np.float32),
    "two": np.array(2.0, np.float32),
    "three": np.array(3.0, np.float32),
    "slopes": np.array([0.1, -0.3, 0.5, 1.4], np.float32).reshape(4, 1, 1),
    "axis1": np.array([1]),
    "axes23": np.array([2, 3]),
    "zeros": np.array([0, 0]),
    "starts": np.array([1, 0]),
    "ends": np.array([4, 5]),
    "steps": np.array([2, 3]),
    "places": np.array([3, 0, 0, 2]),
    "many": np.array([(7 * i) % 6 for i in range(20)]),
    "sizes": np.array([1, 4, 12, 10]),
    "pads": np.array([0, 0, 1, 2, 0, 0, 2, 1]),
    "grown": np.linspace(-0.7, 0.9, 4 * 3 * 3 * 2, dtype=np.float32).reshape(4, 3, 3, 2),
    "mixing": np.linspace(-0.6, 0.8, 4 * 3, dtype=np.float32).reshape(4, 3),
    "gains": np.array([0.5, 1.0, 1.5, 2.0], np.float32),
    "grouped": np.array([1, 2, -1]),
    "image": np.array([1, 4, 6, 5]),
    "ones2": np.ones(2, np.float32),
    "zeros2": np.zeros(2, np.float32),
    "straight": np.array(20.0, np.float32),
}
"""Initializers that the models below read; ``a`` and ``b`` are two convolutions of the input [1, 4, 6, 5]."""


def one(op: str, *inputs: str, **attrs: object) -> Nodes:
    """A model of one operator."""
    return [node(op, list(inputs), ["y"], **attrs)]


POSITIVE = [node("Relu", ["a"], ["r"]), node("Add", ["r", "half"], ["p"])]
OPERATORS: dict[str, Nodes] = {
    "mul": one("Mul", "a", "b"),
    "sub": one("Sub", "a", "b"),
    "reduce mean": one("ReduceMean", "a", axes=[2, 3], keepdims=1),
    "reduce mean of channels": one("ReduceMean", "a", axes=[1], keepdims=1),
    "reduce sum": one("ReduceSum", "a", "axes23", keepdims=1),
    "concat of channels": one("Concat", "a", "b", axis=1),
    "concat of rows": one("Concat", "a", "b", axis=2),
    "slice": one("Slice", "a", "starts", "ends", "axes23"),
    "strided slice": one("Slice", "a", "starts", "ends", "axes23", "steps"),
    "split": [node("Split", ["a"], ["s", "t"], axis=1), node("Add", ["s", "t"], ["y"])],
    "transpose": [node("Transpose", ["a"], ["t"], perm=[0, 1, 3, 2]), node("MatMul", ["a", "t"], ["y"])],
    "softmax of channels": one("Softmax", "a", axis=1),
    "softmax of rows": one("Softmax", "a", axis=2),
    "softmax of columns": one("Softmax", "a", axis=3),
    "logistic": one("Sigmoid", "a"),
    "tanh": one("Tanh", "a"),
    "hard swish": one("HardSwish", "a"),
    "hard sigmoid": one("HardSigmoid", "a"),
    "leaky relu": one("LeakyRelu", "a", alpha=0.1),
    "steep leaky relu": one("LeakyRelu", "a", alpha=1.5),
    "prelu": one("PRelu", "a", "slopes"),
    "squared difference": [node("Sub", ["a", "b"], ["d"]), node("Pow", ["d", "two"], ["y"])],
    "cube": one("Pow", "a", "three"),
    "rsqrt": [*POSITIVE, node("Sqrt", ["p"], ["s"]), node("Reciprocal", ["s"], ["y"])],
    "reciprocal": [*POSITIVE, node("Div", ["one", "p"], ["y"])],
    "sqrt": [*POSITIVE, node("Sqrt", ["p"], ["y"])],
    "quotient": [*POSITIVE, node("Div", ["b", "p"], ["y"])],
    "resize nearest": one("Resize", "a", "", "", "sizes", coordinate_transformation_mode="asymmetric",
                          nearest_mode="floor"),
    "resize bilinear": one("Resize", "a", "", "", "sizes", mode="linear"),
    "gather": one("Gather", "a", "places", axis=2),
    "gather of many": one("Gather", "a", "many", axis=2),
    "batch matmul": [node("Transpose", ["b"], ["t"], perm=[0, 1, 3, 2]), node("MatMul", ["t", "a"], ["y"])],
    "pad": one("Pad", "a", "pads"),
    "mirror pad": one("Pad", "a", "pads", mode="reflect"),
    "minimum": one("Min", "a", "b"),
    "maximum": one("Max", "a", "b"),
    "selu": one("Selu", "a"),
    "celu": one("Celu", "a", alpha=0.7),
    "elu": one("Elu", "a"),
    "softplus": one("Softplus", "a"),
    "softplus as PyTorch writes it": [node("Softplus", ["a"], ["s"]), node("Greater", ["a", "straight"], ["g"]),
                                      node("Where", ["g", "a", "s"], ["y"])],
    "erf": one("Erf", "a"),
    "reduce max": one("ReduceMax", "a", axes=[2, 3], keepdims=1),
    "reduce max of columns": one("ReduceMax", "a", axes=[3], keepdims=0),
    "reduce max of channels": one("ReduceMax", "a", axes=[1], keepdims=1),
    "reduce min": one("ReduceMin", "a", axes=[2], keepdims=1),
    "log softmax": one("LogSoftmax", "a", axis=1),
    "log softmax of columns": one("LogSoftmax", "a", axis=3),
    "einsum with a constant": one("Einsum", "a", "mixing", equation="nchw,cd->nhwd"),
    "einsum of activations": one("Einsum", "a", "b", equation="nchw,nchv->nhwv"),
    "einsum element by element": [node("ReduceMean", ["b"], ["g"], axes=[2, 3], keepdims=0),
                                  node("Einsum", ["a", "g"], ["y"], equation="nchw,nc->nhwc")],
    "transposed convolution": one("ConvTranspose", "a", "grown", strides=[2, 2], pads=[1, 0, 1, 0]),
    "depth to space": one("DepthToSpace", "a", blocksize=2),
    "group norm as PyTorch writes it": [
        node("Reshape", ["a", "grouped"], ["g"]), node("InstanceNormalization", ["g", "ones2", "zeros2"], ["n"]),
        node("Reshape", ["n", "image"], ["y"])],
    "average pool": one("AveragePool", "a", kernel_shape=[2, 2]),
    "max pool": one("MaxPool", "a", kernel_shape=[3, 2]),
}  # fmt: skip
"""Operators of the integer dialect in ONNX's words."""
NEAR = 0.04
"""Largest error of a logit, as a share of their range."""


def model_of(nodes: Nodes, path: Path) -> Path:
    """Write the model of one entry of OPERATORS."""
    rng = np.random.default_rng(0)
    arrays = {f"w_{side}": rng.normal(0, 0.5, (CHANNELS, 1, 3, 3)).astype(np.float32) for side in "ab"}
    convolutions = [node("Conv", ["x", f"w_{side}"], [side], pads=[1, 1, 1, 1]) for side in "ab"]
    ends = [node("Flatten", ["y"], ["flat"]), node("MatMul", ["flat", "dense"], ["logits"])]
    value = helper.make_tensor_value_info
    inputs = [value("x", TensorProto.FLOAT, [1, 1, HEIGHT, WIDTH])]
    partial = helper.make_graph(
        [*convolutions, *nodes, ends[0]], "m", inputs, [value("flat", TensorProto.FLOAT, [1, None])],
        [numpy_helper.from_array(array, name) for name, array in {**arrays, **CONSTANTS}.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17)]
    session = ort.InferenceSession(helper.make_model(partial, opset_imports=opsets, ir_version=8).SerializeToString())
    width = session.run(None, {"x": clips(1).transpose(0, 3, 1, 2)})[0].shape[1]
    arrays["dense"] = rng.normal(0, width**-0.5, (width, 5)).astype(np.float32)
    used = {name for item in (*convolutions, *nodes, *ends) for name in item.input}
    kept = {name: array for name, array in {**arrays, **CONSTANTS}.items() if name in used}
    graph = helper.make_graph(
        [*convolutions, *nodes, *ends], "m", inputs, [value("logits", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(array, name) for name, array in kept.items()],
    )  # fmt: skip
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return path


def clips(count: int) -> np.ndarray:
    """float32 [N, H, W, 1]."""
    return np.random.default_rng(1).normal(0, 1, (count, HEIGHT, WIDTH, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Graph, Graph]]:
    """Name of an operator to its file, its float and its integer graph."""
    folder = tmp_path_factory.mktemp("operators")

    @cache
    def made(name: str) -> tuple[Path, Graph, Graph]:
        path = model_of(OPERATORS[name], folder / f"{name.replace(' ', '_')}.onnx")
        graph = lower(load_graph(path))
        return path, graph, quantize_graph(graph, clips(64), PtqOptions(observer="minmax"))

    return made


@pytest.mark.parametrize("name", OPERATORS)
def test_an_onnx_model_with_it_becomes_integer_as_a_whole(name: str, quantized, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path, graph, integer = quantized(name)
    session = ort.InferenceSession(path)
    expected = [session.run(None, {"x": clip.transpose(2, 0, 1)[None]})[0][0] for clip in clips(4)]
    np.testing.assert_allclose(run_float(graph, clips(4)), expected, atol=1e-4)
    assert {tensor.dtype for tensor in integer.tensors.values()} <= {"int8", "int16", "int32", "int64"}
    difference = compare(graph, integer, clips(64))
    assert difference.max_error <= NEAR * difference.output_range


@pytest.mark.parametrize("name", OPERATORS)
def test_its_tflite_gives_tflm_s_bytes_and_is_read_back(name: str, quantized, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, _, integer = quantized(name)
    fed = quantize_features(clips(10), *integer.tensor(integer.inputs[0]).scale_zero())
    ours = run_integer(integer, fed)
    np.testing.assert_array_equal(tflm_outputs(tflite_bytes(integer), fed), ours)
    write_tflite(integer, tmp_path / "m.tflite")
    np.testing.assert_array_equal(run_integer(lower(read_tflite(tmp_path / "m.tflite")), fed), ours)


def test_the_c_of_all_of_them_gives_the_bytes(quantized, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    graphs = [quantized(name)[2] for name in OPERATORS]
    fed = [quantize_features(clips(5), *graph.tensor(graph.inputs[0]).scale_zero()) for graph in graphs]
    sources = [generate(graph, None, find_target("cpu"), f"m{i}") for i, graph in enumerate(graphs)]
    answers = run_on_host(sources, fed, tmp_path)
    for name, graph, own, answer in zip(OPERATORS, graphs, fed, answers, strict=True):
        assert answer.outputs is not None, f"{name}: {answer.trouble}"
        np.testing.assert_array_equal(answer.outputs, run_integer(graph, own), name)
