"""TFLite files from edge graphs: read back, run by LiteRT and TFLM, deterministic, atomic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tflite
from edge_graphs import Builder, quant
from edge_ops import IMAGE_OPS, OPS
from int8_oracles import litert_outputs, random_int8, tflm_outputs

from edgekit.core.errors import UnsupportedOpError
from edgekit.export.tflite_writer import tflite_bytes, write_tflite
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.passes.lower_tflite import lower_tflite
from edgekit.graph.readers.tflite_reader import read_tflite
from edgekit.graph.tensor import Quantization, Tensor

METADATA = {
    "edgekit.frontend": '{"kind":"logmel"}',
    "edgekit.frontend_digest": "sha256:00",
    "edgekit.labels": '["ja","nein","größer"]',
    "edgekit.model": '{"name":"ds-cnn"}',
    "note": "kept",
}


def every_op(seed: int) -> Graph:
    """Every operator whose padding TFLite can name."""
    builder = Builder(np.random.default_rng(seed), (1, 12, 9, 2), zero_point=-100)
    builder.append("pad", ("input",), builder.same("padded", (1, 13, 9, 2)), {"pads": ((0, 0), (1, 0), (0, 0), (0, 0))})
    builder.conv2d(6, (3, 2), stride=(2, 1), activation="relu6")
    builder.depthwise_conv2d(1, (3, 3), dilation=(1, 2), activation="relu")
    left = builder.x
    builder.append("relu", (left.name,), builder.activation("rectified", left.dims, zero_point=-128))
    builder.append("relu6", ("rectified",), builder.same("six", left.dims))
    total = builder.activation("total", left.dims, scale=left.scale_zero()[0] * 2)
    builder.append("add", (left.name, "six"), total, {"activation": "none"})
    builder.append("quantize", ("total",), builder.activation("finer", left.dims, scale=left.scale_zero()[0]))
    builder.pool2d("avg_pool2d", (3, 3), stride=(2, 2), pad="SAME", activation="relu")
    builder.pool2d("max_pool2d", (2, 1), pad="VALID")
    mean = builder.activation("mean", (1, *builder.x.dims[2:]), scale=builder.x.scale_zero()[0])
    builder.append("mean", (builder.x.name,), mean, {"axes": (1,), "keep_dims": False})
    builder.append("reshape", ("mean",), builder.same("flat", (1, mean.elements)))
    builder.fully_connected(5, per_channel=False, activation="none")
    output = builder.activation("softmax", (1, 5), scale=1 / 256, zero_point=-128)
    builder.append("softmax", (builder.x.name,), output, {"beta": 1.0})
    return builder.graph(metadata=METADATA)


def read_back(graph: Graph, folder: Path) -> Graph:
    write_tflite(graph, folder / "model.tflite")
    return lower(read_tflite(folder / "model.tflite"))


def test_round_trip_keeps_the_graph(tmp_path: Path) -> None:
    graph = every_op(0)
    write_tflite(graph, tmp_path / "model.tflite")
    again = lower_tflite(read_tflite(tmp_path / "model.tflite"))  # one to one, before pads are folded
    assert again.metadata == METADATA
    assert (again.inputs, again.outputs) == (graph.inputs, graph.outputs)
    for ours, theirs in zip(graph.nodes, again.nodes, strict=True):
        assert (ours.op, ours.inputs, ours.outputs) == (theirs.op, theirs.inputs, theirs.outputs)
        assert dict(ours.attrs) == dict(theirs.attrs)
    for name, tensor in again.tensors.items():
        assert_same_tensor(graph.tensor(name), tensor)


def assert_same_tensor(ours: Tensor, theirs: Tensor) -> None:
    assert (ours.shape, ours.dtype, ours.constant) == (theirs.shape, theirs.dtype, theirs.constant)
    if ours.data is not None:
        np.testing.assert_array_equal(ours.data, theirs.data)
    if ours.quant is not None:
        assert theirs.quant is not None
        assert ours.quant.axis == theirs.quant.axis
        np.testing.assert_array_equal(ours.quant.scale, theirs.quant.scale)
        np.testing.assert_array_equal(ours.quant.zero_point, theirs.quant.zero_point)


@pytest.mark.parametrize("oracle", [tflm_outputs, litert_outputs])
def test_every_op_runs_elsewhere_with_the_same_bytes(oracle) -> None:  # type: ignore[no-untyped-def]
    graph = every_op(1)
    dense = next(i for i, node in enumerate(graph.nodes) if node.op == "fully_connected")
    if oracle is litert_outputs:  # its fully connected kernel rounds otherwise (tests/graph/integer)
        graph = graph.rebuild(graph.nodes[:dense], outputs=graph.nodes[dense - 1].outputs)
    clips = random_int8(np.random.default_rng(2), (100, 12, 9, 2))
    np.testing.assert_array_equal(run_integer(graph, clips), oracle(tflite_bytes(graph), clips))


@pytest.mark.parametrize("op", IMAGE_OPS)
def test_operator_is_read_back_as_it_was(op: str, tmp_path: Path) -> None:
    for seed in range(5):
        graph = OPS[op](np.random.default_rng(seed)).graph()
        again = read_back(graph, tmp_path)
        dims = graph.tensor("input").dims
        clips = random_int8(np.random.default_rng(seed), (20, *(dims[1:] if dims[0] == 1 else dims)))
        np.testing.assert_array_equal(run_integer(again, clips), run_integer(graph, clips))
        assert again.nodes[-1].op == {"pointwise": "lookup"}.get(graph.nodes[-1].op, graph.nodes[-1].op)
        assert len(again.nodes) == len(graph.nodes)


def test_the_same_graph_gives_the_same_bytes() -> None:
    assert tflite_bytes(every_op(3)) == tflite_bytes(every_op(3))


def test_operator_versions_are_those_of_the_converter() -> None:
    model = tflite.Model.GetRootAs(tflite_bytes(every_op(0)), 0)
    names = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    assert {names[code.BuiltinCode()]: code.Version() for code in codes} == {
        "ADD": 2, "AVERAGE_POOL_2D": 2, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "MAX_POOL_2D": 2,
        "MEAN": 2, "PAD": 2, "QUANTIZE": 2, "RELU": 2, "RELU6": 2, "RESHAPE": 1, "SOFTMAX": 2,
    }  # fmt: skip
    assert model.Version() == 3


def test_padding_without_a_name_becomes_a_pad_operator(tmp_path: Path) -> None:
    builder = Builder(np.random.default_rng(0), (1, 8, 8, 2))
    builder.conv2d(3, (3, 3), stride=(2, 2), pad=((1, 1), (1, 1)))
    graph = builder.graph()
    again = read_back(graph, tmp_path)
    assert [node.op for node in read_tflite(tmp_path / "model.tflite").nodes] == ["PAD", "CONV_2D"]
    assert [node.op for node in again.nodes] == ["conv2d"]  # on a chip the convolution pads
    assert again.nodes[0].attrs["pad"] == ((1, 0), (1, 0))  # of 8 rows at stride 2, no window reaches a ninth
    clips = random_int8(np.random.default_rng(1), (50, 8, 8, 2))
    np.testing.assert_array_equal(run_integer(again, clips), run_integer(graph, clips))


@pytest.mark.parametrize("op", ["avg_pool2d", "max_pool2d"])
@pytest.mark.parametrize("size", [(8, 8), (9, 8), (8, 9), (9, 9), (10, 26)])
@pytest.mark.parametrize("stride", [(2, 2), (1, 2), (2, 1), (3, 2)])
def test_uncounted_pool_padding_is_kept_exactly(op: str, size: tuple[int, int], stride: tuple[int, int]) -> None:
    builder = Builder(np.random.default_rng(0), (1, *size, 3), zero_point=7)
    builder.pool2d(op, (3, 3), stride=stride, pad=((1, 1), (1, 1)))
    graph = builder.graph()
    clips = random_int8(np.random.default_rng(1), (30, *size, 3))
    np.testing.assert_array_equal(run_integer(graph, clips), tflm_outputs(tflite_bytes(graph), clips))


def test_pool_padding_that_cannot_be_expressed_is_refused_and_nothing_written(tmp_path: Path) -> None:
    builder = Builder(np.random.default_rng(0), (1, 8, 8, 2))
    builder.pool2d("avg_pool2d", (4, 4), stride=(1, 1), pad=((3, 3), (3, 3)))
    with pytest.raises(UnsupportedOpError, match="only SAME and VALID"):
        write_tflite(builder.graph(), tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_convolution_without_bias_gets_zeros(tmp_path: Path) -> None:
    builder = Builder(np.random.default_rng(0), (1, 5, 5, 2))
    builder.conv2d(3, (3, 3), bias=False)
    node = read_back(builder.graph(), tmp_path).nodes[0]
    again = lower(read_tflite(tmp_path / "model.tflite"))
    assert node.inputs[2] and not np.any(again.tensor(node.inputs[2]).data)


def test_float_graph_runs_in_litert() -> None:
    rng = np.random.default_rng(0)
    tensors = [
        Tensor("x", (1, 6, 6, 2), "float32"),
        Tensor("w", (3, 3, 3, 2), "float32", data=rng.normal(size=(3, 3, 3, 2)).astype(np.float32)),
        Tensor("y", (1, 6, 6, 3), "float32"),
        Tensor("z", (1, 3), "float32"),
    ]
    attrs = {"stride": (1, 1), "dilation": (1, 1), "pad": ((1, 1), (1, 1)), "activation": "relu"}
    nodes = (
        Node("conv2d", "conv", ("x", "w", ""), ("y",), attrs),
        Node("mean", "mean", ("y",), ("z",), {"axes": (1, 2), "keep_dims": False}),
    )
    graph = Graph("float", "edge", {t.name: t for t in tensors}, nodes, ("x",), ("z",))
    clips = rng.normal(size=(5, 6, 6, 2)).astype(np.float32)
    torch = pytest.importorskip("torch")
    convolved = torch.nn.functional.conv2d(
        torch.from_numpy(clips.transpose(0, 3, 1, 2).copy()),
        torch.from_numpy(tensors[1].data.transpose(0, 3, 1, 2).copy()),  # type: ignore[union-attr]
        padding=1,
    )
    expected = torch.relu(convolved).mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(litert_outputs(tflite_bytes(graph), clips), expected, atol=1e-5)


def test_buffers_start_at_multiples_of_16() -> None:
    data = tflite_bytes(every_op(0))
    model = tflite.Model.GetRootAs(data, 0)
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
    starts = [buffer._tab.Vector(buffer._tab.Offset(4)) for buffer in buffers if buffer.DataLength()]
    assert starts and all(start % 16 == 0 for start in starts)


def test_unknown_element_type_is_refused() -> None:
    x, y = (Tensor(name, (1, 4), "uint8", Quantization([0.1], [0])) for name in "xy")
    graph = Graph("wide", "edge", {"x": x, "y": y}, (Node("relu", "r", ("x",), ("y",)),), ("x",), ("y",))
    with pytest.raises(UnsupportedOpError, match="element type uint8"):
        tflite_bytes(graph)


def test_other_dialects_are_refused() -> None:
    x = Tensor("x", (1,), "int8", quant(1.0, 0))
    with pytest.raises(UnsupportedOpError, match="dialect 'onnx'"):
        tflite_bytes(Graph("g", "onnx", {"x": x}, (), ("x",), ("x",)))
