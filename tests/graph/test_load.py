"""The one entry for model files."""

from __future__ import annotations

import subprocess
import sys

import pytest
from onnx import helper

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.graph.readers.load import load_graph


def test_suffix_and_content_choose_the_reader(bench, models_root):
    assert load_graph(bench.save([helper.make_node("Relu", ["x"], ["y"])], [1, 4])).dialect == "onnx"
    assert load_graph(models_root / "ad01_int8.tflite").dialect == "tflite"


def test_a_model_under_the_wrong_suffix_is_named(bench, models_root, tmp_path):
    renamed = tmp_path / "m.onnx"
    renamed.write_bytes((models_root / "ad01_int8.tflite").read_bytes())
    with pytest.raises(BadFileError, match=r"holds a \.tflite model \(rename"):
        load_graph(renamed)
    other = tmp_path / "m.tflite"
    other.write_bytes(bench.save([helper.make_node("Relu", ["x"], ["y"])], [1, 4]).read_bytes())
    with pytest.raises(BadFileError, match=r"holds a \.onnx model \(rename"):
        load_graph(other)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("text.onnx", b"hello, this is text\n", "not an ONNX model"),
        ("text.tflite", b"hello, this is text\n", "not a TFLite model"),
        ("model.pt", b"PK", r"unknown kind of model \.pt"),
        ("model", b"x", "no suffix"),
        ("none.onnx", None, "no such file"),
        (".", None, "is a folder"),
    ],
)
def test_wrong_files_end_in_one_line_with_a_cure(tmp_path, name, data, message):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(BadFileError, match=message) as caught:
        load_graph(path)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(")")


def test_unknown_dimension_names_are_errors_for_static_models_too(models_root):
    with pytest.raises(BadConfigError, match="no dimension 'time'"):
        load_graph(models_root / "ad01_int8.tflite", {"time": 3})


def test_reading_imports_no_framework(bench):
    path = bench.save([helper.make_node("Relu", ["x"], ["y"])], [1, 4])
    code = (
        "import sys; from edgekit.graph.readers.load import load_graph; from edgekit.graph.passes.lower import lower;"
        f"lower(load_graph({str(path)!r}));"
        "print([m for m in ('torch', 'tensorflow', 'onnxruntime', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
