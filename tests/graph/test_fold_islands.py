"""Float islands of integer TFLite files: every of the 256 bytes that LiteRT's kernels give, out of one table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_files import Op, Sub, Value, model_bytes

from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

BYTES = np.arange(-128, 128).astype(np.int8)
CHAINS = {
    "layer normalization's NEG": ["NEG"],
    "SQUARE": ["SQUARE"],
    "ELU": ["ELU"],
    "ABS and SQRT": ["ABS", "SQRT"],
    "float LOGISTIC": ["LOGISTIC"],
    "EXP of NEG": ["NEG", "EXP"],
}


def island(functions: list[str], scale: float = 0.037, zero_point: int = 9, target: float = 0.021) -> bytes:
    """int8 [1, 256] → float32, the functions, → int8 of other steps."""
    values = [
        Value("x", (1, 256), "int8", scale=scale, zero_point=zero_point),
        *(Value(f"f{i}", (1, 256)) for i in range(len(functions) + 1)),
        Value("y", (1, 256), "int8", scale=target, zero_point=-17),
    ]
    ops = [Op("DEQUANTIZE", ("x",), ("f0",))]
    ops += [Op(name, (f"f{i}",), (f"f{i + 1}",)) for i, name in enumerate(functions)]
    ops += [Op("QUANTIZE", (f"f{len(functions)}",), ("y",))]
    return model_bytes(Sub(values, ops, ("x",), ("y",)))


def lowered(model: bytes, folder: Path) -> Graph:
    path = folder / "m.tflite"
    path.write_bytes(model)
    return lower(load_graph(path))


def litert(model: bytes, x: np.ndarray) -> np.ndarray:
    """Of the reference kernels; ELU, which they lack, by those that round halves of QUANTIZE to even."""
    try:
        interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    except ValueError:
        interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    source, output = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.set_tensor(source, x.reshape(interpreter.get_input_details()[0]["shape"]))
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(output))


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("steps", [(0.037, 9, 0.021), (0.004, -128, 0.0039), (0.11, 0, 0.5)])
def test_the_table_gives_litert_s_bytes(name: str, steps: tuple[float, int, float], tmp_path: Path) -> None:
    scale, zero_point, target = steps
    # The kernels that have ELU round halves otherwise: these steps make none.
    model = island(CHAINS[name], scale, zero_point, target * (0.97 if name == "ELU" else 1.0))
    graph = lowered(model, tmp_path)
    assert [node.op for node in graph.nodes] == ["lookup"]
    np.testing.assert_array_equal(run_integer(graph, BYTES[None]), litert(model, BYTES))


def test_it_compiles(tmp_path: Path) -> None:
    sources = generate(lowered(island(["ELU"]), tmp_path), None, find_target("cpu"), "m")
    assert "float" not in sources.files["m_model.c"]


def test_what_reads_two_values_stays(tmp_path: Path) -> None:
    values = [Value("x", (1, 8), "int8", scale=0.1), Value("f", (1, 8)), Value("g", (1, 8)), Value("h", (1, 8))]
    values += [Value("y", (1, 8), "int8", scale=0.1)]
    ops = [Op("DEQUANTIZE", ("x",), ("f",)), Op("NEG", ("f",), ("g",)), Op("MUL", ("f", "g"), ("h",), "MulOptions")]
    ops += [Op("QUANTIZE", ("h",), ("y",))]
    graph = lowered(model_bytes(Sub(values, ops, ("x",), ("y",))), tmp_path)
    assert [node.op for node in graph.nodes] == ["dequantize", "pointwise", "mul", "quantize"]


REDUCTIONS = [
    ([1, 2], False),
    ([1, 2], True),
    ([3], False),
    ([2], True),
    ([1, 3], False),
    ([-1], True),
    ([1, 2, 3], False),
]


@pytest.mark.parametrize(("axes", "keep"), REDUCTIONS)
def test_reduce_max(axes: list[int], keep: bool, tmp_path: Path) -> None:
    dims = (1, 3, 4, 5)
    reduced = tuple(axis % 4 for axis in axes)
    shape = tuple(1 if axis in reduced else dim for axis, dim in enumerate(dims) if keep or axis not in reduced)
    values = [
        Value("x", dims, "int8", scale=0.1),
        Value("axes", (len(axes),), "int32", data=axes),
        Value("y", shape, "int8", scale=0.1),
    ]
    op = Op("REDUCE_MAX", ("x", "axes"), ("y",), "ReducerOptions", {"KeepDims": keep})
    model = model_bytes(Sub(values, [op], ("x",), ("y",)))
    x = np.random.default_rng(0).integers(-128, 128, dims, dtype=np.int8)
    np.testing.assert_array_equal(run_integer(lowered(model, tmp_path), x), litert(model, x).reshape(shape))


def test_reverse(tmp_path: Path) -> None:
    values = [Value("x", (1, 5, 3), "int8", scale=0.1), Value("axis", (1,), "int32", data=[1])]
    values += [Value("y", (1, 5, 3), "int8", scale=0.1)]
    model = model_bytes(Sub(values, [Op("REVERSE_V2", ("x", "axis"), ("y",), "ReverseV2Options")], ("x",), ("y",)))
    x = np.arange(15, dtype=np.int8).reshape(1, 5, 3)
    np.testing.assert_array_equal(run_integer(lowered(model, tmp_path), x), litert(model, x))
