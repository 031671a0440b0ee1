"""Which constants of a file are weights, in what type, and how often each is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from budget_models import save_onnx
from onnx import helper

from edgekit.budget.counting import count
from edgekit.budget.counts import Counts
from edgekit.graph.readers.load import load_graph


def numbers(counts: Counts) -> tuple[int, int, int]:
    keys = ("parameters", "parameter_bytes_true", "parameter_bytes_dcase")
    assert all(counts.tallies[key].quantity for key in keys)
    return counts.tallies[keys[0]].known, counts.tallies[keys[1]].known, counts.tallies[keys[2]].known


def test_running_statistics_are_buffers(tmp_path: Path) -> None:
    nodes = [helper.make_node("BatchNormalization", ["x", "g", "b", "m", "v"], ["y"])]
    constants = {name: np.ones(8, np.float32) for name in "gbmv"}
    path = save_onnx(tmp_path / "m.onnx", nodes, {"x": [1, 8, 4, 4]}, {"y": [1, 8, 4, 4]}, constants)
    assert numbers(count(load_graph(path))) == (16, 4 * 32, 4 * 16)


def test_a_shared_weight_is_one_weight(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("MatMul", ["h", "w"], ["y"])]
    path = save_onnx(tmp_path / "m.onnx", nodes, {"x": [1, 8]}, {"y": [1, 8]}, {"w": np.ones((8, 8), np.float32)})
    counts = count(load_graph(path))
    assert numbers(counts) == (64, 256, 256)
    assert counts.tallies["macs_true"].known == 128  # but it works twice


def test_weights_of_a_qdq_model_count_as_the_integers_that_are_stored(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "bs"], ["bd"], axis=0),
        helper.make_node("Conv", ["xd", "wd", "bd"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("QuantizeLinear", ["r", "s", "z"], ["rq"]),
        helper.make_node("DequantizeLinear", ["rq", "s", "z"], ["y"]),
    ]
    constants = {
        "s": np.float32(0.1), "z": np.int8(0), "ws": np.full(5, 0.1, np.float32), "wz": np.zeros(5, np.int8),
        "w": np.ones((5, 3, 3, 3), np.int8), "b": np.ones(5, np.int32), "bs": np.full(5, 0.01, np.float32),
    }  # fmt: skip
    path = save_onnx(tmp_path / "m.onnx", nodes, {"x": [1, 3, 8, 8]}, {"y": [1, 5, 6, 6]}, constants)
    counts = count(load_graph(path))
    assert numbers(counts) == (140, 135 + 20, 135 + 20)
    assert counts.tallies["macs_true"].known == 36 * 135
    assert counts.tallies["macs_dcase"].known == 36 * 140
    assert counts.tallies["float_ops"].known == 0  # a QDQ pair encloses the convolution and its activation


def test_shapes_axes_and_numbers_of_the_algorithm_are_no_weights(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["r"]),
        helper.make_node("Mul", ["r", "half"], ["m"]),
        helper.make_node("Clip", ["m", "low", "high"], ["c"]),
        helper.make_node("Slice", ["c", "start", "end"], ["y"]),
    ]
    constants = {
        "shape": np.array([4, 2], np.int64), "half": np.float32(0.5), "low": np.float32(0), "high": np.float32(6),
        "start": np.array([0], np.int64), "end": np.array([2], np.int64),
    }  # fmt: skip
    path = save_onnx(tmp_path / "m.onnx", nodes, {"x": [1, 8]}, {"y": [2, 2]}, constants)
    assert numbers(count(load_graph(path))) == (0, 0, 0)


def test_float16_weights_take_two_bytes(tmp_path: Path) -> None:
    nodes = [helper.make_node("Cast", ["w"], ["f"], to=1), helper.make_node("MatMul", ["x", "f"], ["y"])]
    path = save_onnx(tmp_path / "m.onnx", nodes, {"x": [1, 8]}, {"y": [1, 3]}, {"w": np.ones((8, 3), np.float16)})
    assert numbers(count(load_graph(path))) == (24, 48, 48)
