"""Kernels on int16 activations in C against the integer interpreter, between a quantize from int8 and one back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from c_programs import SanitizedProgram
from edge_graphs import quant
from edge_wide import WIDE_OPS, wide_graph
from int8_oracles import random_int8

from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.tensor import Tensor

CLIPS = 10


def _narrow_ends(graph: Graph) -> Graph:
    """The graph with int8 input and output: compiled models have these."""
    (source,), (output,) = graph.inputs, graph.outputs
    zero_point = -128 if graph.nodes[0].op == "rsqrt" else 0  # roots of nothing negative
    scale = graph.tensor(source).scale_zero()[0] * 256 / (2 if zero_point else 1)
    begin = Tensor("begin", graph.tensor(source).shape, "int8", quant(scale, zero_point))
    end = Tensor("end", graph.tensor(output).shape, "int8", quant(graph.tensor(output).scale_zero()[0] * 300, 5))
    nodes = (
        Node("quantize", "widen", ("begin",), (source,)),
        *graph.nodes,
        Node("quantize", "narrow", (output,), ("end",)),
    )
    return graph.rebuild(nodes, [begin, end], inputs=("begin",), outputs=("end",))


@pytest.mark.parametrize("op", WIDE_OPS)
def test_int16_operator_in_c_equals_the_interpreter_without_a_bad_access(op: str, tmp_path: Path) -> None:
    _check([_narrow_ends(wide_graph(op, seed)) for seed in range(2)], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("op", WIDE_OPS)
def test_int16_operator_in_c_equals_the_interpreter_on_many_shapes(op: str, tmp_path: Path) -> None:
    _check([_narrow_ends(wide_graph(op, seed)) for seed in range(100, 120)], tmp_path)


def _check(graphs: list[Graph], tmp_path: Path) -> None:
    host = find_target("cpu")
    program = SanitizedProgram([generate(g, None, host, f"m{i}") for i, g in enumerate(graphs)], tmp_path)
    for i, graph in enumerate(graphs):
        dims = graph.tensor("begin").dims
        clips = random_int8(np.random.default_rng(i), (CLIPS, *(dims[1:] if dims[0] == 1 else dims)))
        expected = run_integer(graph, clips).reshape(CLIPS, -1)
        np.testing.assert_array_equal(program.run(i, clips), expected, err_msg=f"graph {i}")
