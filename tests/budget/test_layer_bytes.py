"""The limit layer_bytes: the bytes of the largest layer of models whose layers were counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgekit.budget.check import check
from edgekit.budget.counting import count
from edgekit.budget.toml import parse_budget
from edgekit.core.verdict import Finding
from edgekit.graph.readers.load import load_graph

LARGEST = 4 * (20 * 10 + 20)  # the first layer: 10 → 20 with bias, float32; the second has 4 * (5 * 20) bytes


@pytest.fixture
def model(tmp_path: Path) -> Path:
    weights = {"w1": (20, 10), "b1": (20,), "w2": (5, 20)}
    path = tmp_path / "two.onnx"
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], "wide", transB=1),
        helper.make_node("Gemm", ["h", "w2"], ["y"], "narrow", transB=1),
    ]
    tensors = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, size]) for n, size in (("x", 10), ("y", 5)))
    graph = helper.make_graph(nodes, "two", [x], [y], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def _finding(model: Path, limit: int) -> Finding:
    text = f'source = "a test"\n[limits]\nlayer_bytes = "{limit} B"\n'
    budget = parse_budget("mine", text, where="mine.toml")
    return check(str(model), count(load_graph(model)), budget).findings[0]


def test_the_largest_layer_within_the_limit_passes(model: Path) -> None:
    finding = _finding(model, LARGEST)
    assert finding.outcome == "pass" and finding.actual is not None and finding.actual.value == LARGEST


def test_a_byte_less_fails_and_names_the_layer(model: Path) -> None:
    finding = _finding(model, LARGEST - 1)
    assert (finding.outcome, finding.where) == ("fail", "wide")


def test_what_holds_nothing_to_count_is_not_passed(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])
    path = tmp_path / "empty.onnx"
    onnx.save(helper.make_model(helper.make_graph([], "empty", [value], [value]), ir_version=8), path)
    assert _finding(path, 1000).outcome == "undecided"
