"""What a reader has and a test machine has not, stood in for: a Raspberry Pi with a microphone, a board, Keras models.

The Pi is this machine behind a real sshd, its ``arecord`` a script that plays a tone once; the board is emulated and
has the model's firmware already; TensorFlow makes the Keras models in its own environment.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from emulated_board import TARGET, emulated_board
from loopback_sshd import sshd
from shelf import Shelf

from edgekit.api.wake import WakeConfig
from edgekit.api.wake_data import WakeSet
from edgekit.bench.qemu import PROGRAM
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.features.embedded import embedded_spec
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize.tensorflow_models import PYTHON_KEY

_KERAS = ("model.keras", "saved_model_folder")
_MAKE = """
import sys, numpy, tensorflow
clips = numpy.load(sys.argv[1])
shape = clips[clips.files[0]].shape[1:]
layers = tensorflow.keras.layers
model = tensorflow.keras.Sequential([tensorflow.keras.Input(shape), layers.Flatten(), layers.Dense(3)])
model.save("model.keras")
model.export("saved_model_folder")
"""


def _tensorflow() -> str:
    return os.environ.get(PYTHON_KEY) or (sys.executable if importlib.util.find_spec("tensorflow") else "")


def lacking(words: list[str]) -> str:
    """What this machine has not and the command cannot do without; "" where it can run."""
    paths = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    if "--host" in words and not all(shutil.which(name, path=paths) for name in ("ssh", "sshd")):
        return "openssh-server and openssh-client (Debian packages)"
    if "--serial" in words and shutil.which(PROGRAM) is None:
        return "qemu-system-arm (Debian package)"
    if any(word in _KERAS for word in words) and not _tensorflow():
        return f"TensorFlow ({PYTHON_KEY})"
    return ""


def shrink_wake_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes of streams in the place of hours, few words that sound alike; any threshold keeps the promise."""
    streams = {"lesson_hours": 0.05, "hours": 0.02, "word_minutes": 1, "backgrounds": 1, "most_per_hour": 1e6}
    words = {"voices": 10, "takes": 1, "neighbours": 20, "talk": 1, "languages": ("en",)}
    monkeypatch.setattr("edgekit.api.wake.WakeConfig", lambda **given: WakeConfig(**{**given, **streams}))
    monkeypatch.setattr("edgekit.api.wake_data.WakeSet", lambda **given: WakeSet(**{**given, **words}))


class StandIns:
    """Starts each when a command first asks for it, and stops all in the end.

    Args:
        shelf: things that documents start from.
        folder: for keys, firmware and programs.
        stack: stops them.
    """

    def __init__(self, shelf: Shelf, folder: Path, stack: ExitStack) -> None:
        self._shelf, self._folder, self._stack = shelf, folder, stack
        self._host: list[str] = []
        self._line = ""

    def fill(self, words: list[str], folder: Path) -> list[str]:
        """A command's words for this machine; Keras models are made in ``folder``."""
        if "--host" in words:
            place = words.index("--host")
            words = [*words[:place], *self._far(), *words[place + 2 :]]
            words = ["linux" if word == "rpi4" else word for word in words]  # what this machine truly is
        if "--serial" in words:
            words[words.index("--serial") + 1] = self._board()
        if any(word in _KERAS and not (folder / word).exists() for word in words):
            command = [_tensorflow(), "-c", _MAKE, str(self._shelf["features.npz"])]
            subprocess.run(command, check=True, cwd=folder, capture_output=True)
        return words

    def _far(self) -> list[str]:
        """How the Pi is reached."""
        if not self._host:
            programs = self._folder / "programs"
            programs.mkdir()
            tone = programs / "tone.pcm"
            tone.write_bytes((8000 * np.sin(np.arange(32_000) / 10)).astype("<i2").tobytes())
            (programs / "arecord").write_text(f"#!/bin/sh\nexec cat '{tone}'\n")
            (programs / "arecord").chmod(0o755)
            host = self._stack.enter_context(sshd(self._folder, programs=programs)).host
            self._host = ["--host", host.name, "--ssh-port", str(host.port), "--identity", str(host.identity)]
            self._host += [word for option in host.options for word in ("--ssh-option", option)]
        return self._host

    def _board(self) -> str:
        """The line to a board that runs the shelf's model."""
        if not self._line:
            target, graph = find_target(TARGET), lower(load_graph(self._shelf["model.tflite"]))
            sources = generate(graph, embedded_spec(graph.metadata, "model.tflite"), target)
            elf = build(sources, target, self._folder / "image", project="cortex-m-serial").path
            self._line = self._stack.enter_context(emulated_board(elf))
        return self._line
