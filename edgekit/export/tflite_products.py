"""TFLite forms of batch_matmul, and of functions that are tables: cast, add and gather (table_lookup.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tflite

from edgekit.export.table_lookup import CAST, GATHER, SHIFT
from edgekit.export.tflite_op import ACTIVATIONS, TfliteOp, int32_constant
from edgekit.graph.graph import Graph, Node

_MATMUL_VERSIONS = {"float32": 1, "int8": 2, "int16": 3}


def _batch_matmul(graph: Graph, node: Node) -> TfliteOp:
    fields = {"AdjX": bool(node.attrs["adj_x"]), "AdjY": bool(node.attrs["adj_y"])}
    number = _MATMUL_VERSIONS[graph.tensor(node.inputs[0]).dtype]
    return TfliteOp("BATCH_MATMUL", number, node.inputs, node.outputs, "BatchMatMulOptions", fields)


def _cast(graph: Graph, node: Node) -> TfliteOp:
    fields = {"InDataType": tflite.TensorType.INT8, "OutDataType": tflite.TensorType.INT32}
    return TfliteOp("CAST", 1, node.inputs, node.outputs, "CastOptions", fields)


def _shift(graph: Graph, node: Node) -> TfliteOp:
    fields = {"FusedActivationFunction": ACTIVATIONS["none"]}
    return TfliteOp("ADD", 1, node.inputs, node.outputs, "AddOptions", fields)


def _gather_places(graph: Graph, node: Node) -> TfliteOp:
    places = int32_constant(f"{node.name}/indices", node.attrs["indices"])
    number = 2 if graph.tensor(node.inputs[0]).dtype == "int8" else 1
    inputs = (node.inputs[0], places.name)
    fields = {"Axis": node.attrs["axis"]}
    return TfliteOp("GATHER", number, inputs, node.outputs, "GatherOptions", fields, (places,))


def _gather(graph: Graph, node: Node) -> TfliteOp:
    return TfliteOp("GATHER", 2, node.inputs, node.outputs, "GatherOptions", {"Axis": 0})


PRODUCT_WRITERS: Mapping[str, Callable[[Graph, Node], TfliteOp]] = {
    "batch_matmul": _batch_matmul,
    "gather": _gather_places,
    CAST: _cast,
    SHIFT: _shift,
    GATHER: _gather,
}
"""Operators of this file, by edge name or by the internal names of table_lookup.py."""
