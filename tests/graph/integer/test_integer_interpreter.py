"""Whole integer graphs: reference models, random networks, batches, bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edge_graphs import ACTIVATIONS, Builder
from int8_oracles import litert_outputs, random_int8, tflm_outputs

from edgekit.core.errors import BadConfigError, BadFileError, UnsupportedOpError
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer import interpreter
from edgekit.graph.integer.interpreter import prepare, run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.tflite_reader import read_tflite
from edgekit.graph.tensor import Tensor

CLIPS = 1000


@pytest.mark.parametrize("name", ["kws_ref_model", "ad01_int8"])
def test_reference_model_equals_tflm_on_1000_random_inputs(models_root: Path, name: str) -> None:
    path = models_root / f"{name}.tflite"
    graph = lower(read_tflite(path))
    clips = random_int8(np.random.default_rng(0), (CLIPS, *graph.tensor(graph.inputs[0]).dims[1:]))
    np.testing.assert_array_equal(run_integer(graph, clips), tflm_outputs(path.read_bytes(), clips))


def test_reference_kws_model_equals_litert_up_to_its_fully_connected_layer(models_root: Path) -> None:
    graph = lower(read_tflite(models_root / "kws_ref_model.tflite"))
    dense = next(i for i, node in enumerate(graph.nodes) if node.op == "fully_connected")
    head = graph.rebuild(graph.nodes[:dense], outputs=graph.nodes[dense - 1].outputs)
    clips = random_int8(np.random.default_rng(1), (CLIPS, *graph.tensor(graph.inputs[0]).dims[1:]))
    np.testing.assert_array_equal(run_integer(head, clips), litert_outputs(tflite_bytes(head), clips))


def _network(seed: int) -> Graph:
    """A random residual network of six to eleven operators."""
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (1, int(rng.integers(9, 20)), int(rng.integers(9, 20)), int(rng.integers(1, 4))))
    builder.conv2d(8, (3, 3), stride=(2, 1), activation=str(rng.choice(ACTIVATIONS)))
    for _ in range(int(rng.integers(1, 4))):
        left = builder.x
        builder.depthwise_conv2d(1, (3, 3), activation=str(rng.choice(ACTIVATIONS)))
        builder.conv2d(8, (1, 1), bias=bool(rng.integers(2)))
        total = builder.activation(builder.name("sum"), left.dims, scale=2 * left.scale_zero()[0])
        builder.append("add", (left.name, builder.x.name), total, {"activation": str(rng.choice(ACTIVATIONS))})
    if rng.integers(2):
        builder.pool2d("avg_pool2d", (2, 3), stride=(2, 2), pad="SAME")
    pooled = builder.activation("pooled", (1, 8), scale=builder.x.scale_zero()[0])
    builder.append("mean", (builder.x.name,), pooled, {"axes": (1, 2), "keep_dims": False})
    output = builder.activation("labels", (1, 8), scale=1 / 256, zero_point=-128)
    builder.append("softmax", ("pooled",), output, {"beta": 1.0})
    return builder.graph()


@pytest.mark.parametrize("seed", range(12))
def test_random_network_equals_both_oracles(seed: int) -> None:
    graph = _network(seed)
    clips = random_int8(np.random.default_rng(seed), (50, *graph.tensor("input").dims[1:]))
    ours = run_integer(graph, clips)
    np.testing.assert_array_equal(ours, tflm_outputs(tflite_bytes(graph), clips))
    np.testing.assert_array_equal(ours, litert_outputs(tflite_bytes(graph), clips))


def test_float_input_and_output_equal_litert() -> None:
    builder = Builder(np.random.default_rng(0), (1, 5, 5, 2))
    real = Tensor("real", (1, 5, 5, 2), "float32")
    builder.keep(real)
    builder.nodes.append(Node("quantize", "q", ("real",), ("input",)))
    builder.conv2d(3, (3, 3))
    builder.keep(Tensor("result", builder.x.dims, "float32"))
    builder.append("dequantize", (builder.x.name,), builder.tensors["result"])
    builder.first = "real"
    graph = builder.graph()
    scale = builder.tensors["input"].scale_zero()[0]
    # Multiples of half a step: every second value is a tie.
    clips = (np.random.default_rng(1).integers(-400, 400, (40, 5, 5, 2)) * scale / 2).astype(np.float32)
    np.testing.assert_array_equal(run_integer(graph, clips), litert_outputs(tflite_bytes(graph), clips))


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = _network(3)
    clips = random_int8(np.random.default_rng(0), (13, *graph.tensor("input").dims[1:]))
    whole = run_integer(graph, clips)
    monkeypatch.setattr(interpreter, "_CHUNK_ELEMENTS", 1)
    np.testing.assert_array_equal(run_integer(graph, clips), whole)


def test_all_tensors_holds_every_activation() -> None:
    graph = _network(0)
    clips = random_int8(np.random.default_rng(0), (4, *graph.tensor("input").dims[1:]))
    tensors = run_integer(graph, clips, all_tensors=True)
    assert list(tensors) == ["input", *(node.outputs[0] for node in graph.nodes)]
    np.testing.assert_array_equal(tensors["labels"], run_integer(graph, clips, prepared=prepare(graph)))


def test_no_clips_give_no_outputs() -> None:
    graph = _network(0)
    assert run_integer(graph, np.zeros((0, *graph.tensor("input").dims[1:]), np.int8)).shape == (0, 8)


def test_wrong_input_is_refused() -> None:
    graph = _network(0)
    with pytest.raises(BadConfigError, match="input of shape"):
        run_integer(graph, np.zeros((2, 3), np.int8))
    with pytest.raises(BadConfigError, match="needed int8"):
        run_integer(graph, np.zeros((2, *graph.tensor("input").dims[1:]), np.float32))


def test_float_graph_is_refused() -> None:
    x = Tensor("x", (1, 4), "float32")
    y = Tensor("y", (1, 4), "float32")
    graph = Graph("float", "edge", {"x": x, "y": y}, (Node("relu", "r", ("x",), ("y",)),), ("x",), ("y",))
    with pytest.raises(UnsupportedOpError, match="only int8"):
        prepare(graph)


def test_weights_with_a_zero_point_are_refused() -> None:
    builder = Builder(np.random.default_rng(0), (1, 4))
    builder.fully_connected(3, per_channel=False)
    graph = builder.graph()
    name = graph.nodes[0].inputs[1]
    weights = graph.tensor(name)
    shifted = weights.replace(quant=type(weights.quant)(weights.quant.scale, [3]))  # type: ignore[union-attr]
    with pytest.raises(UnsupportedOpError, match="zero point other than 0"):
        prepare(graph.replace(tensors={**graph.tensors, name: shifted}))


def test_missing_scale_is_refused() -> None:
    builder = Builder(np.random.default_rng(0), (1, 4))
    builder.fully_connected(3)
    graph = builder.graph()
    bare = graph.tensor("input").replace(quant=None)
    with pytest.raises(BadFileError, match="without quantization"):
        prepare(graph.replace(tensors={**graph.tensors, "input": bare}))
