"""Each operator between two convolutions: float and integer graph agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from float_networks import FloatBuilder, clips

from edgekit.quantize.compare import compare
from edgekit.quantize.ptq import quantize_graph

IMAGE = (16, 10, 8)


def _binary(op: str) -> Callable[[FloatBuilder, str], None]:
    def build(graph: FloatBuilder, x: str) -> None:
        other = graph.conv(8, 1, "none")
        graph.add_node(op, IMAGE, (x, other), activation="none")

    return build


def _broadcast(graph: FloatBuilder, x: str) -> None:
    narrow = graph.add_node("mean", (1, 10, 8), (x,), axes=(1,), keep_dims=True)
    graph.add_node("mul", IMAGE, (x, narrow), activation="relu")


def _silu(graph: FloatBuilder, x: str) -> None:
    gate = graph.add_node("logistic", IMAGE, (x,))
    graph.add_node("mul", IMAGE, (x, gate), activation="none")


def _unary(op: str, **attrs: float) -> Callable[[FloatBuilder, str], None]:
    def build(graph: FloatBuilder, x: str) -> None:
        graph.add_node(op, IMAGE, (x,), **attrs)

    return build


def _moves(graph: FloatBuilder, x: str) -> None:
    upper = graph.add_node("slice", (8, 10, 8), (x,), begin=(0, 0, 0, 0), size=(1, 8, 10, 8), stride=(1, 1, 1, 1))
    lower = graph.add_node("slice", (8, 10, 8), (x,), begin=(0, 8, 0, 0), size=(1, 8, 10, 8), stride=(1, 1, 1, 1))
    graph.add_node("concat", IMAGE, (lower, upper), axis=1)
    graph.add_node("transpose", (10, 16, 8), perm=(0, 2, 1, 3))


def _token(graph: FloatBuilder, x: str) -> None:
    """A constant row before the image, as a class token stands before its patches."""
    whole = graph.add_node("concat", (17, 10, 8), (graph.constant((1, 1, 10, 8), 1.0), x), axis=1)
    graph.add_node("slice", IMAGE, (whole,), begin=(0, 0, 0, 0), size=(1, 16, 10, 8), stride=(1, 1, 1, 1))


def _norm(graph: FloatBuilder, x: str) -> None:
    """x / √(mean of x²), the mean over frequency and channels."""
    graph.add_node("mul", IMAGE, (x, x), activation="none")
    variance = graph.add_node("mean", (16, 1, 1), axes=(2, 3), keep_dims=True)
    root = graph.add_node("rsqrt", (16, 1, 1), (variance,))
    graph.add_node("mul", IMAGE, (x, root), activation="none")


def _sum(graph: FloatBuilder, x: str) -> None:
    total = graph.add_node("sum", (1, 10, 8), (x,), axes=(1,), keep_dims=True)
    graph.add_node("add", IMAGE, (x, total), activation="none")


CASES: dict[str, Callable[[FloatBuilder, str], None]] = {
    "sub": _binary("sub"),
    "mul": _binary("mul"),
    "broadcast mul": _broadcast,
    "x·logistic(x)": _silu,
    "tanh": _unary("tanh"),
    "leaky_relu": _unary("leaky_relu", alpha=0.1),
    "hard_swish": _unary("hard_swish"),
    "division by a norm": _norm,
    "sum": _sum,
    "slice, concat, transpose": _moves,
    "concat with a constant": _token,
}


@pytest.mark.parametrize("case", CASES)
def test_integer_graph_stays_near_the_float_one(case: str) -> None:
    build = FloatBuilder(3)
    CASES[case](build, build.conv(8, 3, "none"))
    build.conv(6, 3, "none")
    shape = build.tensors[build.last].dims
    build.add_node("reshape", (int(np.prod(shape)),))
    build.dense(10)
    graph = build.graph()
    integer = quantize_graph(graph, clips())
    assert {tensor.dtype for tensor in integer.tensors.values()} == {"int8", "int32"}
    difference = compare(graph, integer, clips(100, seed=1))
    assert difference.rms_error < 0.02 * difference.output_range
