"""Every operator of ONNX, of TFLite and of the edge dialect is counted, free or undecidable, and only one of them."""

from __future__ import annotations

import tflite
from onnx import defs

from edgekit.budget.rules import edge_table, onnx_table, tflite_table
from edgekit.graph.ops import EDGE_OPS

CONTROL_FLOW = {"If", "Loop", "Scan", "SequenceMap"}


def test_every_onnx_operator_has_a_rule_or_a_reason() -> None:
    standard = {schema.name for schema in defs.get_all_schemas_with_history() if schema.domain == ""}
    assert len(standard) > 190
    assert standard - onnx_table.RULES.keys() - onnx_table.UNDECIDABLE.keys() == set()


def test_every_tflite_builtin_has_a_rule_or_a_reason() -> None:
    builtins = {name for name in vars(tflite.BuiltinOperator) if name.isupper()}
    assert len(builtins) > 200
    assert builtins - tflite_table.RULES.keys() - tflite_table.UNDECIDABLE.keys() == set()


def test_every_edge_operator_has_a_rule() -> None:
    assert set(EDGE_OPS) == edge_table.RULES.keys()


def test_no_operator_is_in_two_tables() -> None:
    for table in (onnx_table, tflite_table, edge_table):
        assert not table.FREE & table.COUNTED.keys()
        assert not table.RULES.keys() & table.UNDECIDABLE.keys()


def test_control_flow_is_undecidable() -> None:
    assert onnx_table.UNDECIDABLE.keys() >= CONTROL_FLOW
    assert {"IF", "WHILE", "CALL", "CALL_ONCE", "CUSTOM", "DELEGATE"} <= tflite_table.UNDECIDABLE.keys()


def test_operators_that_multiply_and_accumulate_are_not_free() -> None:
    assert not {"Conv", "Gemm", "MatMul", "Einsum", "LSTM", "GRU", "RNN", "Attention"} & onnx_table.FREE
    assert not {"CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL", "SVDF", "LSTM", "TRANSPOSE_CONV"} & tflite_table.FREE


def test_every_rule_states_itself() -> None:
    for table in (onnx_table, tflite_table, edge_table):
        for op, rule in table.RULES.items():
            assert rule.__doc__ and len(rule.__doc__) > 40, op
