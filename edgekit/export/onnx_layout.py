"""What ONNX does otherwise: NCHW where the graph is NHWC (tensors of rank 4), and where int16 needs another domain."""

from __future__ import annotations

from edgekit.export.onnx_builder import OnnxBuilder
from edgekit.graph.graph import Graph

TO_NCHW = (0, 3, 1, 2)
TO_NHWC = (0, 2, 3, 1)


def is_wide(graph: Graph) -> bool:
    """Whether activations are int16."""
    return any(tensor.dtype == "int16" for tensor in graph.tensors.values())


def as_nhwc(builder: OnnxBuilder, x: str, rank: int, where: str) -> str:
    """``x`` in the graph's order."""
    return builder.node("Transpose", [x], f"{where}/nhwc", perm=list(TO_NHWC)) if rank == 4 else x


def as_nchw(builder: OnnxBuilder, x: str, rank: int, where: str) -> str:
    """``x`` in ONNX's order."""
    return builder.node("Transpose", [x], f"{where}/nchw", perm=list(TO_NCHW)) if rank == 4 else x
