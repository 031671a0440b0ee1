"""TFLite forms of resizing, mirrored padding, and of minimum, maximum and squared_difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tflite

from edgekit.export.tflite_op import TfliteOp, int32_constant
from edgekit.graph.graph import Graph, Node

_MODES = {"reflect": tflite.MirrorPadMode.REFLECT, "symmetric": tflite.MirrorPadMode.SYMMETRIC}


def _resize(code: str, options: str) -> Callable[[Graph, Node], TfliteOp]:
    def write(graph: Graph, node: Node) -> TfliteOp:
        size = int32_constant(f"{node.name}/size", node.attrs["size"])
        fields = {"AlignCorners": bool(node.attrs["align_corners"]), "HalfPixelCenters": bool(node.attrs["half_pixel"])}
        dtype = graph.tensor(node.inputs[0]).dtype
        number = 4 if dtype == "int16" else 3 if any(fields.values()) else 2 if dtype == "int8" else 1
        return TfliteOp(code, number, (node.inputs[0], size.name), node.outputs, options, fields, (size,))

    return write


def _mirror_pad(graph: Graph, node: Node) -> TfliteOp:
    pads = int32_constant(f"{node.name}/pads", node.attrs["pads"])
    number = 2 if graph.tensor(node.inputs[0]).dtype == "int8" else 1
    fields = {"Mode": _MODES[node.attrs["mode"]]}
    return TfliteOp(
        "MIRROR_PAD", number, (node.inputs[0], pads.name), node.outputs, "MirrorPadOptions", fields, (pads,)
    )


def _pair(code: str, options: str) -> Callable[[Graph, Node], TfliteOp]:
    def write(graph: Graph, node: Node) -> TfliteOp:
        number = {"float32": 1, "int8": 2, "int16": 4}[graph.tensor(node.outputs[0]).dtype]
        return TfliteOp(code, number, node.inputs, node.outputs, options)

    return write


RESIZING_WRITERS: Mapping[str, Callable[[Graph, Node], TfliteOp]] = {
    "resize_nearest": _resize("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
    "resize_bilinear": _resize("RESIZE_BILINEAR", "ResizeBilinearOptions"),
    "mirror_pad": _mirror_pad,
    "minimum": _pair("MINIMUM", "MaximumMinimumOptions"),
    "maximum": _pair("MAXIMUM", "MaximumMinimumOptions"),
    "squared_difference": _pair("SQUARED_DIFFERENCE", "SquaredDifferenceOptions"),
}
"""Operators of this file."""
