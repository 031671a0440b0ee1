"""An operator has options of its own kind, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
import tflite
from tflite_files import Op, Sub, Value, model_bytes

from edgekit.core.errors import BadFileError
from edgekit.graph.readers.load import load_graph
from edgekit.graph.readers.tflite_options import options_fault

KINDS = {name: kind for name, kind in vars(tflite.BuiltinOptions).items() if isinstance(kind, int)}


@pytest.mark.parametrize(
    "op,options",
    [
        ("MAX_POOL_2D", "Pool2DOptions"),
        ("REDUCE_MAX", "ReducerOptions"),
        ("MEAN", "ReducerOptions"),
        ("MINIMUM", "MaximumMinimumOptions"),
        ("L2_NORMALIZATION", "L2NormOptions"),
        ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
        ("UNIDIRECTIONAL_SEQUENCE_RNN", "SequenceRNNOptions"),
        ("BATCH_MATMUL", "BatchMatMulOptions"),
        ("RELU", "NONE"),
        ("CUSTOM", "AddOptions"),
    ],
)
def test_options_as_converters_write_them(op: str, options: str) -> None:
    """As TensorFlow's table of operators has them (lite/core/api/flatbuffer_conversions.cc)."""
    assert options_fault(op, KINDS[options]) == ""
    assert options_fault(op, KINDS["NONE"]) == ""


@pytest.mark.parametrize("op", ["ADD_N", "RELU", "LOGICAL_NOT", "SHAPE", "UNPACK", "HASHTABLE", "STABLEHLO_ADD"])
def test_an_operator_exchanged_for_another_is_no_good_file(op: str, tmp_path: Path) -> None:
    """LiteRT passes over options that it does not look for, and refuses most of these for their inputs."""
    path = tmp_path / "m.tflite"
    values = [Value("x", (1, 4)), Value("y", (1, 4))]
    path.write_bytes(model_bytes(Sub(values, [Op("SOFTMAX", ("x",), ("y",), "SoftmaxOptions")], ("x",), ("y",))))
    assert [node.op for node in load_graph(path).nodes] == ["SOFTMAX"]
    path.write_bytes(model_bytes(Sub(values, [Op(op, ("x",), ("y",), "SoftmaxOptions")], ("x",), ("y",))))
    with pytest.raises(BadFileError, match=f"{op} has the options of another operator, SoftmaxOptions"):
        load_graph(path)
