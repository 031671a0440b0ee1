"""Initializers of models from before IR version 4 are inputs as well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgekit.core.errors import BadFileError
from edgekit.graph.readers.onnx_reader import read_onnx


@pytest.mark.parametrize("version,named,good", [(3, True, True), (4, False, True), (3, False, False)])
def test_the_checker_of_the_standard_says_the_same(version: int, named: bool, good: bool, tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.ones((4, 2), np.float32), "w")
    x, w, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
        for name, dims in (("x", [1, 4]), ("w", [4, 2]), ("y", [1, 2]))
    )
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", [x, w] if named else [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=version)
    onnx.save(model, tmp_path / "m.onnx")
    if good:
        onnx.checker.check_model(model)
        assert [node.op for node in read_onnx(tmp_path / "m.onnx").nodes] == ["MatMul"]
        return
    with pytest.raises(onnx.checker.ValidationError):
        onnx.checker.check_model(model)
    with pytest.raises(BadFileError, match="IR version 3"):
        read_onnx(tmp_path / "m.onnx")
