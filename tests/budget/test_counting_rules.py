"""Rules on graphs made by hand: TFLite, edge and ONNX operators that torch does not export, and what is undecided."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from budget_models import conv_onnx, float32, int8, save_onnx, tflite_graph, weights
from onnx import TensorProto, helper

from edgekit.budget.counting import count
from edgekit.budget.counts import Counts
from edgekit.graph.graph import Graph, Node
from edgekit.graph.readers.load import load_graph
from edgekit.graph.tensor import Tensor, Unknown

CONV = {"stride_h": 2, "stride_w": 2, "dilation_h_factor": 1, "dilation_w_factor": 1, "padding": "SAME"}


def both(counts: Counts) -> tuple[int | float | None, int | float | None]:
    true, dcase = counts.tallies["macs_true"].quantity, counts.tallies["macs_dcase"].quantity
    return (true.value if true else None), (dcase.value if dcase else None)


def one(op: str, inputs: list[Tensor], output: Tensor, **attrs: object) -> Graph:
    node = Node(op, f"{op.lower()}_0", tuple(tensor.name for tensor in inputs), (output.name,), attrs)
    activations = tuple(tensor.name for tensor in inputs if not tensor.constant)
    return tflite_graph([node], [*inputs, output], activations, (output.name,))


@pytest.mark.parametrize(
    "graph,true,dcase",
    [
        # 25 × 5 positions of a 10 × 4 kernel over 1 channel into 64
        (
            one("CONV_2D", [int8("x", 1, 49, 10, 1), weights("w", 64, 10, 4, 1), weights("b", 64, dtype="int32")],
                int8("y", 1, 25, 5, 64), **CONV),
            125 * 40 * 64,
            125 * (40 * 64 + 64),
        ),
        # grouped: 2 groups of 4 input channels each
        (
            one("CONV_2D", [int8("x", 1, 8, 8, 8), weights("w", 6, 3, 3, 4)], int8("y", 1, 4, 4, 6), **CONV),
            16 * 9 * 4 * 6,
            16 * 9 * 4 * 6,
        ),
        (
            one("DEPTHWISE_CONV_2D", [int8("x", 1, 8, 8, 5), weights("w", 1, 3, 3, 10)], int8("y", 1, 4, 4, 10),
                **CONV, depth_multiplier=2),
            16 * 9 * 10,
            16 * 9 * 10,
        ),
        (
            one("TRANSPOSE_CONV", [weights("s", 4, dtype="int32"), weights("w", 3, 2, 2, 5), int8("x", 1, 4, 4, 5)],
                int8("y", 1, 8, 8, 3), stride_h=2, stride_w=2, padding="SAME"),
            16 * 2 * 2 * 5 * 3,
            64 * 2 * 2 * 5 * 3,
        ),
        (
            one("FULLY_CONNECTED", [int8("x", 7, 20), weights("w", 30, 20), weights("b", 30, dtype="int32")],
                int8("y", 7, 30)),
            7 * 600,
            7 * 630,  # a leading dimension that input and output share is the batch
        ),
        (
            one("FULLY_CONNECTED", [int8("x", 1, 7, 20), weights("w", 30, 20)], int8("y", 1, 7, 30)),
            7 * 600,
            600,
        ),
        (
            one("BATCH_MATMUL", [int8("x", 1, 4, 9, 6), int8("k", 1, 4, 9, 6)], int8("y", 1, 4, 9, 9), adj_y=True),
            4 * 9 * 9 * 6,
            0,
        ),
        (
            one("UNIDIRECTIONAL_SEQUENCE_LSTM",
                [float32("x", 5, 1, 10), *[weights(f"wi{i}", 16, 10, dtype="float32") for i in range(4)],
                 *[weights(f"wr{i}", 16, 16, dtype="float32") for i in range(4)]],
                float32("y", 5, 1, 16)),
            5 * 4 * 16 * 26,
            5 * 4 * 16 * 26,
        ),
        (
            one("SVDF", [int8("x", 1, 40), weights("f", 8, 40), weights("t", 8, 10, dtype="int16")], int8("y", 1, 8)),
            8 * 40 + 8 * 10,
            8 * 40 + 8 * 10,
        ),
        (one("ADD", [int8("x", 1, 4), int8("z", 1, 4)], int8("y", 1, 4)), 0, 0),
        (one("PRELU", [int8("x", 1, 4, 4, 3), weights("a", 3)], int8("y", 1, 4, 4, 3)), 0, 3),
    ],
    ids=lambda value: value.nodes[0].op if isinstance(value, Graph) else None,
)  # fmt: skip
def test_tflite_operators_by_their_formula(graph: Graph, true: int, dcase: int) -> None:
    assert both(count(graph)) == (true, dcase)


@pytest.mark.parametrize("op", ["CUSTOM", "WHILE", "IF", "CALL_ONCE", "STABLEHLO_DOT_GENERAL", "BUILTIN_999"])
def test_an_operator_without_a_rule_leaves_every_count_undecided(op: str) -> None:
    attrs = {"custom_code": "MyOp"} if op == "CUSTOM" else {}
    counts = count(one(op, [int8("x", 1, 4)], int8("y", 1, 4), **attrs))
    for tally in counts.tallies.values():
        assert tally.quantity is None
        assert op in tally.reasons[0].text
        assert tally.reasons[0].where == f"{op.lower()}_0"
    if op == "CUSTOM":
        assert "MyOp" in counts.tallies["macs_true"].reasons[0].text


def test_what_could_be_counted_beside_an_unknown_operator_is_a_lower_bound(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv1"),
        helper.make_node("Mystery", ["c"], ["y"], name="odd1", domain="com.example"),
    ]
    path = save_onnx(
        tmp_path / "m.onnx", nodes, {"x": [1, 2, 6, 6]}, {"y": [1, 3, 4, 4]}, {"w": np.zeros((3, 2, 3, 3), np.float32)}
    )
    tally = count(load_graph(path)).tallies["macs_true"]
    assert tally.quantity is None
    assert tally.lower == 16 * 3 * 2 * 9
    assert "com.example::Mystery" in tally.reasons[0].text


def test_an_operator_that_onnx_does_not_know_is_undecided_by_name(tmp_path: Path) -> None:
    nodes = [helper.make_node("Mystery", ["x"], ["y"], name="odd1")]
    counts = count(load_graph(save_onnx(tmp_path / "m.onnx", nodes, {"x": [1, 4]}, {"y": [1, 4]})))
    assert both(counts) == (None, None)
    assert counts.tallies["parameters"].reasons[0].text == "odd1: operator Mystery has no counting rule"


def test_an_operator_of_another_domain_is_not_taken_for_its_namesake(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"], domain="com.example")]
    counts = count(load_graph(save_onnx(tmp_path / "m.onnx", nodes, {"x": [1, 4]}, {"y": [1, 4]})))
    assert both(counts) == (None, None)


@pytest.mark.parametrize("op", ["If", "Loop", "Scan"])
def test_control_flow_is_undecided(op: str) -> None:
    tensors = {name: float32(name, 1, 4) for name in ("x", "y")}
    graph = Graph("g", "onnx", tensors, (Node(op, "n", ("x",), ("y",)),), ("x",), ("y",))
    assert both(count(graph)) == (None, None)
    assert "sub-graph" in count(graph).tallies["macs_true"].reasons[0].text


def test_an_empty_graph_is_undecided_in_everything() -> None:
    graph = Graph("g", "onnx", {"x": float32("x", 1, 4)}, (), ("x",), ("x",))
    assert all(tally.quantity is None for tally in count(graph).tallies.values())


def test_unknown_dimensions_are_named_and_never_taken_as_one(tmp_path: Path) -> None:
    path = conv_onnx(tmp_path / "m.onnx", batch="N", frames="time")
    counts = count(load_graph(path))
    assert counts.dims == ("N", "time")
    for key in ("macs_true", "macs_dcase", "peak_ram"):
        assert counts.tallies[key].quantity is None, key
    assert counts.tallies["macs_true"].reasons[0].mend == "say what it is: --dim N=…,time=…"
    assert counts.tallies["parameters"].quantity is not None  # weights are as static as ever
    bound = count(load_graph(path, {"N": 1, "time": 20}))
    assert both(bound) == (200 * 9 * 4 * 8, 200 * (9 * 4 * 8 + 8))


def test_one_reason_for_all_layers_that_lack_the_same_dimension(tmp_path: Path) -> None:
    tally = count(load_graph(conv_onnx(tmp_path / "m.onnx", frames="time"))).tallies["macs_true"]
    assert len(tally.reasons) == 1


def test_a_batch_multiplies_both_conventions(tmp_path: Path) -> None:
    single = both(count(load_graph(conv_onnx(tmp_path / "1.onnx"))))
    triple = both(count(load_graph(conv_onnx(tmp_path / "3.onnx", batch=3))))
    assert triple == tuple(3 * value for value in single if value is not None)


def test_a_declared_shape_that_is_too_small_changes_nothing(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Conv", ["r", "w"], ["y"], pads=[1, 1, 1, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "lies",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 50, 50])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 1, 1])],
        [helper.make_tensor("w", TensorProto.FLOAT, [4, 4, 3, 3], np.zeros(144, np.float32))],
        value_info=[helper.make_tensor_value_info("r", TensorProto.FLOAT, [1, 4, 1, 1])],
    )
    import onnx

    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    assert both(count(load_graph(path)))[0] == 2500 * 9 * 4 * 4


def test_a_tflite_convolution_whose_declared_output_does_not_follow_is_undecided() -> None:
    graph = one("CONV_2D", [int8("x", 1, 49, 10, 1), weights("w", 64, 10, 4, 1)], int8("y", 1, 1, 1, 64), **CONV)
    assert both(count(graph)) == (None, None)


EINSUMS = [
    ("bhqd,bhkd->bhqk", [(1, 4, 9, 6), (1, 4, 7, 6)], 4 * 9 * 7 * 6),
    ("ij,jk->ik", [(3, 4), (4, 5)], 60),
    ("i,j->ij", [(3,), (4,)], 12),
    ("bij->bji", [(1, 3, 4)], 0),
    ("...ij,jk->...ik", [(1, 3, 4), (4, 5)], None),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)], None),
    ("ii,ij->ij", [(3, 3), (3, 4)], None),
]


@pytest.mark.parametrize("equation,shapes,expected", EINSUMS)
def test_einsum_where_it_is_simple(equation: str, shapes: list[tuple[int, ...]], expected: int | None) -> None:
    names = tuple(f"x{index}" for index in range(len(shapes)))
    tensors = {name: float32(name, *shape) for name, shape in zip(names, shapes, strict=True)}
    tensors["y"] = Tensor("y", (Unknown("?"),), "float32")
    node = Node("Einsum", "einsum", names, ("y",), {"equation": equation})
    assert both(count(Graph("g", "onnx", tensors, (node,), names, ("y",))))[0] == expected


def test_integer_forms_of_onnx_operators() -> None:
    scale, zero = float32("s").replace(data=np.float32(0.1)), Tensor("z", (), "uint8", data=np.uint8(0))
    x = Tensor("x", (1, 3, 8, 8), "uint8")
    w = Tensor("w", (5, 3, 3, 3), "uint8", data=np.zeros((5, 3, 3, 3), np.uint8))
    b = Tensor("b", (5,), "int32", data=np.zeros(5, np.int32))
    y = Tensor("y", (1, 5, 6, 6), "uint8")
    node = Node("QLinearConv", "q", ("x", "s", "z", "w", "s", "z", "s", "z", "b"), ("y",))
    graph = Graph("g", "onnx", {t.name: t for t in (scale, zero, x, w, b, y)}, (node,), ("x",), ("y",))
    counts = count(graph)
    assert both(counts) == (36 * 5 * 27, 36 * (5 * 27 + 5))
    parameters, size = counts.tallies["parameters"].quantity, counts.tallies["parameter_bytes_true"].quantity
    assert parameters is not None and parameters.value == 135 + 5
    assert size is not None and size.value == 135 + 20
    assert counts.tallies["float_ops"].lower == 0


def test_mlperf_keyword_spotting_model(models_root: Path) -> None:
    """2,656,768 multiply-accumulates, the published count of the benchmark's DS-CNN."""
    counts = count(load_graph(models_root / "kws_ref_model.tflite"))
    assert both(counts)[0] == 2_656_768
    assert counts.tallies["float_ops"].quantity is not None
    assert counts.tallies["float_ops"].known == 0
    layers = {layer.name: layer.work.true for layer in counts.layers if layer.work and layer.work.true}
    assert list(layers.values()) == [320_000, *[72_000, 512_000] * 4, 768]


def test_mlperf_anomaly_detection_model(models_root: Path) -> None:
    """264,192 multiply-accumulates: 640-128⁴-8-128⁴-640 fully connected."""
    widths = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]
    expected = sum(a * b for a, b in pairwise(widths))
    counts = count(load_graph(models_root / "ad01_int8.tflite"))
    assert both(counts)[0] == expected == 264_192
    parameters = counts.tallies["parameters"].quantity
    assert parameters is not None and parameters.value == expected + sum(widths[1:])


@pytest.mark.parametrize("attrs", [{"pads": "<graph>"}, {"strides": (0, 1)}, {"group": 2.5}, {"dilations": (1,)}])
def test_attributes_that_make_no_sense_leave_the_count_undecided(attrs: dict[str, object]) -> None:
    tensors = {t.name: t for t in (float32("x", 1, 4, 8, 8), float32("y", 1, 4, 6, 6), weights("w", 4, 4, 3, 3))}
    graph = Graph("g", "onnx", tensors, (Node("Conv", "conv1", ("x", "w"), ("y",), attrs),), ("x",), ("y",))
    counts = count(graph)
    assert both(counts) == (None, None)
    assert counts.tallies["macs_true"].reasons[0].where == "conv1"
