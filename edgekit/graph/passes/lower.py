"""From a file's graph to the edge dialect: the one entry for everything that quantizes, interprets or compiles."""

from __future__ import annotations

from edgekit.graph.graph import Graph
from edgekit.graph.passes.check_edge import check_edge
from edgekit.graph.passes.lower_tflite import lower_tflite


def lower(graph: Graph) -> Graph:
    """The edge graph that computes what ``graph`` does: NHWC, batch 1, static shapes, checked (passes/check_edge.py).

    Args:
        graph: of the ``onnx`` dialect (float or QDQ, NCHW), of the ``tflite`` dialect (float or int8), or already edge.

    Raises:
        UnsupportedOpError: names the operator and its layer.
        UnknownShapeError: a dimension is unknown; the message says which ``--dim name=…`` mends it.
        BadFileError: the graph contradicts itself.
    """
    if graph.dialect == "edge":
        return check_edge(graph)
    return lower_tflite(graph)
