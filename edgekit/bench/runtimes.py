"""Runtimes of Python packages, served by ``server.py`` in a process of their own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from edgekit.bench.channel import Channel
from edgekit.bench.model_process import ModelProcess
from edgekit.core.errors import BadConfigError, MissingDependencyError
from edgekit.export.qdq_writer import qdq_model
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph

SERVER = Path(__file__).with_name("server.py")
PACKAGES: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        "onnxruntime": (("onnxruntime",), "pip install 'edgekit[quantize]'"),
        "litert": (("ai_edge_litert", "tflite_runtime"), "pip install 'edgekit[tflite]'"),
        "torch": (("torch",), "pip install 'edgekit[train]'"),
    }
)
"""Runtime to (packages of which one is enough, what installs it)."""
FORMATS: Mapping[str, str] = MappingProxyType({"onnxruntime": ".onnx", "litert": ".tflite"})


@dataclass(frozen=True)
class Runtime:
    """How a runtime is started.

    Attributes:
        name: of PACKAGES.
        device: "cpu" or "cuda".
        compiled: torch.compile.
        threads: inside one operator.
        cpus: processors that it stays on, none for all.
        profile: prefix of ONNX Runtime's own profile, "" for none.
    """

    name: str
    device: str = "cpu"
    compiled: bool = False
    threads: int = 1
    cpus: tuple[int, ...] = ()
    profile: str = ""

    def options(self) -> dict[str, Any]:
        """As ``server.py`` takes them."""
        return {
            "runtime": self.name,
            "device": self.device,
            "compiled": self.compiled,
            "threads": self.threads,
            "cpus": list(self.cpus),
            "profile": self.profile,
        }


def is_installed(name: str) -> bool:
    """Whether one of a runtime's packages can be imported."""
    return any(importlib.util.find_spec(package) for package in PACKAGES[name][0])


def check_installed(name: str) -> None:
    """Make sure that a runtime can be imported.

    Raises:
        BadConfigError: no such runtime.
        MissingDependencyError: it is not installed.
    """
    if name not in PACKAGES:
        raise BadConfigError(f"unknown runner {name!r}", where="--runner", mend=f"use one of {', '.join(PACKAGES)}")
    if not is_installed(name):
        raise MissingDependencyError("is not installed", where=name, mend=PACKAGES[name][1])


def integer_model(core: Graph, runtime: str, path: Path | None) -> tuple[bytes, dict[str, Any]]:
    """The model as a runtime loads it, and how its int8 is read.

    A file of the runtime's own format is handed over as it is; any other is written from the graph.

    Args:
        core: integer graph without float ends.
        runtime: "onnxruntime" or "litert".
        path: the file that ``core`` was read from.

    Raises:
        UnsupportedOpError: the graph cannot be written in the runtime's format.
    """
    if path is not None and path.suffix.lower() == FORMATS[runtime]:
        model = path.read_bytes()
    elif runtime == "onnxruntime":
        model = qdq_model(core).SerializeToString(deterministic=True)
    else:
        model = tflite_bytes(core)
    source, sink = core.tensor(core.inputs[0]), core.tensor(core.outputs[0])
    ends = {"input": list(source.scale_zero()), "output": list(sink.scale_zero())}
    return model, {"dims": list(source.dims), **ends}


@contextmanager
def serve(
    runtime: Runtime, model: bytes, ends: Mapping[str, Any], *, outputs: int, dtype: type[np.generic] = np.int8
) -> Iterator[ModelProcess]:
    """Start ``server.py`` on this machine with a model.

    Args:
        runtime: which, and how.
        model: contents of the model file.
        ends: dims, input and output as ``server.py`` takes them.
        outputs: scores.
        dtype: of the scores: int8, or float32 where ``ends`` has no quantization.

    Raises:
        MissingDependencyError, TargetError: it does not start, or cannot load the model.
    """
    # One thread unless the runtime is told otherwise: numpy's own pools would disturb what is measured.
    environment = {"OMP_NUM_THREADS": str(runtime.threads), "PYTHONUNBUFFERED": "1"}
    with Channel([sys.executable, str(SERVER)], where=runtime.name, environment=environment) as channel:
        process = ModelProcess(channel, outputs, dtype)
        process.load(model, {**runtime.options(), **ends})
        yield process
