"""Models that hear PCM: the generated C built for this machine, and LiteRT behind the reference front-end."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.core.errors import BadConfigError, BadFileError, MissingDependencyError
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY, require_labels
from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import find_toolchain
from edgekit.deploy.with_frontend import check_frontend, choose_frontend
from edgekit.graph.answers import probabilities
from edgekit.graph.graph import Graph
from edgekit.graph.passes.integer_core import integer_core
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.rounding import ONCE, rounding_of

if TYPE_CHECKING:
    from edgekit.features.spec import FrontendSpec

RUNNERS = ("c", "litert")
_LITERT = ("ai_edge_litert", "tflite_runtime")


@dataclass(frozen=True, eq=False)
class Listener:
    """A model ready to hear.

    Attributes:
        name: file name of the model.
        runner: what computes: "c (gcc …)" or "litert …".
        spec: its front-end.
        labels: class names in the order of the outputs.
        hear: int16 PCM [N, spec.clip_samples] to probabilities float64 [N, classes].
    """

    name: str
    runner: str
    spec: FrontendSpec
    labels: tuple[str, ...]
    hear: Callable[[np.ndarray], np.ndarray]


@contextmanager
def open_listener(
    model: Path,
    runner: str | None = None,
    frontend: str | Path | FrontendSpec | None = None,
    labels: Sequence[str] | None = None,
) -> Iterator[Listener]:
    """Open a model for as long as the block lasts.

    Args:
        model: ``.tflite``, or int8 ``.onnx`` (QDQ) for C.
        runner: "c", "litert", or None for C where the model is int8 and there is a compiler, else LiteRT.
        frontend: preset, file or spec; must be the one that the model was made for. None takes the model's own.
        labels: class names for a model that carries none.

    Raises:
        DigestMismatchError: the model was made for another front-end.
        BadConfigError: the model names no front-end, or no labels.
        MissingDependencyError: neither a compiler nor LiteRT is installed.
        UnsupportedOpError: C was asked for, and the model is not all-integer.
        BadFileError: a damaged model.
    """
    if runner is not None and runner not in RUNNERS:
        raise BadConfigError(f"unknown runner {runner!r}", where="--runner", mend=f"use one of {', '.join(RUNNERS)}")
    hearer = read_hearer(model, frontend, labels)
    graph, spec = hearer.graph, hearer.spec
    chosen = runner or _first_that_works(graph, model)
    with _generated_c(graph, spec) if chosen == "c" else _litert(graph, spec, model) as (version, hear):
        yield Listener(model.name, version, spec, hearer.labels, hear)


def _first_that_works(graph: Graph, model: Path) -> str:
    integer = any(tensor.dtype == "int8" for tensor in graph.tensors.values())
    if integer:
        try:
            find_toolchain(find_target("cpu"))
        except MissingDependencyError as error:
            if model.suffix.lower() != ".tflite" or _litert_module() is None:
                mend = f"{error.mend}, or pip install 'edgekit[tflite]'"
                raise MissingDependencyError(error.what, where="edgekit run", mend=mend) from error
        else:
            return "c"
    return "litert"


@dataclass(frozen=True)
class Hearer:
    """A model that takes what a front-end makes of PCM.

    Attributes:
        graph: edge graph.
        spec: the front-end.
        labels: of its outputs.
    """

    graph: Graph
    spec: FrontendSpec
    labels: tuple[str, ...]


def read_hearer(model: Path, frontend: str | Path | FrontendSpec | None, labels: Sequence[str] | None) -> Hearer:
    """Read a model with its front-end and its labels.

    Raises:
        DigestMismatchError: the model was made for another front-end.
        BadConfigError: the model names no front-end, or no labels.
        BadFileError: a damaged model, or labels that are not one an output.
    """
    graph = lower(load_graph(model))
    spec = choose_frontend(graph, frontend)
    if spec is None:
        raise BadConfigError("the model names no front-end", where=str(model), mend="give one with --frontend")
    check_frontend(graph, spec, graph.metadata.get(FRONTEND_DIGEST_KEY, ""))
    outputs = graph.tensor(graph.outputs[0]).elements
    return Hearer(graph, spec, require_labels(graph.metadata, labels, outputs, str(model)))


@contextmanager
def _generated_c(graph: Graph, spec: FrontendSpec) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    from edgekit.bench.host import host_model

    core = integer_core(graph)
    with host_model(generate(graph, spec, find_target("cpu"))) as model:
        yield f"c ({model.toolchain})", lambda pcm: probabilities(core, model.push(pcm)[0])


@contextmanager
def _litert(graph: Graph, spec: FrontendSpec, path: Path) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    from edgekit.features.quantized import quantize_features
    from edgekit.features.reference import features

    if rounding_of(graph) == ONCE:
        text = "%s rounds once, LiteRT twice: scores may be a step from the model's own; --runner c computes these"
        logging.getLogger("edgekit").warning(text, path.name)
    interpreter = _load(path)
    given, made = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def hear(pcm: np.ndarray) -> np.ndarray:
        rows = []
        for clip in pcm:
            x = features(spec, clip).reshape(given["shape"])
            fed = quantize_features(x, *given["quantization"]) if given["dtype"] is np.int8 else x.astype(np.float32)
            interpreter.set_tensor(given["index"], fed)
            interpreter.invoke()
            rows.append(interpreter.get_tensor(made["index"]).reshape(-1))
        return probabilities(graph, np.stack(rows))

    yield f"litert ({_litert_module()})", hear


def _litert_module() -> str | None:
    """Name of the installed package that has the interpreter."""
    return next((package for package in _LITERT if importlib.util.find_spec(package) is not None), None)


def _load(path: Path) -> Any:
    package = _litert_module()
    if path.suffix.lower() != ".tflite":
        raise BadConfigError("LiteRT runs .tflite files", where=str(path), mend="give one, or --runner c")
    if package is None:
        raise MissingDependencyError("ai_edge_litert is not installed", mend="pip install 'edgekit[tflite]'")
    module = importlib.import_module(f"{package}.interpreter")
    try:
        interpreter = module.Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise BadFileError(f"LiteRT does not load it: {error}", where=str(path), mend="try --runner c") from error
    return interpreter
