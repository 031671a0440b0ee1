"""TFLite files beyond the plain int8 network: subgraphs, variables, 16×8, hybrid and int4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from int8_oracles import litert_outputs
from tflite_files import Op, Sub, Value, write

from edgekit.budget.counting import count
from edgekit.core.errors import BadFileError
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.tflite_reader import read_tflite


def counted(path: Path) -> dict[str, Any]:
    tallies = count(read_tflite(path)).tallies
    return {key: None if tally.quantity is None else tally.known for key, tally in tallies.items()}


def dense(name: str, source: str, target: str, inputs: int, outputs: int) -> tuple[list[Value], Op]:
    weight = Value(f"{name}_w", (outputs, inputs), data=np.ones((outputs, inputs)))
    return [weight], Op("FULLY_CONNECTED", (source, weight.name, ""), (target,), "FullyConnectedOptions")


def loop(limit: int, step: int = 1, start: Any = 0) -> tuple[Sub, Sub, Sub]:
    """A counted loop whose body multiplies h[1, 8] by a matrix: 64 multiply-accumulates a turn."""
    scalar = [Value("i", (), "int32"), Value("h", (1, 8))]
    condition = Sub(
        [*scalar, Value("n", (), "int32", data=limit), Value("go", (), "bool")],
        [Op("LESS", ("i", "n"), ("go",), "LessOptions")],
        ("i", "h"),
        ("go",),
    )
    weights, product = dense("step", "h", "h2", 8, 8)
    body = Sub(
        [*scalar, Value("one", (), "int32", data=step), Value("i2", (), "int32"), Value("h2", (1, 8)), *weights],
        [Op("ADD", ("i", "one"), ("i2",), "AddOptions"), product],
        ("i", "h"),
        ("i2", "h2"),
    )
    begin = Value("zero", (), "int32", data=start) if start is not None else Value("zero", (), "int32")
    main = Sub(
        [Value("x", (1, 8)), begin, Value("end", (), "int32"), Value("y", (1, 8))],
        [Op("WHILE", ("zero", "x"), ("end", "y"), "WhileOptions", {"CondSubgraphIndex": 1, "BodySubgraphIndex": 2})],
        ("x",) if start is not None else ("x", "zero"),
        ("y",),
    )
    return main, condition, body


@pytest.mark.parametrize("limit,step,turns", [(5, 1, 5), (5, 2, 3), (0, 1, 0), (-4, 1, 0)])
def test_a_counted_loop_costs_its_body_that_often(tmp_path: Path, limit: int, step: int, turns: int) -> None:
    path = write(tmp_path / "m.tflite", *loop(limit, step))
    assert read_tflite(path).nodes[0].attrs["trips"] == turns
    found = counted(path)
    assert found["macs_true"] == turns * 64
    assert found["parameters"] == 64


@pytest.mark.parametrize("limit,step,start", [(5, 0, 0), (5, -1, 0), (5, 1, None)])
def test_a_loop_that_may_not_end_is_undecided(tmp_path: Path, limit: int, step: int, start: Any) -> None:
    found = counted(write(tmp_path / "m.tflite", *loop(limit, step, start)))
    assert found["macs_true"] is None
    assert found["parameters"] == 64


def test_a_branch_costs_its_dearer_side(tmp_path: Path) -> None:
    sides = []
    for width in (3, 5):
        first, one = dense("a", "x", "h", 8, width)
        second, two = dense("b", "h", "y", width, 8)
        values = [Value("x", (1, 8)), Value("h", (1, width)), Value("y", (1, 8)), *first, *second]
        sides.append(Sub(values, [one, two], ("x",), ("y",)))
    choice = Op("IF", ("c", "x"), ("y",), "IfOptions", {"ThenSubgraphIndex": 1, "ElseSubgraphIndex": 2})
    main = Sub([Value("x", (1, 8)), Value("c", (), "bool"), Value("y", (1, 8))], [choice], ("c", "x"), ("y",))
    found = counted(write(tmp_path / "m.tflite", main, *sides))
    assert found["macs_true"] == 2 * 8 * 5
    assert found["parameters"] == 2 * 8 * 3 + 2 * 8 * 5
    assert found["peak_ram"] >= 2 * 32 + 4 * 8


def streaming() -> tuple[Sub, Sub]:
    """y = x + state, state = y; the state is set once before the first inference."""
    handle = Op("VAR_HANDLE", (), ("v",), "VarHandleOptions", {"Container": "", "SharedName": "past"})
    main = Sub(
        [Value("x", (1, 100)), Value("v", (), "resource"), Value("s", (1, 100)), Value("y", (1, 100))],
        [
            Op("CALL_ONCE", (), (), "CallOnceOptions", {"InitSubgraphIndex": 1}),
            handle,
            Op("READ_VARIABLE", ("v",), ("s",), "ReadVariableOptions"),
            Op("ADD", ("x", "s"), ("y",), "AddOptions"),
            Op("ASSIGN_VARIABLE", ("v", "y"), (), "AssignVariableOptions"),
        ],
        ("x",),
        ("y",),
    )
    zeros = Value("z", (1, 100), data=np.zeros((1, 100)))
    first = Sub(
        [Value("v", (), "resource"), zeros],
        [handle, Op("ASSIGN_VARIABLE", ("v", "z"), (), "AssignVariableOptions")],
        (),
        (),
    )
    return main, first


def test_resource_variables_are_state_in_ram(tmp_path: Path) -> None:
    path = write(tmp_path / "m.tflite", *streaming())
    found = counted(path)
    assert found["macs_true"] == 0
    assert found["peak_ram"] >= 400 + 2 * 400
    assert "400 B of resource variables" in count(read_tflite(path)).tallies["peak_ram"].caveat


def test_variable_tensors_live_from_one_inference_to_the_next(tmp_path: Path) -> None:
    values = [
        Value("x", (1, 16), "int8", scale=0.1),
        Value("f", (8, 16), "int8", data=np.ones((8, 16)), scale=0.1),
        Value("t", (8, 10), "int16", data=np.ones((8, 10)), scale=0.1),
        Value("b", (8,), "int32", data=np.zeros(8), scale=0.01),
        Value("state", (1, 80), "int16", scale=0.1, variable=True),
        Value("y", (1, 8), "int8", scale=0.1),
    ]
    svdf = Op("SVDF", ("x", "f", "t", "b", "state"), ("y",), "SVDFOptions", {"Rank": 1})
    graph = read_tflite(write(tmp_path / "m.tflite", Sub(values, [svdf], ("x",), ("y",))))
    assert graph.inputs == ("x", "state") and graph.outputs == ("y", "state")
    tallies = count(graph).tallies
    assert tallies["macs_true"].known == 8 * 16 + 8 * 10
    assert tallies["parameters"].known == 8 * 16 + 8 * 10 + 8
    assert tallies["peak_ram"].known >= 16 + 160 + 8
    assert tallies["float_ops"].known == 0


def fully_connected(x: str, w: Value, bias: str, inputs: int = 8, outputs: int = 4) -> Sub:
    scale = None if x == "float32" else 0.1
    bias_value = Value("b", (outputs,), bias, data=np.zeros(outputs), scale=None if bias == "float32" else 0.01)
    values = [Value("x", (1, inputs), x, scale=scale), w, bias_value, Value("y", (1, outputs), x, scale=scale)]
    return Sub(values, [Op("FULLY_CONNECTED", ("x", "w", "b"), ("y",), "FullyConnectedOptions")], ("x",), ("y",))


def test_16x8_models(tmp_path: Path) -> None:
    weight = Value("w", (4, 8), "int8", data=np.ones((4, 8)), scale=0.1)
    found = counted(write(tmp_path / "m.tflite", fully_connected("int16", weight, "int64")))
    assert (found["macs_true"], found["parameters"], found["float_ops"]) == (32, 36, 0)
    assert found["parameter_bytes_true"] == 32 + 4 * 8


def test_hybrid_models_compute_in_float_on_integer_weights(tmp_path: Path) -> None:
    weight = Value("w", (4, 8), "int8", data=np.ones((4, 8)), scale=0.1)
    path = write(tmp_path / "m.tflite", fully_connected("float32", weight, "float32"))
    found = counted(path)
    assert (found["macs_true"], found["parameters"], found["float_ops"]) == (32, 36, 1)
    assert found["parameter_bytes_true"] == 32 + 4 * 4
    assert "hybrid" in count(read_tflite(path)).layers[0].float_reason


def test_int4_weights_take_half_a_byte(tmp_path: Path) -> None:
    nibbles = bytes([0x21, 0x0F, 0x78, 0x00] * 4)  # low nibble first: 1, 2, -1, 0, -8, 7, 0, 0
    weight = Value("w", (4, 8), "int4", raw=nibbles, scale=0.1)
    path = write(tmp_path / "m.tflite", fully_connected("int8", weight, "int32"))
    found = counted(path)
    assert (found["macs_true"], found["parameters"]) == (32, 36)
    assert found["parameter_bytes_true"] == 16 + 4 * 4
    data = read_tflite(path).tensor("w").data
    assert data is not None
    np.testing.assert_array_equal(data[0], [1, 2, -1, 0, -8, 7, 0, 0])


def test_subgraphs_that_run_themselves_or_multiply_are_refused(tmp_path: Path) -> None:
    def call(number: int, times: int = 1) -> Sub:
        values = [Value("x", (1, 8)), *(Value(f"y{i}", (1, 8)) for i in range(times))]
        ops = [Op("CALL", ("x",), (f"y{i}",), "CallOptions", {"Subgraph": number}) for i in range(times)]
        return Sub(values, ops, ("x",), ("y0",))

    leaf = Sub([Value("x", (1, 8)), Value("y", (1, 8))], [Op("RELU", ("x",), ("y",))], ("x",), ("y",))
    for subgraphs in ([call(0)], [call(1), call(0)], [*(call(i + 1, 30) for i in range(6)), leaf], [call(7)]):
        with pytest.raises(BadFileError, match=r"runs itself|come to more|no subgraph"):
            read_tflite(write(tmp_path / "m.tflite", *subgraphs))


def test_int4_weights_compute_as_litert_computes_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    weight = Value("w", (4, 8), "int4", raw=rng.integers(0, 256, 16, np.uint8).tobytes(), scale=0.1)
    path = write(tmp_path / "m.tflite", fully_connected("int8", weight, "int32"))
    graph = lower(read_tflite(path))
    clips = rng.integers(-128, 128, (40, 8), dtype=np.int8)
    expected = litert_outputs(path.read_bytes(), clips).reshape(40, -1)
    np.testing.assert_array_equal(run_integer(graph, clips).reshape(40, -1), expected)
    assert len(np.unique(expected)) > 20
