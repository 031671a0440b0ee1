"""How much of a model computes in int16: as little as keeps the logits near the float model's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgekit.core.progress import Progress, silent
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.passes.widen import widths
from edgekit.quantize.compare import dequantized_outputs
from edgekit.quantize.ptq import AUTO as OBSERVER
from edgekit.quantize.ptq import PtqOptions, prepared, quantize_prepared

AUTO = "auto"
"""Instead of a mode of graph/passes/widen.py: the first of them whose logits are near enough."""
NEAR = 0.025
"""Largest rms error of the logits, relative to their rms, that is near enough.

In benchmarks/results/quantization.json, int8 models below it kept the float label on 98.5 to 100 % of other speakers'
clips, those above on as few as 92.8 %.
"""
_ORDER = ("norms", "attention", "all")
_CLIPS = 64
"""Calibration clips that a mode is tried with."""


def with_widths(graph: Graph, clips: np.ndarray, options: PtqOptions, progress: Progress = silent) -> PtqOptions:
    """``options`` with a mode in place of "auto"; others are returned as they are.

    Args:
        graph: float edge graph.
        clips: float32 [N, H, W, C].
        options: how to quantize.
        progress: told about modes tried.
    """
    if options.widths != AUTO:
        return options
    some = clips[np.unique(np.linspace(0, len(clips) - 1, min(_CLIPS, len(clips))).round().astype(int))]
    some = np.ascontiguousarray(some, np.float32)
    # What activations need does not depend on how few values weights have, and layers of int16 are not packed.
    full = replace(options, adaround=False, cluster=None, weights="int8", observer=_observer(options.observer))
    tried: list[dict[str, str]] = []
    for place, mode in enumerate(_ORDER):
        trial = replace(full, widths=mode)
        base = prepared(graph, trial)
        if widths(base) in tried:
            continue
        tried.append(widths(base))
        error = relative_error(base, quantize_prepared(base, some, trial), some)
        progress("choosing widths", place + 1, len(_ORDER))
        if error <= NEAR:
            break
    return replace(options, widths=mode)


def _observer(asked: str) -> str:
    """Modes differ by more than observers do: to look for the best of these in every mode is not worth its time."""
    return "mse" if asked == OBSERVER else asked


def relative_error(graph: Graph, integer: Graph, clips: np.ndarray) -> float:
    """Rms error of an integer graph's outputs on ``clips``, relative to the rms of the float graph's."""
    expected = run_float(graph, clips).astype(np.float64)
    error = dequantized_outputs(integer, clips).reshape(expected.shape) - expected
    return float(np.sqrt(np.mean(np.square(error)) / max(float(np.mean(np.square(expected))), 1e-30)))
