"""How far an integer graph is from the float graph that it was made from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer

_CLIPS_A_RUN = 64


@dataclass(frozen=True)
class Difference:
    """Integer outputs, dequantized, against float outputs on the same clips.

    Attributes:
        clips: compared.
        max_error: largest absolute difference of one output value.
        rms_error: root of the mean squared difference.
        output_range: largest minus smallest float output, to judge the errors by.
        label_agreement: share of clips on which both have the largest value at the same class.
    """

    clips: int
    max_error: float
    rms_error: float
    output_range: float
    label_agreement: float

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return asdict(self)


def compare(graph: Graph, integer: Graph, clips: np.ndarray) -> Difference:
    """Run both graphs over ``clips`` (float32 [N, H, W, C])."""
    pairs = [
        (run_float(graph, part), dequantized_outputs(integer, part))
        for part in (clips[start : start + _CLIPS_A_RUN] for start in range(0, len(clips), _CLIPS_A_RUN))
    ]
    expected, actual = (np.concatenate([pair[side] for pair in pairs]).astype(np.float64) for side in (0, 1))
    error = np.abs(expected - actual)
    return Difference(
        clips=len(clips),
        max_error=float(error.max()),
        rms_error=float(np.sqrt(np.mean(np.square(error)))),
        output_range=float(expected.max() - expected.min()),
        label_agreement=float(np.mean(_labels(expected) == _labels(actual))),
    )


def dequantized_outputs(integer: Graph, clips: np.ndarray) -> np.ndarray:
    """float32 outputs of an int8 graph for float32 ``clips``, which are quantized as a device does."""
    source, output = integer.tensor(integer.inputs[0]), integer.tensor(integer.outputs[0])
    scale, zero_point = source.scale_zero()
    steps = np.floor(clips.astype(np.float64) * (1.0 / scale) + 0.5) + zero_point
    outputs = run_integer(integer, np.clip(steps, -128, 127).astype(np.int8))
    scale, zero_point = output.scale_zero()
    return ((outputs.astype(np.float64) - zero_point) * scale).astype(np.float32)


def _labels(outputs: np.ndarray) -> np.ndarray:
    result: np.ndarray = outputs.reshape(len(outputs), -1).argmax(axis=1)
    return result
