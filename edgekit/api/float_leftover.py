"""Models with operators that have no integer form: which these are, and what can be had of such a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.errors import BadConfigError, BadFileError, DataError, UnsupportedOpError
from edgekit.core.files import write_bytes
from edgekit.core.progress import Progress, silent
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

_SHOWN = 3
NO_FORM = "the edge dialect has no integer form for it"


@dataclass(frozen=True)
class FloatOperator:
    """Operators that stay in float.

    Attributes:
        op: operator of the file.
        layers: their names.
        reason: why they stay.
    """

    op: str
    layers: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        further = len(self.layers) - _SHOWN
        names = ", ".join(self.layers[:_SHOWN]) + (f" and {further} more" if further > 0 else "")
        return f"{len(self.layers)} {self.op} ({names}): {self.reason}"


@dataclass(frozen=True)
class PartlyInteger:
    """A model that is not integer throughout: QDQ ONNX for ONNX Runtime, no TFLite, no C.

    Attributes:
        model: the float model.
        qdq: the file written.
        left: what stays in float.
        calibration_clips: over how many clips the ranges were taken.
    """

    model: Path
    qdq: Path
    left: tuple[FloatOperator, ...]
    calibration_clips: int

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for ``--format json``."""
        return {
            "model": str(self.model),
            "tflite": None,
            "qdq": str(self.qdq),
            "method": "ort",
            "float_ops": sum(len(item.layers) for item in self.left),
            "left_in_float": [{"op": i.op, "layers": list(i.layers), "reason": i.reason} for i in self.left],
            "calibration": {"clips": self.calibration_clips},
        }


class StaysFloatError(UnsupportedOpError):
    """A model cannot become integer throughout; ``left`` says why."""

    def __init__(self, left: tuple[FloatOperator, ...], where: str) -> None:
        self.left = left
        mend = "replace them, or --allow-float for a QDQ ONNX that ONNX Runtime runs, without TFLite and C"
        super().__init__("would stay in float: " + "; ".join(map(str, left)), where=where, mend=mend)


def lowered(graph: Graph, where: str) -> Graph:
    """:func:`edgekit.graph.passes.lower.lower`; its refusals list every operator that is in the way.

    Raises:
        StaysFloatError: operators without integer form.
    """
    try:
        return lower(graph)
    except UnsupportedOpError as error:
        raise StaysFloatError(_left(graph, error), where) from error


def _left(graph: Graph, error: UnsupportedOpError) -> tuple[FloatOperator, ...]:
    """Every operator without a rule, or the one that was refused."""
    from edgekit.graph.passes.without_rule import operators_without_rule

    found = operators_without_rule(graph) if graph.dialect == "onnx" else {}
    if found:
        return tuple(FloatOperator(op, layers, NO_FORM) for op, layers in found.items())
    node = next((node for node in graph.nodes if node.name == error.where), None)
    return (FloatOperator(node.op if node else "operator", (error.where or graph.name,), error.what),)


def quantize_partly(
    model: str | Path,
    calibration: object,
    out: str | Path,
    left: tuple[FloatOperator, ...],
    dims: Mapping[str, int] | None = None,
    progress: Progress = silent,
) -> PartlyInteger:
    """Quantize what ONNX Runtime can of an ONNX model; write ``OUT.qdq.onnx``.

    Args:
        model: float ``.onnx`` for which :func:`edgekit.api.quantize.quantize` raised :class:`StaysFloatError`.
        calibration: path of a ``.npz`` of features, or an array, in the layout of the file or with channels last.
        out: the ``.tflite`` that was asked for, beside which the file is written.
        left: of the error.
        dims: sizes of unknown dimensions by name.
        progress: told about the step.

    Raises:
        BadConfigError: another format than ONNX, or recordings to calibrate with.
        DataError: no clips, or NaN.
    """
    from edgekit.quantize.clip_files import read_clip_file
    from edgekit.quantize.foreign import partly_quantized

    graph = load_graph(model, dims)
    if graph.dialect != "onnx":
        raise BadConfigError("is no ONNX model", where=f"--allow-float {model}", mend="export the model as ONNX")
    if isinstance(calibration, np.ndarray):
        clips = calibration
    elif isinstance(calibration, str | Path) and Path(calibration).suffix == ".npz":
        clips = read_clip_file(Path(calibration))[0]
    else:
        mend = "compute features and give them as .npz"
        raise BadConfigError("needs features, not recordings", where="--allow-float", mend=mend)
    shape = graph.tensor(graph.inputs[0]).dims
    if not len(clips) or not np.isfinite(clips).all():
        raise DataError("no calibration clips, or NaN or infinity in them", where=str(model), mend="leave these out")
    if clips[0].size != int(np.prod(shape[1:])):
        raise BadFileError(f"calibration of shape {clips.shape}; the model takes {shape}", where=str(model))
    progress("quantizing", 0, 1)
    content = partly_quantized(Path(model), graph.inputs[0], shape, clips)
    progress("quantizing", 1, 1)
    qdq = Path(out).with_suffix(".qdq.onnx")
    write_bytes(qdq, content)
    return PartlyInteger(Path(model), qdq, left, len(clips))
