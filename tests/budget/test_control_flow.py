"""Branches, loops and scans: counted when the file says how often they run, undecided otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from budget_models import save_onnx
from onnx import TensorProto, helper, numpy_helper

from edgekit.budget.counting import count
from edgekit.budget.counts import Counts
from edgekit.graph.readers.load import load_graph

node = helper.make_node


def info(name: str, dims: Any = None, kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, dims)


def matrix(name: str, *dims: int) -> Any:
    return numpy_helper.from_array(np.ones(dims, np.float32), name)


def step(weights: list[Any]) -> Any:
    """A loop body that multiplies h[1, 8] by w[8, 8]: 64 MACs, and a tanh: 8 exponentials and 8 divisions."""
    return helper.make_graph(
        [node("MatMul", ["h", "w"], ["p"]), node("Tanh", ["p"], ["h2"]), node("Identity", ["c"], ["c2"])],
        "body",
        [info("i", [], TensorProto.INT64), info("c", [], TensorProto.BOOL), info("h")],
        [info("c2", [], TensorProto.BOOL), info("h2")],
        weights,
    )


def counted(folder: Path, nodes: list[Any], inputs: dict[str, Any], constants: dict[str, Any] | None = None) -> Counts:
    return count(load_graph(save_onnx(folder / "m.onnx", nodes, inputs, {"y": [1, 8]}, constants)))


def value(counts: Counts, key: str) -> int | float | None:
    quantity = counts.tallies[key].quantity
    return None if quantity is None else quantity.value


def test_a_loop_costs_its_body_as_often_as_it_can_run(tmp_path: Path) -> None:
    loop = node("Loop", ["m", "", "x"], ["y"], name="loop", body=step([matrix("w", 8, 8)]))
    counts = counted(tmp_path, [loop], {"x": [1, 8]}, {"m": np.array(7, np.int64)})
    assert value(counts, "macs_true") == 7 * 64
    assert value(counts, "other_ops") == 7 * 16
    assert value(counts, "parameters") == 64
    assert value(counts, "parameter_bytes_true") == 256
    assert value(counts, "float_ops") == 3  # the loop itself, its product, its tanh
    assert [row.name for row in counts.layers] == ["loop", "loop/MatMul_0", "loop/Tanh_1", "loop/Identity_2"]


def test_weights_from_outside_count_once(tmp_path: Path) -> None:
    loop = node("Loop", ["m", "", "q"], ["y"], body=step([]))
    nodes = [node("MatMul", ["x", "w"], ["q"]), loop]
    constants = {"m": np.array(7, np.int64), "w": np.ones((8, 8), np.float32)}
    counts = counted(tmp_path, nodes, {"x": [1, 8]}, constants)
    assert value(counts, "parameters") == 64
    assert value(counts, "macs_true") == 8 * 64


def test_a_loop_without_a_count_is_undecided(tmp_path: Path) -> None:
    loop = node("Loop", ["", "go", "x"], ["y"], name="loop", body=step([matrix("w", 8, 8)]))
    counts = counted(tmp_path, [loop], {"x": [1, 8]}, {"go": np.array(True)})
    assert value(counts, "macs_true") is None
    assert counts.tallies["macs_true"].reasons[0].where == "loop"
    assert value(counts, "parameters") == 64


def test_a_branch_costs_its_dearer_side_and_stores_both(tmp_path: Path) -> None:
    def side(name: str, width: int) -> Any:
        nodes = [node("MatMul", ["x", f"{name}_a"], [f"{name}_h"]), node("MatMul", [f"{name}_h", f"{name}_b"], [name])]
        return helper.make_graph(
            nodes, name, [], [info(name)], [matrix(f"{name}_a", 8, width), matrix(f"{name}_b", width, 8)]
        )

    branches = {"then_branch": side("then", 4), "else_branch": side("else", 10)}
    nodes = [
        node("ReduceSum", ["x"], ["s"], keepdims=0),
        node("Cast", ["s"], ["c"], to=TensorProto.BOOL),
        node("If", ["c"], ["y"], **branches),
    ]
    counts = counted(tmp_path, nodes, {"x": [1, 8]})
    assert value(counts, "macs_true") == 2 * 8 * 10
    assert value(counts, "parameters") == 2 * 8 * 4 + 2 * 8 * 10


def test_an_operator_of_the_other_format_is_not_counted(tmp_path: Path) -> None:
    """ONNX has If and no IF: its checker refuses the file."""
    side = helper.make_graph([node("Relu", ["x"], ["z"])], "side", [], [info("z")])
    nodes = [
        node("ReduceSum", ["x"], ["s"], keepdims=0),
        node("Cast", ["s"], ["c"], to=TensorProto.BOOL),
        node("IF", ["c"], ["y"], then_branch=side, else_branch=side),
    ]
    assert value(counted(tmp_path, nodes, {"x": [1, 8]}), "macs_true") is None


def test_a_scan_runs_once_for_every_slice(tmp_path: Path) -> None:
    body = helper.make_graph(
        [node("MatMul", ["s", "w"], ["p"]), node("Add", ["h", "p"], ["h2"])],
        "body",
        [info("h"), info("s")],
        [info("h2")],
        [matrix("w", 8, 8)],
    )
    scan = node("Scan", ["z", "x"], ["y"], num_scan_inputs=1, body=body)
    counts = counted(tmp_path, [scan], {"x": [12, 1, 8]}, {"z": np.zeros((1, 8), np.float32)})
    assert value(counts, "macs_true") == 12 * 64


def test_an_unknown_operator_inside_leaves_everything_undecided(tmp_path: Path) -> None:
    body = step([matrix("w", 8, 8)])
    body.node[1].op_type = "Mystery"
    loop = node("Loop", ["m", "", "x"], ["y"], body=body)
    counts = counted(tmp_path, [loop], {"x": [1, 8]}, {"m": np.array(7, np.int64)})
    assert all(tally.quantity is None for tally in counts.tallies.values())
    assert "Mystery" in counts.tallies["parameters"].reasons[0].text


@pytest.mark.parametrize("trips", [-5, 0])
def test_a_loop_that_never_runs_costs_nothing(tmp_path: Path, trips: int) -> None:
    loop = node("Loop", ["m", "", "x"], ["y"], body=step([matrix("w", 8, 8)]))
    assert value(counted(tmp_path, [loop], {"x": [1, 8]}, {"m": np.array(trips, np.int64)}), "macs_true") == 0
