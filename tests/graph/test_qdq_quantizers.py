"""QDQ models as NNCF, ONNX Runtime and torchao write them, against ONNX Runtime: at most a step apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.common_step import common_steps
from edgekit.graph.passes.lower import lower, lower_unrounded
from edgekit.graph.readers.load import load_graph
from edgekit.graph.rounding import with_rounding

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

SHAPE = (1, 2, 8, 6)


class Qdq:
    """An ONNX graph with quantizers in it."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def constant(self, name: str, value: object, dtype: type = np.float32) -> str:
        self.constants[name] = np.asarray(value, dtype)
        return name

    def op(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def quantized(
        self, name: str, scale: object, zero: object, dtype: type = np.uint8, label: str = "", axis: int = 1
    ) -> str:
        key = f"{name}{label}"
        parameters = [self.constant(f"{key}_s", scale), self.constant(f"{key}_z", zero, dtype)]
        attributes = {"axis": axis} if np.ndim(scale) else {}
        self.op("QuantizeLinear", [name, *parameters], f"{key}_q", **attributes)
        return self.op("DequantizeLinear", [f"{key}_q", *parameters], f"{key}_dq", **attributes)

    def weights(self, name: str, shape: tuple[int, ...]) -> str:
        """int8 weights with a scale a channel."""
        self.constant(f"{name}_i", self.rng.integers(-127, 128, shape), np.int8)
        self.constant(f"{name}_s", self.rng.uniform(0.002, 0.006, shape[0]))
        self.constant(f"{name}_z", np.zeros(shape[0]), np.int8)
        return self.op("DequantizeLinear", [f"{name}_i", f"{name}_s", f"{name}_z"], name, axis=0)

    def model(self, output: str, tmp_path: Any) -> Any:
        graph = helper.make_graph(
            self.nodes,
            "qdq",
            [helper.make_tensor_value_info("x", 1, SHAPE)],
            [helper.make_tensor_value_info(output, 1, None)],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        path = tmp_path / "qdq.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        return path


def compared(
    path: Any, clips: int = 60, wide: bool = False, rounding: str = "twice"
) -> tuple[Graph, np.ndarray, np.ndarray]:
    """The integer graph, its outputs, and those of ONNX Runtime without its own fusions, channels last.

    ``wide``: parts of it may be int16. ``rounding``: of the integer graph.
    """
    x = np.random.default_rng(1).normal(0, 1, (clips, *SHAPE[1:])).astype(np.float32)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(str(path), options)
    expected = np.concatenate([session.run(None, {"x": clip[None]})[0] for clip in x])
    graph = lower(with_rounding(load_graph(path), rounding))
    assert {tensor.dtype for tensor in graph.tensors.values()} <= {
        "int8",
        "int32",
        *(("int16", "int64") if wide else ()),
    }
    scale, zero_point = graph.tensor(graph.inputs[0]).scale_zero()
    steps = np.clip(np.rint(np.moveaxis(x, 1, -1) / scale) + zero_point, -128, 127).astype(np.int8)
    scale, zero_point = graph.tensor(graph.outputs[0]).scale_zero()
    actual = (run_integer(graph, steps).astype(np.float64) - zero_point) * scale
    return graph, actual, np.moveaxis(expected, 1, -1) if expected.ndim == 4 else expected


def stem(build: Qdq, channels: int = 4, norm: bool = False) -> str:
    """Quantized input, convolution, perhaps a norm, ReLU."""
    x = build.quantized("x", 0.03, 128)
    y = build.op("Conv", [x, build.weights("w", (channels, 2, 3, 3))], "conv", pads=[1, 1, 1, 1])
    if norm:
        for name, low, high in (("gamma", 0.3, 2), ("beta", -1, 1), ("mean", -1, 1), ("var", 0.5, 2)):
            build.constant(name, build.rng.uniform(low, high, channels))
        y = build.op("BatchNormalization", [y, "gamma", "beta", "mean", "var"], "bn")
    return build.op("Relu", [y], "relu")


def test_norm_behind_stored_integers_is_folded_into_their_scales(tmp_path: Any) -> None:
    build = Qdq()
    output = build.quantized(stem(build, norm=True), 0.02, 0)
    graph, actual, expected = compared(build.model(output, tmp_path))
    stored = np.moveaxis(np.asarray(graph.tensor(graph.nodes[0].inputs[1]).data, np.int64), -1, 1)
    np.testing.assert_array_equal(np.abs(stored), np.abs(build.constants["w_i"].astype(np.int64)))
    assert np.abs(actual - expected).max() <= 0.02 * 1.001
    assert np.mean(np.abs(actual - expected) > 0.01) < 0.01


def test_scales_of_each_channel_in_front_of_a_depthwise_layer_keep_every_integer(tmp_path: Any) -> None:
    build = Qdq()
    relu = stem(build)
    scales = [0.004, 0.02, 0.011, 0.03]
    y = build.quantized(relu, scales, [0, 0, 0, 0])
    y = build.op("Conv", [y, build.weights("d", (4, 1, 3, 3))], "depth", group=4, pads=[1, 1, 1, 1])
    output = build.quantized(y, 0.05, 120)
    graph, actual, expected = compared(build.model(output, tmp_path))
    for node, name in zip(graph.nodes, ("w", "d"), strict=True):
        stored = np.asarray(graph.tensor(node.inputs[1]).data, np.int64)
        order = (0, 3, 1, 2) if node.op == "conv2d" else (3, 0, 1, 2)
        np.testing.assert_array_equal(stored.transpose(order), build.constants[f"{name}_i"])
    assert np.abs(actual - expected).max() <= 0.05 * 1.001
    assert np.mean(np.abs(actual - expected) > 0.02) < 0.02


def test_scales_of_each_channel_elsewhere_become_one_that_holds_them_all(tmp_path: Any) -> None:
    build = Qdq()
    y = build.quantized(stem(build), [0.03, 0.06, 0.045, 0.09], [0, 0, 0, 0])
    y = build.op("Conv", [y, build.weights("p", (3, 4, 1, 1))], "point")
    graph, actual, expected = compared(build.model(build.quantized(y, 0.04, 128), tmp_path))
    middle = graph.tensor(graph.nodes[0].outputs[0])
    assert middle.scale_zero() == (pytest.approx(0.09), -128)
    reach = np.abs(build.constants["p_i"] * build.constants["p_s"][:, None, None, None]).sum(axis=1).max()
    assert np.abs(actual - expected).max() <= 0.045 * reach + 0.04


def test_an_output_left_in_float_gets_the_range_that_it_can_reach(tmp_path: Any) -> None:
    build = Qdq()
    y = build.op("GlobalAveragePool", [build.quantized(stem(build), 0.02, 0)], "pool")
    y = build.op("Flatten", [build.quantized(y, 0.008, 0)], "flat")
    output = build.op("Gemm", [y, build.weights("g", (5, 4))], "logits", transB=1)
    graph, actual, expected = compared(build.model(output, tmp_path))
    scale, zero_point = graph.tensor("logits").scale_zero()
    reach = 255 * 0.008 * np.abs(build.constants["g_i"] * build.constants["g_s"][:, None]).sum(axis=1).max()
    assert (127 - zero_point) * scale <= reach and (-128 - zero_point) * scale >= -reach
    assert (127 - zero_point) * scale >= expected.max() and (-128 - zero_point) * scale <= expected.min()
    assert np.abs(actual - expected).max() <= 1.5 * scale + 0.008


def test_clips_give_an_output_left_in_float_a_finer_range(tmp_path: Any) -> None:
    build = Qdq()
    y = build.op("GlobalAveragePool", [build.quantized(stem(build), 0.02, 0)], "pool")
    y = build.op("Flatten", [build.quantized(y, 0.008, 0)], "flat")
    path = build.model(build.op("Gemm", [y, build.weights("g", (5, 4))], "logits", transB=1), tmp_path)
    clips = np.random.default_rng(2).normal(0, 1, (30, 8, 6, 2)).astype(np.float32)
    scales = [lower(load_graph(path), given).tensor("logits").scale_zero()[0] for given in (None, clips)]
    assert scales[1] < 0.8 * scales[0]


def test_a_tensor_quantized_in_two_ways_is_rescaled_for_the_second(tmp_path: Any) -> None:
    build = Qdq()
    relu = stem(build)
    left = build.op("Conv", [build.quantized(relu, 0.02, 0), build.weights("p", (4, 4, 1, 1))], "point")
    right = build.quantized(relu, 0.035, 10, label="_again")
    y = build.op("Add", [build.quantized(left, 0.05, 128), right], "sum")
    graph, actual, expected = compared(build.model(build.quantized(y, 0.06, 128), tmp_path))
    assert [node.op for node in graph.nodes].count("quantize") == 1
    assert graph.tensor(graph.nodes[0].outputs[0]).scale_zero() == (pytest.approx(0.035), -118)  # clips less
    reach = np.abs(build.constants["p_i"] * build.constants["p_s"][:, None, None, None]).sum(axis=1).max()
    assert np.abs(actual - expected).max() <= 0.0175 * reach + 0.05 + 0.06


def test_asymmetric_weights_are_refused(tmp_path: Any) -> None:
    from edgekit.core.errors import UnsupportedOpError

    build = Qdq()
    relu = stem(build)
    build.constants["w_z"] += np.int8(3)
    with pytest.raises(UnsupportedOpError, match="float weights in a QDQ model"):
        lower(load_graph(build.model(build.quantized(relu, 0.02, 0), tmp_path)))


def test_steps_of_scaled_integers_are_found_again() -> None:
    rng = np.random.default_rng(0)
    integers = rng.integers(-127, 128, (6, 20))
    integers[:, 0] = 127
    scales = rng.uniform(1e-4, 3, 6)
    found = common_steps((integers * scales[:, None]).astype(np.float32).astype(np.float64), 0)
    np.testing.assert_allclose(found, scales, rtol=1e-5)


def test_weights_that_were_never_integers_have_no_step() -> None:
    assert common_steps(np.random.default_rng(0).normal(0, 1, (4, 30)), 0) is None


def test_what_the_file_does_not_round_inside_a_norm_is_not_rounded_to_eight_bits(tmp_path: Any) -> None:
    build = Qdq()
    x = build.quantized(stem(build), 0.02, 0)
    norm = build.op("ReduceL2", [x], "norm", axes=[2, 3], keepdims=1)
    mean = build.op("ReduceMean", [norm], "mean", axes=[1], keepdims=1)
    share = build.op("Div", [norm, build.op("Add", [mean, build.constant("eps", 1e-6)], "above")], "share")
    output = build.quantized(build.op("Mul", [x, share], "scaled"), 0.03, 0)
    graph, actual, expected = compared(build.model(output, tmp_path), wide=True)
    inner = [graph.tensor(node.outputs[0]).dtype for node in graph.nodes if node.op in ("mean", "rsqrt")]
    assert inner == ["int16"] * 4
    assert np.abs(actual - expected).max() <= 0.03 * 1.001
    assert np.mean(np.abs(actual - expected) > 0.015) < 0.03  # int8 inside: over a quarter, by up to twelve steps


def test_a_mean_pool_with_finer_steps_behind_it_keeps_them(tmp_path: Any) -> None:
    build = Qdq()
    x = build.quantized(stem(build), 0.02, 0)
    pool = build.op("AveragePool", [x], "pool", kernel_shape=[2, 3], strides=[2, 3])
    graph, actual, expected = compared(build.model(build.quantized(pool, 0.009, 0), tmp_path), wide=True)
    assert graph.tensor(graph.outputs[0]).scale_zero()[0] == pytest.approx(0.009)
    assert np.abs(actual - expected).max() <= 0.009 * 1.001
    assert np.mean(np.abs(actual - expected) > 0.0045) < 0.03


def test_what_the_file_rounds_within_a_norm_is_rounded(tmp_path: Any) -> None:
    build = Qdq()
    x = build.quantized(stem(build), 0.02, 0)
    norm = build.op("ReduceL2", [x], "norm", axes=[2, 3], keepdims=1)
    share = build.op("Div", [build.quantized(norm, 0.4, 0), build.op("Sqrt", [norm], "root")], "share")
    graph, actual, expected = compared(build.model(build.quantized(share, 0.02, 0), tmp_path), wide=True)
    assert [node.op for node in graph.nodes].count("quantize") >= 3
    # A step of the norm is some ten of the output: without its rounding most are off.
    assert np.mean(np.abs(actual - expected) > 0.01) < 0.2


def test_what_is_read_before_it_is_rounded_is_not_rounded_there(tmp_path: Any) -> None:
    build = Qdq()
    relu = stem(build)
    mean = build.op("ReduceMean", [relu], "mean", axes=[2, 3], keepdims=1)
    product = build.op("Mul", [build.quantized(relu, 0.3, 0), build.quantized(mean, 0.002, 0)], "product")
    graph, actual, expected = compared(build.model(build.quantized(product, 0.02, 0), tmp_path), wide=True)
    assert graph.tensor(graph.nodes[0].outputs[0]).dtype == "int16"
    assert np.abs(actual - expected).max() <= 0.3 * 0.002 * 255 * 1.1
    assert np.mean(np.abs(actual - expected) > 0.01) < 0.05


def _norm_model(tmp_path: Any, zero: int = 0) -> Any:
    build = Qdq()
    x = build.quantized(stem(build), 0.02, zero)
    norm = build.op("ReduceL2", [x], "norm", axes=[2, 3], keepdims=1)
    mean = build.op("ReduceMean", [norm], "mean", axes=[1], keepdims=1)
    share = build.op("Div", [norm, build.op("Add", [mean, build.constant("eps", 1e-6)], "above")], "share")
    return build.model(build.quantized(build.op("Mul", [x, share], "scaled"), 0.03, 0), tmp_path)


def test_rounded_once_a_norm_is_nearer_to_its_runtime(tmp_path: Any) -> None:
    path = _norm_model(tmp_path)
    off = {}
    for rounding in ("twice", "once"):
        _, actual, expected = compared(path, 200, wide=True, rounding=rounding)
        off[rounding] = float(np.mean(np.abs(actual - expected) > 0.015))
    assert off["once"] < 0.8 * off["twice"] and off["once"] < 0.01


def test_rounded_once_squares_of_int8_are_whole_numbers(tmp_path: Any) -> None:
    graph, _, _ = compared(_norm_model(tmp_path, zero=128), wide=True, rounding="once")
    squares = [node for node in graph.nodes if node.op == "mul" and len(set(node.inputs)) == 1]
    source = next(node for node in graph.nodes if node.outputs[0] == squares[0].inputs[0])
    scale = graph.tensor(source.inputs[0]).scale_zero()[0]
    assert graph.tensor(squares[0].outputs[0]).scale_zero()[0] == pytest.approx(scale**2, rel=1e-6)


def test_rounded_once_int16_steps_nest_in_those_of_int8(tmp_path: Any) -> None:
    build = Qdq()
    relu = stem(build)
    mean = build.op("ReduceMean", [relu], "mean", axes=[2, 3], keepdims=1)
    product = build.op("Mul", [build.quantized(relu, 0.3, 0), build.quantized(mean, 0.002, 0)], "product")
    path = build.model(build.quantized(product, 0.02, 0), tmp_path)
    graph, actual, expected = compared(path, wide=True, rounding="once")
    borders = [
        tuple(graph.tensor(name).scale_zero()[0] for name in (*node.outputs, *node.inputs))
        for node in graph.nodes
        if node.op == "quantize" and graph.tensor(node.outputs[0]).dtype == "int8"
    ]
    assert len(borders) >= 2
    for narrow, wide in borders:
        assert round(narrow / wide) % 2 == 1 and narrow / wide == pytest.approx(round(narrow / wide), rel=1e-5)
    assert np.mean(np.abs(actual - expected) > 0.01) < 0.01


def test_a_relu_that_the_quantizer_dropped_stays_in_the_float_graph(tmp_path: Any) -> None:
    build = Qdq()
    x = build.quantized("x", 0.03, 128)
    conv = build.op("Conv", [x, build.weights("w", (4, 2, 3, 3))], "conv", pads=[1, 1, 1, 1])
    scaled = build.op("Mul", [build.quantized(conv, 0.02, 0), build.constant("two", 2.0)], "scaled")
    path = build.model(build.quantized(scaled, 0.04, 0), tmp_path)
    _, _, expected = compared(path)
    clips = np.random.default_rng(1).normal(0, 1, (60, *SHAPE[1:])).astype(np.float32)
    real = run_float(lower_unrounded(load_graph(path)), np.moveaxis(clips, 1, -1))
    assert real.min() >= 0.0 and expected.max() > 3.0
    inside = expected < 0.04 * 254  # what the range cuts off above is not kept
    assert np.abs(real - expected)[inside].max() < 0.25
