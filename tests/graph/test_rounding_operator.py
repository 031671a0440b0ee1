"""Round of ONNX and TFLite on every road: float, int8, C, both writers, and training on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from c_programs import SanitizedProgram
from edge_graphs import Builder
from int8_oracles import tflm_outputs
from onnx import TensorProto, helper

from edgekit.budget.rules.tables import table
from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.export.qdq_writer import write_qdq_onnx
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.tensor import Tensor
from edgekit.quantize.twin_kernels import expression

HALVES = np.array([-2.5, -1.5, -0.5, -0.2, 0.0, 0.5, 0.7, 1.5, 2.5, 3.49], np.float32)
ROUNDED = np.array([-2, -2, 0, 0, 0, 0, 1, 2, 2, 3], np.float32)  # halves to even, by hand
EVERY_INT8 = np.arange(-128, 128, dtype=np.int8)[:, None]


def _int8_graph() -> Graph:
    """One value in steps of 1/64 around 5, so that halves occur, rounded, in steps of 1/16 around −3."""
    builder = Builder(np.random.default_rng(0), (1, 1))
    builder.x = builder.activation("input", (1, 1), scale=1 / 64, zero_point=5)
    output = builder.activation("y", (1, 1), scale=1 / 16, zero_point=-3)
    builder.append("pointwise", ("input",), output, {"expression": ("round", "x")})
    return builder.graph()


def _int8_expected() -> np.ndarray:
    """Whole numbers are 16 steps of the output each, so nothing is left to round."""
    whole = np.rint((EVERY_INT8.astype(np.float64) - 5) / 64)
    return np.clip(16 * whole - 3, -128, 127).astype(np.int8)


def test_onnx_round_is_read_as_onnx_runtime_computes_it(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, HALVES.size]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Round", ["x"], ["y"])], "round", [x], [y])
    path = tmp_path / "round.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    expected = runtime.InferenceSession(path).run(None, {"x": HALVES[None]})[0]
    np.testing.assert_array_equal(expected[0], ROUNDED)
    np.testing.assert_array_equal(run_float(lower(load_graph(path)), HALVES[None]), expected)


def test_tflite_round_is_read() -> None:
    tensors = {name: Tensor(name, (1, HALVES.size), "float32") for name in "xy"}
    graph = Graph("g", "tflite", tensors, (Node("ROUND", "r", ("x",), ("y",)),), ("x",), ("y",))
    np.testing.assert_array_equal(run_float(lower(graph), HALVES[None])[0], ROUNDED)


def test_the_table_in_int8_is_what_tflm_gathers_from() -> None:
    graph, clips = _int8_graph(), EVERY_INT8
    ours = run_integer(graph, clips)
    np.testing.assert_array_equal(ours, _int8_expected())
    np.testing.assert_array_equal(tflm_outputs(tflite_bytes(graph), clips), ours)


def test_the_c_looks_up_the_same_bytes(tmp_path: Path) -> None:
    graph = _int8_graph()
    program = SanitizedProgram([generate(graph, None, find_target("cpu"), "m0")], tmp_path)
    np.testing.assert_array_equal(program.run(0, EVERY_INT8).reshape(-1, 1), _int8_expected())


def test_the_qdq_file_says_round_in_onnx_words(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    write_qdq_onnx(_int8_graph(), tmp_path / "m.qdq.onnx")
    session = runtime.InferenceSession(tmp_path / "m.qdq.onnx")
    source = session.get_inputs()[0]
    real = (EVERY_INT8.astype(np.float32) - 5) / 64
    given = EVERY_INT8 if source.type == "tensor(int8)" else real
    found = np.array([session.run(None, {source.name: row[None]})[0].ravel() for row in given])
    expected = _int8_expected()
    np.testing.assert_allclose(found, expected if found.dtype == np.int8 else (expected + 3.0) / 16, atol=1e-5)


def test_training_rounds_as_well() -> None:
    found = expression(("round", "x"), torch.from_numpy(HALVES))
    np.testing.assert_array_equal(found.numpy(), ROUNDED)


@pytest.mark.parametrize(("dialect", "op"), [("onnx", "Round"), ("tflite", "ROUND")])
def test_the_gate_has_a_rule_for_it(dialect: str, op: str) -> None:
    assert op in table(dialect).rules
