"""Post-training quantization: what every integer graph must satisfy, errors against float, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from float_networks import FloatBuilder, clips, residual_classifier
from int8_oracles import tflm_outputs

from edgekit.core.errors import BadConfigError, DataError, UnsupportedOpError
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.quantize.compare import compare
from edgekit.quantize.ptq import PtqOptions, quantize_graph

OBSERVERS = ("minmax", "percentile", "mse")


def quantized(graph: Graph, **options: object) -> Graph:
    return quantize_graph(graph, clips(), PtqOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("observer", OBSERVERS)
@pytest.mark.parametrize("bias_correction", [False, True])
def test_integer_outputs_stay_near_the_float_ones(observer: str, bias_correction: bool) -> None:
    graph = residual_classifier()
    integer = quantized(graph, observer=observer, bias_correction=bias_correction)
    difference = compare(graph, integer, clips(100, seed=1))
    assert difference.rms_error < 0.015 * difference.output_range
    assert difference.label_agreement >= 0.95


def test_every_tensor_is_integer() -> None:
    graph = quantized(residual_classifier())
    assert {tensor.dtype for tensor in graph.tensors.values()} == {"int8", "int32"}


def test_weights_follow_the_tflite_specification() -> None:
    graph = quantized(residual_classifier())
    for node in graph.nodes:
        if node.op not in ("conv2d", "depthwise_conv2d", "fully_connected"):
            continue
        weights, bias = graph.tensor(node.inputs[1]), graph.tensor(node.inputs[2])
        assert weights.quant is not None and bias.quant is not None and weights.data is not None
        assert weights.quant.axis == {"conv2d": 0, "depthwise_conv2d": 3, "fully_connected": None}[node.op]
        assert not np.any(weights.quant.zero_point)
        assert weights.data.min() >= -127
        product = np.float32(graph.tensor(node.inputs[0]).scale_zero()[0]) * weights.quant.scale
        np.testing.assert_array_equal(bias.quant.scale, product)


def test_dense_weights_per_channel_on_request() -> None:
    graph = quantized(residual_classifier(), per_channel_dense=True)
    dense = next(node for node in graph.nodes if node.op == "fully_connected")
    quant = graph.tensor(dense.inputs[1]).quant
    assert quant is not None and quant.axis == 0 and quant.scale.size == 10
    x = np.random.default_rng(0).integers(-128, 128, (20, 16, 10, 1), dtype=np.int8)
    np.testing.assert_array_equal(run_integer(graph, x), tflm_outputs(tflite_bytes(graph), x))


def test_operators_that_move_values_share_one_scale() -> None:
    graph = quantized(residual_classifier())
    moving = [node for node in graph.nodes if node.op in ("pad", "max_pool2d", "avg_pool2d", "reshape")]
    assert len(moving) == 4
    for node in moving:
        assert graph.tensor(node.inputs[0]).scale_zero() == graph.tensor(node.outputs[0]).scale_zero()


def test_softmax_output_has_the_kernels_scale() -> None:
    graph = quantized(residual_classifier(softmax=True))
    assert graph.tensor(graph.outputs[0]).scale_zero() == (1 / 256, -128)


def test_relu6_shares_its_scale_so_that_tflm_is_right() -> None:
    build = FloatBuilder(0)
    build.conv(4, activation="none")
    build.add_node("relu6", (16, 10, 4))
    graph = build.graph()
    integer = quantized(graph)
    assert compare(graph, integer, clips(50)).rms_error < 0.05
    x = np.random.default_rng(0).integers(-128, 128, (20, 16, 10, 1), dtype=np.int8)
    np.testing.assert_array_equal(run_integer(integer, x), tflm_outputs(tflite_bytes(integer), x))


def test_constant_addend_is_quantized() -> None:
    build = FloatBuilder(0)
    build.conv(4)
    build.add_node("add", (16, 10, 4), (build.last, build.constant((4,), 2.0)), activation="none")
    graph = build.graph()
    difference = compare(graph, quantized(graph), clips(50))
    assert difference.rms_error < 0.01 * difference.output_range


def test_large_bias_widens_the_weight_scale_instead_of_overflowing() -> None:
    build = FloatBuilder(0)
    build.conv(4, activation="none")
    weights, bias = build.nodes[0].inputs[1:]
    tiny = build.tensors[weights].data * 1e-9  # type: ignore[operator]
    build.tensors[weights] = build.tensors[weights].replace(data=tiny.astype(np.float32))
    build.tensors[bias] = build.tensors[bias].replace(data=np.float32([50, -50, 3, 0]))
    graph = build.graph()
    difference = compare(graph, quantized(graph), clips(20))
    assert difference.max_error < 0.01 * difference.output_range


def test_bias_correction_removes_the_mean_error_of_rounded_weights() -> None:
    graph = residual_classifier(3)
    errors = {}
    for correct in (False, True):
        integer = quantized(graph, observer="minmax", bias_correction=correct)
        x = clips(200)
        scale, zero_point = integer.tensor(integer.inputs[0]).scale_zero()
        steps = np.clip(np.floor(x / scale + 0.5) + zero_point, -128, 127).astype(np.int8)
        out_scale, out_zero = integer.tensor(integer.outputs[0]).scale_zero()
        outputs = (run_integer(integer, steps).astype(np.float64) - out_zero) * out_scale
        errors[correct] = np.abs((outputs - _float_outputs(graph, x)).mean(axis=0)).mean()
    assert errors[True] < errors[False]


def _float_outputs(graph: Graph, x: np.ndarray) -> np.ndarray:
    """The classifier in torch."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional

    def constant(name: str) -> object:
        return torch.from_numpy(np.asarray(graph.tensor(name).data))

    def conv(node, value, depthwise: bool = False):  # type: ignore[no-untyped-def]
        weights, bias = constant(node.inputs[1]), constant(node.inputs[2])
        order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
        groups = weights.shape[3] if depthwise else 1  # type: ignore[attr-defined]
        padding = node.attrs["pad"][0][0]
        return functional.conv2d(value, weights.permute(*order), bias, padding=padding, groups=groups)  # type: ignore[attr-defined]

    first, second, third, *_, dense = (n for n in graph.nodes if len(n.inputs) == 3)
    left = functional.relu(conv(first, torch.from_numpy(x).permute(0, 3, 1, 2)))
    total = functional.relu(left + conv(third, functional.relu(conv(second, left, depthwise=True))))
    pooled = functional.avg_pool2d(functional.max_pool2d(functional.pad(total, (0, 0, 1, 1)), 2), 2)
    flat = pooled.permute(0, 2, 3, 1).reshape(len(x), -1)
    return functional.linear(flat, constant(dense.inputs[1]), constant(dense.inputs[2])).numpy()


def test_metadata_and_names_are_kept() -> None:
    graph = residual_classifier(metadata={"edgekit.labels": "[]"})
    integer = quantized(graph)
    assert integer.metadata == graph.metadata
    assert [node.name for node in integer.nodes] == [node.name for node in graph.nodes]


def test_quantization_is_deterministic() -> None:
    assert tflite_bytes(quantized(residual_classifier())) == tflite_bytes(quantized(residual_classifier()))


@pytest.mark.parametrize(
    "bad, message",
    [
        (clips()[:0], "no calibration clips"),
        (clips()[:, :5], "the model needs"),
        (np.where(np.arange(200)[:, None, None, None] == 3, np.nan, clips()), "1 of 200 calibration clips hold NaN"),
        (np.full((20, 16, 10, 1), -13.8, np.float32), "silence"),
    ],
)
def test_bad_calibration_is_refused(bad: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        quantize_graph(residual_classifier(), bad)


def test_quantized_model_is_not_quantized_again() -> None:
    with pytest.raises(UnsupportedOpError, match="quantized already"):
        quantized(quantized(residual_classifier()))


def test_unknown_observer_is_refused() -> None:
    with pytest.raises(BadConfigError, match="use one of minmax, percentile, mse"):
        quantized(residual_classifier(), observer="median")


def test_weights_that_are_not_finite_are_refused() -> None:
    graph = residual_classifier()
    name = graph.nodes[-1].inputs[1]
    broken = np.array(graph.tensor(name).data)
    broken[0, 0] = np.nan
    damaged = graph.replace(tensors={**graph.tensors, name: graph.tensor(name).replace(data=broken)})
    with pytest.raises(DataError, match="NaN"):
        quantized(damaged)
