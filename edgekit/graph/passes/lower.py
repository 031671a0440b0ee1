"""From a file's graph to the edge dialect: the one entry for everything that quantizes, interprets or compiles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph
from edgekit.graph.passes.check_edge import check_edge
from edgekit.graph.passes.cut_concat import cut_concat
from edgekit.graph.passes.drop_dead import drop_dead
from edgekit.graph.passes.fold_affine import fold_affine
from edgekit.graph.passes.fold_islands import fold_islands
from edgekit.graph.passes.fold_pad import fold_pad
from edgekit.graph.passes.fold_shuffle import fold_shuffle
from edgekit.graph.passes.fuse_activation import fuse_activation
from edgekit.graph.passes.merge_equal import merge_equal
from edgekit.graph.passes.merge_reshape import merge_reshape
from edgekit.graph.passes.qdq import integer_graph, without_rounding

FLOAT_PASSES: tuple[Callable[[Graph], Graph], ...] = (
    cut_concat,
    drop_dead,
    fold_pad,
    drop_dead,
    merge_equal,
    fold_affine,
    fuse_activation,
    fold_shuffle,
)
"""What runs over the plain lowering of an ONNX graph, in this order; each returns a new graph."""
TFLITE_PASSES: tuple[Callable[[Graph], Graph], ...] = (fold_pad, fold_islands, drop_dead, check_edge)
"""What runs over the plain lowering of a TFLite graph."""
FINAL_PASSES: tuple[Callable[[Graph], Graph], ...] = (merge_reshape, drop_dead, check_edge)
"""What runs after a QDQ model has become an integer graph (a float model stays as it is in between)."""


def lower(graph: Graph, clips: np.ndarray | None = None) -> Graph:
    """The edge graph that computes what ``graph`` does: NHWC, batch 1, static shapes, checked (passes/check_edge.py).

    Args:
        graph: of the ``onnx`` dialect (float or QDQ, NCHW), of the ``tflite`` dialect (float or int8), or already edge.
        clips: float32 [N, H, W, C], features of the task: what a QDQ model leaves in float gets its range from them.

    Raises:
        UnsupportedOpError: names the operator and its layer.
        UnknownShapeError: a dimension is unknown; the message says which ``--dim name=…`` mends it.
        BadFileError: the graph contradicts itself.
    """
    if graph.dialect == "edge":
        return check_edge(graph)
    if graph.dialect == "aten":
        raise UnsupportedOpError("an exported program is not lowered", where=graph.name, mend="export it as ONNX")
    try:
        return _lowered(graph, clips)
    except _MISFITS as error:
        raise BadFileError(
            f"an operator does not have the form that its kind demands ({error})",
            where=graph.name,
            mend="export it again",
        ) from error


def lower_unrounded(graph: Graph) -> Graph:
    """The float edge graph that a QDQ model (``onnx`` dialect) rounds: weights as stored, activations not rounded.

    Raises:
        As :func:`lower`.
    """
    from edgekit.graph.passes.lower_onnx import lower_onnx

    lowered, _ = lower_onnx(graph)
    for step in (*FLOAT_PASSES, without_rounding, *FINAL_PASSES):
        lowered = step(lowered)
    return lowered


_MISFITS = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError)
"""What rules raise on operators of damaged files: inputs too few or too many, attributes absent or of another kind."""


def _lowered(graph: Graph, clips: np.ndarray | None) -> Graph:
    if graph.dialect == "tflite":
        from edgekit.graph.passes.lower_tflite import lower_tflite

        # TFLite has no name for most symmetric paddings, so its files carry pads of their own: a copy of the whole
        # activation, on a chip. The convolution that reads it pads as well.
        lowered = lower_tflite(graph)
        for step in TFLITE_PASSES:
            lowered = step(lowered)
        return lowered
    from edgekit.graph.passes.lower_onnx import lower_onnx

    # Damaged weights may overflow on the way; check_edge refuses the result, numpy need not warn as well.
    with np.errstate(all="ignore"):
        lowered, scales = lower_onnx(graph)
        for step in FLOAT_PASSES:
            lowered = step(lowered)
        lowered = integer_graph(lowered, scales, clips)
        for step in FINAL_PASSES:
            lowered = step(lowered)
    return lowered
