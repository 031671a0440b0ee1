"""What ``quantize`` made, and what was found about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.core.verdict import Verdict
    from edgekit.quantize.compare import Difference
    from edgekit.quantize.sensitivity import LayerSensitivity
    from edgekit.train.evaluation.comparison import Comparison
    from edgekit.train.evaluation.evaluation import Evaluation


@dataclass(frozen=True, eq=False)
class AccuracyDrop:
    """The float and the integer model on the same test clips.

    Attributes:
        before: float.
        after: integer.
        comparison: their difference with paired bootstrap intervals; a negative one is a loss.
    """

    before: Evaluation
    after: Evaluation
    comparison: Comparison

    @property
    def share(self) -> float:
        """Accuracy lost, as a share from −1 to 1."""
        return self.before.scores.accuracy - self.after.scores.accuracy

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {
            "clips": len(self.before.clips),
            "float_accuracy": self.before.scores.accuracy,
            "int8_accuracy": self.after.scores.accuracy,
            "drop": self.share,
            "int8_minus_float": self.comparison.to_json(),
        }


@dataclass(frozen=True)
class QuantizeResult:
    """What ``quantize`` made.

    Attributes:
        model: the float model.
        tflite, qdq: the files written; no ``qdq`` of a model that remembers between inferences, which ONNX cannot.
        method: "ptq", "nncf" or "ort"; "+qat" where training followed; "qdq" of a model that was quantized already.
        operators: how often each integer operator occurs; none is float.
        calibration_clips: over how many clips the ranges were taken.
        observer: by which observer; empty where another quantizer chose.
        input_scale, input_zero_point: of the int8 input.
        constant_bytes: of integer weights and biases.
        difference: integer against float outputs on the calibration clips.
        sensitivity: every layer, where it was asked for.
        accuracy: on test clips, where some were given.
        verdict: of the budgets, where some were given.
        qat_run: run folder of the fine-tuning.
        further: report and figure, where they were asked for.
        wide: how many operators compute in int16.
        rounding: how sums are rescaled, "twice" or "once".
    """

    model: Path
    tflite: Path
    qdq: Path | None
    method: str
    operators: Mapping[str, int]
    calibration_clips: int
    observer: str
    input_scale: float
    input_zero_point: int
    constant_bytes: int
    difference: Difference
    sensitivity: tuple[LayerSensitivity, ...] = ()
    accuracy: AccuracyDrop | None = None
    verdict: Verdict | None = None
    qat_run: Path | None = None
    further: tuple[Path, ...] = ()
    wide: int = 0
    rounding: str = "twice"

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for ``--format json``."""
        return {
            "model": str(self.model),
            "tflite": str(self.tflite),
            "qdq": None if self.qdq is None else str(self.qdq),
            "method": self.method,
            "operators": dict(self.operators),
            "float_ops": 0,
            "int16_ops": self.wide,
            "rounding": self.rounding,
            "calibration": {"clips": self.calibration_clips, "observer": self.observer},
            "input": {"scale": self.input_scale, "zero_point": self.input_zero_point},
            "constant_bytes": self.constant_bytes,
            "difference_on_calibration": self.difference.to_json(),
            "sensitivity": [row.to_json() for row in self.sensitivity],
            "accuracy": None if self.accuracy is None else self.accuracy.to_json(),
            "verdict": None if self.verdict is None else self.verdict.outcome,
            "qat_run": None if self.qat_run is None else str(self.qat_run),
            "further_files": [str(path) for path in self.further],
        }
