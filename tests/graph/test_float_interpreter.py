"""The float interpreter: batches, chunks, all tensors, wrong inputs."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edgekit.core.errors import DataError, UnsupportedOpError
from edgekit.graph import float_interpreter
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.readers.tflite_reader import read_tflite
from edgekit.graph.tensor import Quantization, Tensor


@pytest.fixture
def small(bench):
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["r"]),
        node("GlobalAveragePool", ["r"], ["p"]),
        node("Flatten", ["p"], ["y"]),
    ]
    return lower(load_graph(bench.save(nodes, [1, 2, 6, 5], {"w": bench.floats(4, 2, 3, 3)})))


def test_chunks_give_what_one_run_gives(small, monkeypatch):
    x = np.random.default_rng(0).normal(size=(17, 6, 5, 2)).astype(np.float32)
    whole = run_float(small, x)
    monkeypatch.setattr(float_interpreter, "MAX_BYTES", 20_000)
    sizes = []
    original = float_interpreter._run_chunk
    monkeypatch.setattr(
        float_interpreter,
        "_run_chunk",
        lambda graph, clips, *rest: sizes.append(len(clips)) or original(graph, clips, *rest),
    )
    np.testing.assert_allclose(run_float(small, x), whole, atol=1e-6)
    assert len(sizes) > 2 and sum(sizes) == 17


def test_all_tensors_have_the_clips_in_front(small):
    x = np.random.default_rng(0).normal(size=(3, 6, 5, 2)).astype(np.float32)
    tensors = run_float(small, x, all_tensors=True)
    assert {name: value.shape for name, value in tensors.items()} == {
        name: (3, *small.tensor(name).dims[1:]) for name in tensors
    }
    assert set(tensors) == {"x", *(name for node in small.nodes for name in node.outputs)}
    np.testing.assert_array_equal(tensors["x"], x)
    np.testing.assert_array_equal(tensors["y"], run_float(small, x))


def test_no_clips_give_no_results(small):
    assert run_float(small, np.zeros((0, 6, 5, 2), np.float32)).shape == (0, 4)


def test_the_input_is_left_as_it_was(bench):
    graph = lower(load_graph(bench.save([helper.make_node("Relu", ["x"], ["y"])], [1, 8])))
    x = bench.floats(4, 8)
    copy = x.copy()
    run_float(graph, x)
    np.testing.assert_array_equal(x, copy)


def test_wrong_shapes_are_named(small):
    with pytest.raises(DataError, match=r"\[N, 6, 5, 2\]"):
        run_float(small, np.zeros((1, 2, 6, 5), np.float32))


def test_integer_graphs_are_refused(models_root):
    with pytest.raises(UnsupportedOpError, match="run_integer"):
        run_float(lower(read_tflite(models_root / "ad01_int8.tflite")), np.zeros((1, 640), np.float32))


def test_quantize_is_no_float_operator():
    tensors = {
        "x": Tensor("x", (1, 2), "float32"),
        "y": Tensor("y", (1, 2), "int8", Quantization(np.array([1.0]), np.array([0]))),
    }
    graph = Graph("g", "edge", tensors, (Node("quantize", "q", ("x",), ("y",)),), ("x",), ("y",))
    with pytest.raises(UnsupportedOpError, match="quantize to int8"):
        run_float(graph, np.zeros((1, 2), np.float32))
