"""Keras models and SavedModels: TensorFlow's converter makes float TFLite of them, in a process of its own.

TensorFlow is never imported here. It runs in this Python, or in the one that ``EDGEKIT_TENSORFLOW_PYTHON`` names, so
that it may live in another environment. A SavedModel is a program: convert none whose maker is not trusted.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from edgekit.core.errors import BadFileError, MissingDependencyError, UnsupportedOpError
from edgekit.quantize import tensorflow_script

PYTHON_KEY = "EDGEKIT_TENSORFLOW_PYTHON"
"""Environment variable: the Python that has TensorFlow, where it is not this one."""
SUFFIXES = (".keras", ".h5")
SECONDS = 600.0
"""For a conversion, TensorFlow's start included."""


def is_tensorflow_model(path: Path) -> bool:
    """A Keras file, or the folder of a SavedModel."""
    return path.suffix.lower() in SUFFIXES or (path / "saved_model.pb").is_file()


def converted(path: Path) -> bytes:
    """The float TFLite file of a Keras model or SavedModel, for one clip.

    Raises:
        BadFileError: no such file.
        MissingDependencyError: TensorFlow is not installed.
        UnsupportedOpError: its converter refuses the model; the message is the converter's.
    """
    if not path.exists():
        raise BadFileError("no such file", where=str(path), mend="check the path")
    with tempfile.TemporaryDirectory(prefix="edgekit-tensorflow-") as folder:
        target = Path(folder) / "model.tflite"
        done = _run([_python(), tensorflow_script.__file__, str(path.resolve()), str(target)], path)
        if done.returncode or not target.is_file():
            raise UnsupportedOpError(
                f"TensorFlow does not convert it: {_said(done)}",
                where=str(path),
                mend="build recurrent layers with unroll=True and fixed lengths, or export the model as ONNX",
            )
        return target.read_bytes()


def _python() -> str:
    other = os.environ.get(PYTHON_KEY)
    if other:
        return other
    if importlib.util.find_spec("tensorflow") is None:
        raise MissingDependencyError(
            "tensorflow is not installed",
            mend=f"pip install 'edgekit[tensorflow]', or name a Python that has it in {PYTHON_KEY}",
        )
    return sys.executable


def _run(command: list[str], path: Path) -> subprocess.CompletedProcess[str]:
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False, env={**os.environ, **quiet}
        )
    except subprocess.TimeoutExpired as error:
        raise UnsupportedOpError(f"TensorFlow took more than {SECONDS:.0f} s", where=str(path)) from error
    except OSError as error:
        raise MissingDependencyError(
            f"{command[0]!r} does not run: {error.strerror}", mend=f"name a Python that has tensorflow in {PYTHON_KEY}"
        ) from error


def _said(done: subprocess.CompletedProcess[str]) -> str:
    """The script's own last word, else how it ended."""
    marked = [line for line in done.stderr.splitlines() if line.startswith(tensorflow_script.MARK)]
    if marked:
        return marked[-1].removeprefix(tensorflow_script.MARK)
    return f"it ended with status {done.returncode}"
