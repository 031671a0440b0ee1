"""Calibration: run the float graph over clips and note what every activation holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from edgekit.core.errors import BadConfigError, DataError
from edgekit.core.progress import Progress, silent
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.passes.widen import WIDE, widths
from edgekit.quantize.choose_observer import best_ranges
from edgekit.quantize.observers import OBSERVERS, Histogram, Range, min_max

BINS = 2048
"""Of the histograms that the percentile and mse observers look at."""
_CLIPS_A_RUN = 32
EACH = "each"
"""Instead of an observer: the best for each activation."""
HEADROOM = 1 / 16
"""Share of their range that graph outputs get beyond it at either end: recordings that nobody calibrated with have
larger logits. A trained DS-CNN was 0.96 off on such clips where its outputs were clipped, 0.2 elsewhere."""


@dataclass(frozen=True)
class Calibration:
    """What calibration found.

    Attributes:
        ranges: by activation name, graph inputs and outputs included.
        clips: over how many clips.
        observer: by which observer.
        chosen: with "each", the observer of each activation.
    """

    ranges: Mapping[str, Range]
    clips: int
    observer: str
    chosen: Mapping[str, str] = field(default_factory=dict)


def calibrate(graph: Graph, clips: np.ndarray, observer: str = "mse", progress: Progress = silent) -> Calibration:
    """Ranges of all activations of a float edge graph.

    Graph outputs always keep their full range and some headroom: clipped logits are wrong in a way that no later step
    mends.

    Args:
        graph: float edge graph with one input.
        clips: float32 [N, input shape without the leading 1].
        observer: a name of :data:`~edgekit.quantize.observers.OBSERVERS`, or "each": for each activation the one
            with the least error behind it (:func:`edgekit.quantize.choose_observer.best_ranges`).
        progress: told about clips done.

    Raises:
        BadConfigError: unknown observer.
        DataError: see :func:`check_clips`; or the float graph itself gives NaN.
    """
    if observer not in (*OBSERVERS, EACH):
        raise BadConfigError(f"unknown observer {observer!r}", mend=f"use one of {', '.join((*OBSERVERS, EACH))}")
    clips = check_clips(graph, clips)
    extremes = _extremes(graph, clips, progress)
    if observer == "minmax":
        seen = {name: Range(*extreme) for name, extreme in extremes.items()}
        return Calibration(_with_headroom(graph, seen), len(clips), observer)
    histograms = _histograms(graph, clips, extremes, progress)
    if observer != EACH:
        return Calibration(_observed(graph, histograms, observer), len(clips), observer)
    return _each(graph, clips, histograms)


def calibrations(graph: Graph, clips: np.ndarray, progress: Progress = silent) -> tuple[Calibration, ...]:
    """By every observer but entropy (which clips the few large values that decide), and by "each", in one go.

    Raises:
        DataError: see :func:`calibrate`.
    """
    clips = check_clips(graph, clips)
    histograms = _histograms(graph, clips, _extremes(graph, clips, progress), progress)
    names = [name for name in OBSERVERS if name != "entropy"]
    found = [Calibration(_observed(graph, histograms, name), len(clips), name) for name in names]
    return (*found, _each(graph, clips, histograms))


def _each(graph: Graph, clips: np.ndarray, histograms: Mapping[str, Histogram]) -> Calibration:
    candidates = {name: _observed(graph, histograms, name) for name in OBSERVERS}
    ranges, chosen = best_ranges(graph, clips, candidates)
    return Calibration(ranges, len(clips), EACH, chosen)


def _observed(graph: Graph, histograms: Mapping[str, Histogram], observer: str) -> dict[str, Range]:
    # 16 bits are enough for everything that was seen; to clip anything would only do harm.
    whole = {*graph.outputs, *(name for name, width in widths(graph).items() if width == WIDE)}
    observers = {name: min_max if name in whole else OBSERVERS[observer] for name in histograms}
    return _with_headroom(graph, {name: observers[name](histogram) for name, histogram in histograms.items()})


def _with_headroom(graph: Graph, ranges: Mapping[str, Range]) -> dict[str, Range]:
    found = dict(ranges)
    for name in graph.outputs:
        margin = HEADROOM * (found[name].high - found[name].low)
        # An end at 0 is one that a ReLU or a softmax cannot cross.
        low, high = (end and end + sign * margin for end, sign in ((found[name].low, -1), (found[name].high, 1)))
        found[name] = Range(low, high)
    return found


def check_clips(graph: Graph, clips: np.ndarray) -> np.ndarray:
    """``clips`` as float32, after the checks that bad calibration data fails.

    Raises:
        DataError: no clips, another shape than the model's input, NaN or infinity, or every value the same (silence).
    """
    if len(graph.inputs) != 1:
        raise DataError(f"the model has {len(graph.inputs)} inputs", where=graph.name, mend="one input is supported")
    dims = graph.tensor(graph.inputs[0]).dims
    shape = dims[1:] if len(dims) > 1 else dims
    if clips.ndim == 0 or clips.shape[0] == 0:
        raise DataError("no calibration clips", mend="give at least a few dozen")
    if clips.shape[1:] != shape:
        wanted = ", ".join(map(str, shape))
        raise DataError(
            f"calibration of shape {clips.shape}; the model needs [N, {wanted}]", mend="use the model's own front-end"
        )
    values = np.ascontiguousarray(clips, dtype=np.float32)
    bad = int(np.count_nonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1)))
    if bad:
        raise DataError(f"{bad} of {len(values)} calibration clips hold NaN or infinity", mend="leave them out")
    if values.min() == values.max():
        raise DataError(
            f"every calibration value is {values.flat[0]:g} (silence?)", mend="calibrate with recordings of the task"
        )
    return values


def _batches(graph: Graph, clips: np.ndarray, what: str, progress: Progress) -> Iterator[dict[str, np.ndarray]]:
    for start in range(0, len(clips), _CLIPS_A_RUN):
        yield run_float(graph, clips[start : start + _CLIPS_A_RUN], all_tensors=True)
        progress(what, min(start + _CLIPS_A_RUN, len(clips)), len(clips))


def _extremes(graph: Graph, clips: np.ndarray, progress: Progress) -> dict[str, tuple[float, float]]:
    extremes: dict[str, tuple[float, float]] = {}
    for tensors in _batches(graph, clips, "calibrating", progress):
        for name, values in tensors.items():
            low, high = float(values.min()), float(values.max())
            if not np.isfinite([low, high]).all():
                raise DataError("the float model gives NaN or infinity", where=name, mend="check the model's weights")
            before = extremes.get(name, (low, high))
            extremes[name] = (min(low, before[0]), max(high, before[1]))
    return extremes


def _histograms(
    graph: Graph, clips: np.ndarray, extremes: Mapping[str, tuple[float, float]], progress: Progress
) -> dict[str, Histogram]:
    counts = {name: np.zeros(BINS, np.int64) for name in extremes}
    for tensors in _batches(graph, clips, "observing", progress):
        for name, values in tensors.items():
            # In float64: the bins of nearly constant activations are narrower than float32 can tell apart.
            counts[name] += np.histogram(values.astype(np.float64), BINS, extremes[name])[0]
    return {name: Histogram(*extremes[name], counts[name]) for name in extremes}
