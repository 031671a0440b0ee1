"""QDQ models join tensors of different scales; the integer graph rescales the parts first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

SCALES = {"a": (0.05, -10), "b": (0.02, -128), "c": (0.04, 5)}


def _pair(source: str, key: str) -> list[onnx.NodeProto]:
    names = [f"{key}_scale", f"{key}_zero"]
    return [
        helper.make_node("QuantizeLinear", [source, *names], [f"{key}_q"]),
        helper.make_node("DequantizeLinear", [f"{key}_q", *names], [f"{key}_f"]),
    ]


def _model(path: Path) -> None:
    nodes = [
        *_pair("x", "a"), helper.make_node("Relu", ["a_f"], ["r"]), *_pair("r", "b"),
        helper.make_node("Concat", ["a_f", "b_f"], ["j"], axis=1), *_pair("j", "c"),
        helper.make_node("Identity", ["c_f"], ["y"]),
    ]  # fmt: skip
    constants = []
    for key, (scale, zero) in SCALES.items():
        constants.append(numpy_helper.from_array(np.array(scale, np.float32), f"{key}_scale"))
        constants.append(numpy_helper.from_array(np.array(zero, np.int8), f"{key}_zero"))
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 4, 3])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 4, 3])
    graph = helper.make_graph(nodes, "g", [source], [output], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def test_parts_of_other_scales_are_rescaled(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    _model(tmp_path / "m.onnx")
    graph = lower(load_graph(tmp_path / "m.onnx"))
    assert [node.op for node in graph.nodes] == ["relu", "quantize", "quantize", "concat"]
    integers = np.random.default_rng(0).integers(-128, 128, (40, 4, 3, 2), dtype=np.int8)
    real = (integers.astype(np.float32) + 10) * np.float32(0.05)
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    want = np.concatenate([session.run(None, {"x": clip.transpose(2, 0, 1)[None]})[0] for clip in real])
    got = (run_integer(graph, integers).astype(np.float32) - 5) * np.float32(0.04)
    assert np.abs(got - want.transpose(0, 2, 3, 1)).max() <= 0.04 * 1.01
