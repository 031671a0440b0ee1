"""Shape inference of ONNX files: bounded whatever the file says, through control flow, and right where it answers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, defs, helper, numpy_helper, shape_inference

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Graph
from edgekit.graph.readers.onnx_reader import read_onnx
from edgekit.graph.readers.onnx_traps import RANK_GIVERS

node = helper.make_node
FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def info(name: str, dims: Any, kind: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, dims)


def save(folder: Path, nodes: list[Any], inputs: list[Any], constants: dict[str, Any] | None = None) -> Path:
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "g", inputs, [info("y", None)], initializers)
    path = folder / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def bombs() -> dict[str, tuple[list[Any], dict[str, Any]]]:
    """Small files that ask for much: nodes from input x[4] to y, and constants."""
    doubling = [node("Shape", ["x"], ["s0"])]
    doubling += [node("Concat", [f"s{i}", f"s{i}"], [f"s{i + 1}"], axis=0) for i in range(60)]
    widening = [node("Concat", ["x" if i == 0 else f"c{i}"] * 2, [f"c{i + 1}"], axis=0) for i in range(60)]
    return {
        "a dimension becomes a rank": (
            [node("Reshape", ["x", "t"], ["r"]), node("Shape", ["r"], ["s"]), node("ConstantOfShape", ["s"], ["z"]),
             node("Where", ["z", "z", "z"], ["w"]), node("Expand", ["x", "w"], ["y"])],
            {"t": np.array([2**59], np.int64)},
        ),
        "a long tensor is a shape": (
            [node("Tile", ["x", "t"], ["l"]), node("Cast", ["l"], ["w"], to=INT64), node("Expand", ["x", "w"], ["y"])],
            {"t": np.array([2**26], np.int64)},
        ),
        "a constant of 2^33": ([node("ConstantOfShape", ["t"], ["y"])], {"t": np.array([2**33], np.int64)}),
        "a value that doubles": ([*doubling, node("Expand", ["x", "s60"], ["y"])], {}),
        "a tensor that doubles": ([*widening, node("Relu", ["c60"], ["y"])], {}),
    }  # fmt: skip


@pytest.mark.parametrize("name", bombs())
def test_shapes_beyond_the_limits_are_refused_at_once(tmp_path: Path, name: str) -> None:
    nodes, constants = bombs()[name]
    path = save(tmp_path, nodes, [info("x", [4])], constants)
    begin = time.process_time()
    with pytest.raises(BadFileError, match=r"rank|elements"):
        read_onnx(path)
    assert time.process_time() - begin < 1


def test_only_the_operators_known_for_it_turn_a_length_into_a_rank() -> None:
    """Every operator of every version, each input in turn a vector of 20,000: no result has thousands of axes."""
    found = set()
    kinds = {"tensor(float)": FLOAT, "tensor(int64)": INT64, "tensor(int32)": TensorProto.INT32, "tensor(bool)": BOOL}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain or not schema.has_type_and_shape_inference_function or schema.name in ("If", "Loop", "Scan"):
            continue
        names = [f"i{index}" for index in range(len(schema.inputs))]
        elements = [next((kinds[t] for t in kinds if t in slot.types), FLOAT) for slot in schema.inputs]
        required = {"INT": 1, "FLOAT": 1.0, "STRING": "a", "INTS": [1, 1], "FLOATS": [1.0], "STRINGS": ["a"]}
        attributes = {
            name: required[str(attribute.type).rpartition(".")[2]]
            for name, attribute in schema.attributes.items()
            if attribute.required and str(attribute.type).rpartition(".")[2] in required
        }
        proto = node(schema.name, names, [f"o{index}" for index in range(max(1, len(schema.outputs)))], **attributes)
        for slot, inputs in enumerate(schema.inputs):
            for other in ([], [1], [1, 4], [1, 4, 8, 8]):
                types = {
                    name: helper.make_tensor_type_proto(element, other)
                    for name, element in zip(names, elements, strict=True)
                }
                element = INT64 if "tensor(int64)" in inputs.types else elements[slot]
                types[names[slot]] = helper.make_tensor_type_proto(element, [20_000])
                try:
                    answer = shape_inference.infer_node_outputs(
                        schema, proto, types, opset_imports=[helper.make_opsetid("", schema.since_version)]
                    )
                except (shape_inference.InferenceError, RuntimeError, ValueError, onnx.checker.ValidationError):
                    continue
                if any(len(kind.tensor_type.shape.dim) > 100 for kind in answer.values()):
                    found.add((schema.name, slot))
    assert ("Expand", 1) in found
    assert found <= {(op, slot) for op, slots in RANK_GIVERS.items() for slot in slots}


def branch(name: str, nodes: list[Any], inputs: list[Any], outputs: list[Any], **constants: np.ndarray) -> Any:
    return helper.make_graph(
        nodes, name, inputs, outputs, [numpy_helper.from_array(value, key) for key, value in constants.items()]
    )


def weight(*dims: int) -> np.ndarray:
    return np.ones(dims, np.float32)


def test_bodies_are_graphs_with_what_they_read_from_outside(tmp_path: Path) -> None:
    body = branch(
        "body",
        [node("MatMul", ["h", "w"], ["p"]), node("Add", ["p", "a"], ["h2"]), node("Identity", ["c"], ["c2"])],
        [info("i", [], INT64), info("c", [], BOOL), info("h", None)],
        [info("c2", [], BOOL), info("h2", None), info("p", None)],
        w=weight(8, 8),
    )
    nodes = [node("Relu", ["x"], ["a"]), node("Loop", ["m", "", "x"], ["y", "all"], name="turns", body=body)]
    graph = read_onnx(save(tmp_path, nodes, [info("x", [1, 8])], {"m": np.array(5, np.int64)}))
    loop = graph.nodes[1]
    inner = loop.attrs["body"]
    assert isinstance(inner, Graph)
    assert loop.attrs["trips"] == 5
    assert loop.inputs[-1] == inner.inputs[-1] == "a"
    assert inner.tensor("p").dims == graph.tensor("y").dims == (1, 8)
    assert graph.tensor("all").shape[1:] == (1, 8)
    assert [item.name for item in inner.nodes] == ["turns/MatMul_0", "turns/Add_1", "turns/Identity_2"]


def test_a_value_that_changes_its_shape_in_a_loop_is_unknown_in_that_axis(tmp_path: Path) -> None:
    body = branch(
        "body",
        [node("Concat", ["h", "h"], ["h2"], axis=1), node("Identity", ["c"], ["c2"])],
        [info("i", [], INT64), info("c", [], BOOL), info("h", None)],
        [info("c2", [], BOOL), info("h2", None)],
    )
    nodes = [node("Loop", ["m", "", "x"], ["y"], body=body)]
    graph = read_onnx(save(tmp_path, nodes, [info("x", [3, 8])], {"m": np.array(5, np.int64)}))
    assert graph.tensor("y").shape[0] == 3
    assert not graph.tensor("y").static


def test_a_scan_takes_slices_and_stacks_them(tmp_path: Path) -> None:
    body = branch(
        "body",
        [node("Add", ["h", "s"], ["h2"]), node("Identity", ["h2"], ["o"])],
        [info("h", None), info("s", None)],
        [info("h2", None), info("o", None)],
    )
    nodes = [node("Scan", ["z", "x"], ["last", "y"], num_scan_inputs=1, scan_input_axes=[1], body=body)]
    graph = read_onnx(save(tmp_path, nodes, [info("x", [4, 7])], {"z": weight(4)}))
    assert graph.nodes[0].attrs["trips"] == 7
    assert graph.tensor("last").dims == (4,)
    assert graph.tensor("y").dims == (7, 4)


def test_branches_that_differ_leave_the_dimension_open(tmp_path: Path) -> None:
    branches = {
        f"{side}_branch": branch(side, [node("MatMul", ["x", "w"], [f"{side}_y"])], [], [info(f"{side}_y", None)],
                                 w=weight(8, width))
        for side, width in (("then", 4), ("else", 6))
    }  # fmt: skip
    graph = read_onnx(save(tmp_path, [node("If", ["c"], ["y"], **branches)], [info("c", [], BOOL), info("x", [2, 8])]))
    assert graph.tensor("y").shape[0] == 2
    assert not graph.tensor("y").static
    assert graph.nodes[0].attrs["else_branch"].tensor("else_y").dims == (2, 6)


def test_control_flow_nested_without_end_is_refused(tmp_path: Path) -> None:
    inner = branch("leaf", [node("Relu", ["x"], ["r"])], [], [info("r", None)])
    for _ in range(20):
        inner = branch("b", [node("If", ["c"], ["r"], then_branch=inner, else_branch=inner)], [], [info("r", None)])
        if inner.ByteSize() > 500_000:
            break
    nodes = [node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)]
    begin = time.process_time()
    with pytest.raises(BadFileError, match=r"nested more than|more than"):
        read_onnx(save(tmp_path, nodes, [info("c", [], BOOL), info("x", [2])]))
    assert time.process_time() - begin < 2


def test_functions_called_inside_a_body_count_before_they_are_expanded(tmp_path: Path) -> None:
    own = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    functions = []
    for level in range(12):
        calls = [
            node(f"f{level - 1}", ["a"], [f"b{i}"], domain="own") if level else node("Relu", ["a"], [f"b{i}"])
            for i in range(20)
        ]
        functions.append(helper.make_function("own", f"f{level}", ["a"], ["b0"], calls, own))
    side = branch("side", [node("f11", ["x"], ["r"], domain="own")], [], [info("r", None)])
    graph = helper.make_graph(
        [node("If", ["c"], ["y"], then_branch=side, else_branch=side)],
        "g",
        [info("c", [], BOOL), info("x", [2])],
        [info("y", None)],
    )
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=own, functions=functions, ir_version=8), path)
    with pytest.raises(BadFileError, match="expand to more"):
        read_onnx(path)
