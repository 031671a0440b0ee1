"""Nodes that end or hang the process inside onnx' inference are refused by name (benchmarks/fuzz_inference.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.readers.onnx_reader import read_onnx
from edgekit.graph.readers.onnx_traps import check_node

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

TRAPS: dict[str, tuple[Any, list[int]]] = {
    "fewer parts than outputs": (helper.make_node("Split", ["x"], ["a", "y"], axis=1, num_outputs=1), [4, 2, 2]),
    "a batch below the first axis": (helper.make_node("GatherND", ["x", "i"], ["y"], batch_dims=-3), [2, 4, 4, 1]),
    "an ellipsis of two points": (helper.make_node("Einsum", ["x"], ["y"], equation="..i->i"), [2]),
}


def saved(name: str, folder: Path) -> Path:
    node, dims = TRAPS[name]
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.zeros((4, 5, 2, 2), np.int64), "i")] if "i" in node.input else [],
    )
    path = folder / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


@pytest.mark.parametrize("name", TRAPS)
def test_it_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match=TRAPS[name][0].op_type):
        read_onnx(saved(name, tmp_path))


@pytest.mark.parametrize("equation", ["ij,jk->ik", "...ij,...jk", "i j , j k", "ii->", "->"])
def test_equations_of_the_grammar_are_asked_about(equation: str, tmp_path: Path) -> None:
    class Nothing:
        def shape(self, name: str) -> None:
            return None

    check_node(Node("Einsum", "e", ("x",), ("y",), {"equation": equation}), Nothing())


def test_no_trap_is_let_through_in_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import fuzz_inference

    rows = fuzz_inference.measured(4000, seed=11)
    assert not [row for row in rows if row["let_through"]]


def test_the_campaign_met_traps_and_let_none_through() -> None:
    result = json.loads((BENCHMARKS / "results" / "fuzz_inference.json").read_text())
    assert result["nodes"] >= 500_000
    assert {row["operator"] for row in result["rows"]} <= {"Einsum", "GatherND", "Split"}
    assert sum(row["traps"] for row in result["rows"]) > 0 == sum(row["let_through"] for row in result["rows"])
