"""QDQ ONNX from integer graphs, run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from edge_graphs import Builder
from edge_ops import IMAGE_OPS, OPS
from int8_oracles import random_int8

from edgekit.core.errors import UnsupportedOpError
from edgekit.export.qdq_writer import qdq_model, write_qdq_onnx
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.tensor import Tensor

CLIPS = 400


def classifier(seed: int) -> Graph:
    """Residual convolutional classifier with every weighted operator."""
    builder = Builder(np.random.default_rng(seed), (1, 13, 10, 1), zero_point=-20)
    builder.conv2d(8, (3, 3), stride=(2, 1), pad=((1, 1), (1, 1)), activation="relu")
    builder.depthwise_conv2d(2, (3, 3), activation="relu6")
    builder.conv2d(8, (1, 1))
    left = builder.x
    builder.depthwise_conv2d(1, (3, 3), dilation=(2, 1))
    total = builder.activation("sum", left.dims, scale=left.scale_zero()[0] * 2)
    builder.append("add", (left.name, builder.x.name), total, {"activation": "relu"})
    builder.pool2d("avg_pool2d", (2, 2), stride=(2, 2))
    builder.pool2d("max_pool2d", (2, 2), pad="SAME")
    builder.append("reshape", (builder.x.name,), builder.same("flat", (1, builder.x.elements)))
    builder.fully_connected(10, per_channel=False)
    return builder.graph(metadata={"edgekit.labels": '["a", "b"]', "edgekit.frontend_digest": "sha256:0"})


@pytest.mark.parametrize("seed", range(4))
def test_labels_equal_the_integer_interpreters(seed: int) -> None:
    graph = classifier(seed)
    clips = random_int8(np.random.default_rng(seed), (CLIPS, 13, 10, 1))
    expected, actual = run_integer(graph, clips), onnxruntime_int8(graph, clips)
    assert np.abs(expected.astype(int) - actual).max() <= 1
    assert np.mean(expected.argmax(1) == actual.argmax(1)) >= 0.99


def _mean_keep(builder: Builder) -> None:
    output = builder.activation("y", (1, 1, 1, 5), scale=builder.x.scale_zero()[0] * 0.93)
    builder.append("mean", ("input",), output, {"axes": (1, 2), "keep_dims": True})


def _mean_rows(builder: Builder) -> None:
    output = builder.activation("y", (1, 4, 5), scale=builder.x.scale_zero()[0] * 0.93)
    builder.append("mean", ("input",), output, {"axes": (1,), "keep_dims": False})


def _mean_channels(builder: Builder) -> None:
    output = builder.activation("y", (1, 6, 4), scale=builder.x.scale_zero()[0] * 0.93)
    builder.append("mean", ("input",), output, {"axes": (3,), "keep_dims": False})


def _add_channels(builder: Builder) -> None:
    values = random_int8(builder.rng, (5,))
    constant = builder.keep(Tensor("constant", (5,), "int8", builder.x.quant, values))
    output = builder.activation("y", (1, 6, 4, 5), scale=builder.x.scale_zero()[0] * 1.93)
    builder.append("add", ("input", constant.name), output, {"activation": "none"})


def _pad(builder: Builder) -> None:
    builder.append("pad", ("input",), builder.same("y", (1, 9, 4, 6)), {"pads": ((0, 0), (1, 2), (0, 0), (0, 1))})


def _softmax(builder: Builder) -> None:
    output = builder.activation("y", (1, 6, 4, 5), scale=1 / 256, zero_point=-128)
    builder.append("softmax", ("input",), output, {"beta": 0.5})


def _relu_requantized(builder: Builder) -> None:
    output = builder.activation("y", (1, 6, 4, 5), scale=builder.x.scale_zero()[0] / 2, zero_point=-128)
    builder.append("relu", ("input",), output)


def _dense_over_channels(builder: Builder) -> None:
    builder.fully_connected(3, keep_dims=True)


def _requantize(builder: Builder) -> None:
    builder.append("quantize", ("input",), builder.activation("y", (1, 6, 4, 5)))


FORMS = (
    _mean_keep, _mean_rows, _mean_channels, _add_channels, _pad, _softmax, _relu_requantized, _dense_over_channels,
    _requantize,
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__.strip("_"))
def test_operator_form_is_within_one_step(form) -> None:  # type: ignore[no-untyped-def]
    builder = Builder(np.random.default_rng(1), (1, 6, 4, 5))
    form(builder)
    graph = builder.graph()
    clips = random_int8(np.random.default_rng(2), (50, 6, 4, 5))
    difference = np.abs(run_integer(graph, clips).astype(int) - onnxruntime_int8(graph, clips))
    assert difference.max() <= 1
    assert np.mean(difference == 0) > 0.75  # TFLite rounds twice, ONNX Runtime once


@pytest.mark.parametrize("op", IMAGE_OPS)
def test_operator_is_within_one_step(op: str) -> None:
    for seed in range(4):
        graph = OPS[op](np.random.default_rng(seed)).graph()
        dims = graph.tensor("input").dims
        clips = random_int8(np.random.default_rng(seed), (20, *(dims[1:] if dims[0] == 1 else dims)))
        difference = run_integer(graph, clips).astype(int).ravel() - onnxruntime_int8(graph, clips).ravel()
        # TFLite resizes by steps of 1/1024 of an element, ONNX Runtime by float32 ones.
        assert np.abs(difference).max() <= (4 if op == "resize_bilinear" else 1)
        assert np.mean(difference == 0) > 0.7  # TFLite rounds twice, ONNX Runtime once


def test_file_passes_the_checker_and_carries_the_metadata(tmp_path: Path) -> None:
    graph = classifier(0)
    write_qdq_onnx(graph, tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {entry.key: entry.value for entry in model.metadata_props} == dict(graph.metadata)
    assert model.opset_import[0].version >= 13
    assert [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim] == [1, 1, 13, 10]


def test_reading_the_file_back_gives_the_same_integer_model(tmp_path: Path) -> None:
    graph = classifier(0)
    write_qdq_onnx(graph, tmp_path / "model.onnx")
    again = lower(load_graph(tmp_path / "model.onnx"))
    clips = random_int8(np.random.default_rng(0), (100, 13, 10, 1))
    np.testing.assert_array_equal(run_integer(again, clips), run_integer(graph, clips))


def test_the_same_graph_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_qdq_onnx(classifier(1), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_float_graph_is_refused_and_nothing_written(tmp_path: Path) -> None:
    graph = classifier(0)
    bias = next(name for name in graph.tensors if name.startswith("bias"))
    damaged = graph.replace(tensors={**graph.tensors, bias: graph.tensor(bias).replace(dtype="float32")})
    with pytest.raises(UnsupportedOpError, match="quantize the model first"):
        write_qdq_onnx(damaged, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def onnxruntime_int8(graph: Graph, clips: np.ndarray) -> np.ndarray:
    """int8 outputs [N, …] in the graph's order of the QDQ model run by ONNX Runtime on int8 ``clips``."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(qdq_model(graph).SerializeToString(), providers=["CPUExecutionProvider"])
    (scale_in, zero_in), (scale, zero) = (graph.tensor(n).scale_zero() for n in (graph.inputs[0], graph.outputs[0]))
    real = ((clips.astype(np.float32) - zero_in) * np.float32(scale_in)).transpose(0, 3, 1, 2)
    name = session.get_inputs()[0].name
    outputs = np.concatenate([session.run(None, {name: clip[None]})[0] for clip in real])
    outputs = outputs.transpose(0, 2, 3, 1) if outputs.ndim == 4 else outputs
    return np.rint(outputs / np.float32(scale)).astype(int) + zero
