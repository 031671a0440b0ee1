"""``quantize``: a float model as integer-only TFLite and QDQ ONNX."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.calibration import calibration_clips
from edgekit.core.errors import BadConfigError
from edgekit.core.files import write_bytes
from edgekit.core.progress import Progress, silent
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

if TYPE_CHECKING:
    import numpy as np

    from edgekit.data.manifest import Manifest
    from edgekit.features.spec import FrontendSpec
    from edgekit.graph.graph import Graph
    from edgekit.quantize.compare import Difference


@dataclass(frozen=True)
class QuantizeResult:
    """What ``quantize`` made.

    Attributes:
        model: the float model.
        tflite, qdq: the files written.
        operators: how often each integer operator occurs; none is float.
        calibration_clips: over how many clips the ranges were taken.
        observer: by which observer.
        input_scale, input_zero_point: of the int8 input.
        constant_bytes: of int8 weights and int32 biases.
        difference: integer against float outputs on the calibration clips.
    """

    model: Path
    tflite: Path
    qdq: Path
    operators: Mapping[str, int]
    calibration_clips: int
    observer: str
    input_scale: float
    input_zero_point: int
    constant_bytes: int
    difference: Difference

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for ``--format json``."""
        return {
            "model": str(self.model),
            "tflite": str(self.tflite),
            "qdq": str(self.qdq),
            "operators": dict(self.operators),
            "float_ops": 0,
            "calibration": {"clips": self.calibration_clips, "observer": self.observer},
            "input": {"scale": self.input_scale, "zero_point": self.input_zero_point},
            "constant_bytes": self.constant_bytes,
            "difference_on_calibration": self.difference.to_json(),
        }


def quantize(
    model: str | Path,
    calibration: str | Path | np.ndarray | Manifest,
    out: str | Path,
    *,
    select: str | None = None,
    clips: int | None = None,
    observer: str = "mse",
    per_channel_dense: bool = False,
    bias_correction: bool = True,
    frontend: str | Path | FrontendSpec | None = None,
    dims: Mapping[str, int] | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
) -> QuantizeResult:
    """Quantize a float model after training; write ``out`` and, beside it, its QDQ ONNX (``OUT.qdq.onnx``).

    Nothing is written unless everything succeeded; no operator stays in float.

    Args:
        model: ``.onnx`` (or float ``.tflite``).
        calibration: manifest, path of a data set, ``.npz`` of features, or array of features [N, H, W, C].
        out: the ``.tflite`` to write.
        select: clips of a data set; by default ``split=train`` where there is one, else all.
        clips: most clips to calibrate with (512 of a data set).
        observer: "mse", "percentile" or "minmax".
        per_channel_dense: one weight scale an output of fully connected layers too.
        bias_correction: take the mean error of rounded weights out of the biases.
        frontend: for a model that names none; must be the one it was made for.
        dims: sizes of unknown dimensions by name.
        cache: folder of decoded audio.
        progress: told about every long step.

    Raises:
        UnsupportedOpError: the model is quantized already, or holds an operator without integer form.
        DigestMismatchError: the calibration was made by another front-end.
        DataError: nothing to calibrate with, NaN, silence, a wrong shape.
        EdgekitError: a damaged file, an impossible option.
    """
    from edgekit.export.qdq_writer import qdq_model
    from edgekit.export.tflite_writer import tflite_bytes
    from edgekit.quantize.calibrate import check_clips
    from edgekit.quantize.compare import compare
    from edgekit.quantize.ptq import PtqOptions, quantize_graph, require_float

    target = tflite_path(Path(out))
    graph = lower(load_graph(model, dims))
    require_float(graph)
    given = calibration_clips(
        graph, calibration, select=select, clips=clips, frontend=frontend, cache=cache, progress=progress
    )
    features = check_clips(graph, given)
    options = PtqOptions(observer=observer, per_channel_dense=per_channel_dense, bias_correction=bias_correction)
    integer = quantize_graph(graph, features, options, progress)
    difference = compare(graph, integer, features)
    qdq = target.with_suffix(".qdq.onnx")
    contents = {target: tflite_bytes(integer), qdq: qdq_model(integer).SerializeToString(deterministic=True)}
    for path, content in contents.items():
        write_bytes(path, content)
    scale, zero_point = integer.tensor(integer.inputs[0]).scale_zero()
    return QuantizeResult(
        model=Path(model),
        tflite=target,
        qdq=qdq,
        operators=dict(sorted(Counter(node.op for node in integer.nodes).items())),
        calibration_clips=len(features),
        observer=observer,
        input_scale=scale,
        input_zero_point=zero_point,
        constant_bytes=_constant_bytes(integer),
        difference=difference,
    )


def tflite_path(out: Path) -> Path:
    """``out``, checked to be a name for a TFLite file.

    Raises:
        BadConfigError: another suffix.
    """
    if out.suffix != ".tflite":
        raise BadConfigError(f"{out.name!r} is no name for a TFLite file", where="-o", mend="end it in .tflite")
    return out


def _constant_bytes(graph: Graph) -> int:
    return sum(tensor.nbytes for tensor in graph.tensors.values() if tensor.constant)
