"""The gate's peak RAM is the firmware's arena; the rows beside it show what the plan gains."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from budget_models import conv_onnx, float32, save_onnx, tflite_graph
from onnx import TensorProto, helper, numpy_helper

from edgekit.api.compile import compile as compile_model
from edgekit.budget.counting import count
from edgekit.graph.graph import Graph, Node
from edgekit.graph.readers.load import load_graph


def arena(model: Path, folder: Path) -> int:
    """``arena_bytes`` of the manifest that ``edgekit compile`` writes."""
    compile_model(model, "cortex-m4", out=folder, build=False, frontend="none")
    return int(json.loads((folder / "manifest.json").read_text())["arena_bytes"])


def ram(model: Path) -> tuple[int, int, int]:
    tallies = count(load_graph(model)).tallies
    return tallies["peak_ram"].known, tallies["peak_ram_in_order"].known, tallies["peak_ram_bound"].known


def test_the_benchmark_models_arena(models_root: Path, tmp_path: Path) -> None:
    for name in ("kws_ref_model", "ad01_int8"):
        model = models_root / f"{name}.tflite"
        best, in_order, bound = ram(model)
        assert best == arena(model, tmp_path / name)
        assert bound <= best <= in_order


def test_a_cp_mobiles_arena(tmp_path: Path) -> None:
    """From torch to an int8 file, whose arena the generator and the gate must agree on."""
    pytest.importorskip("torch")
    from edgekit.export.tflite_writer import write_tflite
    from edgekit.graph.passes.lower import lower
    from edgekit.models.registry import build_model
    from edgekit.quantize.ptq import quantize_graph
    from edgekit.train.onnx_export import export_module

    source, model = tmp_path / "m.onnx", tmp_path / "m.tflite"
    labels = json.dumps([str(index) for index in range(10)])
    export_module(build_model("cp-mobile"), (64, 33), source, {"edgekit.labels": labels})
    clips = np.random.default_rng(0).normal(size=(2, 64, 33, 1)).astype(np.float32)
    write_tflite(quantize_graph(lower(load_graph(source)), clips), model)
    best, in_order, bound = ram(model)
    assert best == arena(model, tmp_path / "out")
    assert bound <= best < in_order


def test_a_chain_by_hand() -> None:
    """Two functions of one value on 400 B: in place one buffer, in order two at a time."""
    tensors = [float32(name, 1, 100) for name in "xyz"]
    nodes = [Node("RELU", "a", ("x",), ("y",)), Node("RELU6", "b", ("y",), ("z",))]
    tallies = count(tflite_graph(nodes, tensors, ("x",), ("z",))).tallies
    assert [tallies[key].known for key in ("peak_ram", "peak_ram_in_order", "peak_ram_bound")] == [400, 800, 400]


def test_an_unknown_shape_leaves_all_rows_undecided(tmp_path: Path) -> None:
    tallies = count(load_graph(conv_onnx(tmp_path / "m.onnx", frames="time"))).tallies
    assert all(tallies[key].quantity is None for key in ("peak_ram", "peak_ram_in_order", "peak_ram_bound"))


def test_a_body_needs_its_memory_while_it_runs(tmp_path: Path) -> None:
    """A branch that widens [1, 8] to [1, 1000] and back: 32 B outside, at least 4,032 B inside."""
    inner = helper.make_graph(
        [helper.make_node("MatMul", ["x", "a"], ["wide"]), helper.make_node("MatMul", ["wide", "b"], ["out"])],
        "side",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 8])],
        [numpy_helper.from_array(np.ones((8, 1000), np.float32), "a"),
         numpy_helper.from_array(np.ones((1000, 8), np.float32), "b")],
    )  # fmt: skip
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Cast", ["s"], ["c"], to=TensorProto.BOOL),
        helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner),
    ]
    path = save_onnx(tmp_path / "m.onnx", nodes, {"x": [1, 8]}, {"y": [1, 8]})
    assert ram(path)[0] >= 4 * 1008


def test_scratch_is_planned_for_integer_kernels_only() -> None:
    """A float graph in the edge dialect has no kernels yet; its plan is activations alone."""
    tensors = {t.name: t for t in (float32("x", 1, 8, 8, 4), float32("y", 1, 8, 8, 4))}
    graph = Graph("g", "edge", tensors, (Node("relu", "r", ("x",), ("y",)),), ("x",), ("y",))
    assert count(graph).tallies["peak_ram"].known == 4 * 256
