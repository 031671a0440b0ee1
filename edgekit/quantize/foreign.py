"""Other packages' post-training quantizers, run on the ONNX file and read back as an integer graph.

They run here as libraries: their models carry QuantizeLinear and DequantizeLinear, which graph/passes/qdq.py turns into
the integers that edgekit runs, writes and compiles.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from edgekit.core.errors import BadConfigError, EdgekitError
from edgekit.core.optional import require
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.rounding import rounding_of, with_rounding

EXTRA = "nncf"
"""The extra that brings NNCF and ONNX Runtime."""


def quantized_by(method: str, model: Path, graph: Graph, clips: np.ndarray) -> Graph:
    """The integer graph that another package makes of an ONNX model.

    Args:
        method: a key of :data:`METHODS`.
        model: float ``.onnx``.
        graph: the model, lowered, whose metadata (its rounding among them) the result carries.
        clips: float32 [N, H, W, C].

    Raises:
        BadConfigError: another format than ONNX.
        MissingDependencyError: the package is not installed.
        UnsupportedOpError: the package left something in float that has no place in an integer graph.
        EdgekitError: the package failed.
    """
    if model.suffix != ".onnx":
        raise BadConfigError(f"{method} quantizes ONNX models", where=str(model), mend="export the model as ONNX")
    inputs = _onnx_inputs(model, graph, clips)
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        out = Path(folder) / "quantized.onnx"
        _run(method, model, inputs, out)
        integer = lower(with_rounding(load_graph(out), rounding_of(graph)), clips)
    return integer.replace(name=graph.name, metadata=dict(graph.metadata))


def partly_quantized(model: Path, name: str, dims: tuple[int, ...], clips: np.ndarray) -> bytes:
    """QDQ ONNX by ONNX Runtime of a model that need not become integer throughout.

    Args:
        model: float ``.onnx``.
        name: of its input.
        dims: of its input.
        clips: float32 [N, …] in the file's layout, or with channels last.

    Raises:
        EdgekitError: ONNX Runtime failed.
    """
    arranged = clips if clips.shape[1:] == dims[1:] or clips.ndim < 4 else np.moveaxis(clips, -1, 1)
    feeds = [{name: np.ascontiguousarray(clip, np.float32).reshape(dims)} for clip in arranged]
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        out = Path(folder) / "quantized.onnx"
        _run("ort", model, feeds, out)
        return out.read_bytes()


def _run(method: str, model: Path, feeds: list[dict[str, np.ndarray]], out: Path) -> None:
    with _quiet():
        try:
            METHODS[method](model, feeds, out)
        except (RuntimeError, ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            mend = "quantize with edgekit's own method: leave --method out"
            raise EdgekitError(f"{method} failed: {reason}", where=str(model), mend=mend) from error


def _onnx_inputs(model: Path, graph: Graph, clips: np.ndarray) -> list[dict[str, np.ndarray]]:
    """One feed a clip, in the layout of the file."""
    file = load_graph(model)
    name = file.inputs[0]
    dims = file.tensor(name).dims
    edge = graph.tensor(graph.inputs[0]).dims
    arranged = clips if dims == edge else np.moveaxis(clips, -1, 1)
    return [{name: np.ascontiguousarray(clip, np.float32).reshape(dims)} for clip in arranged]


def _by_ort(model: Path, inputs: list[dict[str, np.ndarray]], out: Path) -> None:
    """ONNX Runtime's quantize_static: QDQ, int8 activations, int8 weights per channel, min-max calibration."""
    quantization = require("onnxruntime.quantization", EXTRA)
    shapes = require("onnxruntime.quantization.shape_inference", EXTRA)

    class Reader(quantization.CalibrationDataReader):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            self.rest = iter(inputs)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.rest, None)

    prepared = out.with_name("prepared.onnx")
    shapes.quant_pre_process(str(model), str(prepared))
    quantization.quantize_static(
        str(prepared),
        str(out),
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
    )


def _by_nncf(model: Path, inputs: list[dict[str, np.ndarray]], out: Path) -> None:
    """NNCF's quantize on its ONNX backend: int8 activations, symmetric int8 weights per channel."""
    os.environ.setdefault("NNCF_EXTENSION_LOAD_TIMEOUT", "300")
    nncf = require("nncf", EXTRA)
    onnx = require("onnx", "train")
    onnx.save(nncf.quantize(onnx.load(model), nncf.Dataset(inputs), subset_size=len(inputs)), out)


METHODS: dict[str, Callable[[Path, list[dict[str, np.ndarray]], Path], None]] = {"nncf": _by_nncf, "ort": _by_ort}
"""Quantizers by the name that ``edgekit quantize --method`` takes: (float ONNX, feeds, QDQ ONNX to write)."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the packages' progress bars and advice off stdout and stderr."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield
    finally:
        logging.disable(previous)
