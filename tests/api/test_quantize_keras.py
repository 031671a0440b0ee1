"""Keras models and SavedModels through TensorFlow's converter in another process; skipped without TensorFlow."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from int8_oracles import tflm_outputs

import edgekit
from edgekit.core.errors import BadFileError, MissingDependencyError, UnsupportedOpError
from edgekit.features.quantized import quantize_features
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize import tensorflow_models
from edgekit.quantize.tensorflow_models import PYTHON_KEY, converted, is_tensorflow_model

_PYTHON = os.environ.get(PYTHON_KEY) or (sys.executable if importlib.util.find_spec("tensorflow") else "")
needs_tensorflow = pytest.mark.skipif(
    not _PYTHON, reason=f"pip install 'edgekit[tensorflow]', or name a Python that has it in {PYTHON_KEY}"
)
_MAKE = """
import sys, numpy, tensorflow
folder, layers = sys.argv[1], tensorflow.keras.layers
tensorflow.random.set_seed(0)
x = tensorflow.keras.Input((12, 8, 1))
y = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False)(x)
y = layers.BatchNormalization(beta_initializer="ones")(y)
y = layers.DepthwiseConv2D(3, padding="same", activation="relu")(y)
y = layers.PReLU(alpha_initializer="ones", shared_axes=[1, 2])(y)
model = tensorflow.keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling2D()(y)))
frames = tensorflow.keras.Input((5, 4))
gru = tensorflow.keras.Model(frames, layers.Dense(3)(layers.GRU(6, unroll=True)(frames)))
looped = tensorflow.keras.Model(frames, layers.Dense(3)(layers.LSTM(6)(frames)))
lambdas = tensorflow.keras.Model(x, layers.Lambda(lambda t: t * 2)(x))
for name, made in {"cnn": model, "gru": gru, "looped": looped, "code": lambdas}.items():
    made.save(f"{folder}/{name}.keras")
model.export(f"{folder}/saved")
for name, made, shape in (("cnn", model, (40, 12, 8, 1)), ("gru", gru, (40, 5, 4))):
    clips = numpy.random.default_rng(0).normal(size=shape).astype("float32")
    numpy.savez(f"{folder}/{name}.npz", clips=clips, logits=made(clips).numpy())
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models and of what TensorFlow itself computes with them."""
    folder = tmp_path_factory.mktemp("keras")
    done = subprocess.run([_PYTHON, "-c", _MAKE, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def read(path: Path, folder: Path) -> Graph:
    (folder / "m.tflite").write_bytes(converted(path))
    return lower(load_graph(folder / "m.tflite"))


@needs_tensorflow
@pytest.mark.parametrize(("file", "answers"), [("cnn.keras", "cnn"), ("saved", "cnn"), ("gru.keras", "gru")])
def test_the_converted_model_computes_what_keras_computes(
    file: str, answers: str, models: Path, tmp_path: Path
) -> None:
    stored = np.load(models / f"{answers}.npz")
    outputs = run_float(read(models / file, tmp_path), stored["clips"])
    np.testing.assert_allclose(outputs, stored["logits"], atol=1e-5)
    assert "tensorflow" not in sys.modules


@needs_tensorflow
@pytest.mark.parametrize(("file", "answers"), [("cnn.keras", "cnn"), ("saved", "cnn"), ("gru.keras", "gru")])
def test_quantize_takes_it_like_any_model(file: str, answers: str, models: Path, tmp_path: Path) -> None:
    clips = np.load(models / f"{answers}.npz")["clips"]
    result = edgekit.quantize(models / file, clips, out=tmp_path / "m.tflite")
    assert result.difference.max_error <= 0.05 * result.difference.output_range
    graph = lower(load_graph(result.tflite))
    fed = quantize_features(clips, *graph.tensor(graph.inputs[0]).scale_zero())
    np.testing.assert_array_equal(tflm_outputs(result.tflite.read_bytes(), fed), run_integer(graph, fed))


@needs_tensorflow
def test_a_model_that_carries_code_is_not_loaded(models: Path) -> None:
    with pytest.raises(UnsupportedOpError, match="TensorFlow does not convert it"):
        converted(models / "code.keras")


@needs_tensorflow
def test_a_loop_that_is_left_is_named(models: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOpError, match="operator WHILE"):
        read(models / "looped.keras", tmp_path)


def test_without_tensorflow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON_KEY, raising=False)
    monkeypatch.setattr(tensorflow_models.importlib.util, "find_spec", lambda name: None)
    (tmp_path / "m.keras").write_bytes(b"")
    with pytest.raises(MissingDependencyError) as caught:
        edgekit.quantize(tmp_path / "m.keras", np.zeros((2, 4, 4, 1), np.float32), out=tmp_path / "m.tflite")
    assert "edgekit[tensorflow]" in str(caught.value)
    assert not (tmp_path / "m.tflite").exists()


def test_a_python_that_does_not_run_or_has_no_tensorflow_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.keras").write_bytes(b"")
    monkeypatch.setenv(PYTHON_KEY, str(tmp_path / "no-python"))
    with pytest.raises(MissingDependencyError, match="no-python' does not run"):
        converted(tmp_path / "m.keras")
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')  # -S: no installed packages
    bare.chmod(0o755)
    monkeypatch.setenv(PYTHON_KEY, str(bare))
    with pytest.raises(UnsupportedOpError, match="No module named 'tensorflow'"):
        converted(tmp_path / "m.keras")


def test_what_is_no_model_of_tensorflow_goes_to_the_other_readers(tmp_path: Path) -> None:
    assert not is_tensorflow_model(tmp_path) and not is_tensorflow_model(Path("m.onnx"))
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert is_tensorflow_model(tmp_path) and is_tensorflow_model(Path("m.KERAS"))
    with pytest.raises(BadFileError, match="no such file"):
        converted(tmp_path / "missing.keras")
