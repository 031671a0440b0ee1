"""Kernels on int16 activations in C against the integer interpreter, between a quantize from int8 and one back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from c_programs import SanitizedProgram
from edge_wide import WIDE_OPS, narrow_ends, wide_graph
from int8_oracles import random_int8

from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer

CLIPS = 10


@pytest.mark.parametrize("op", WIDE_OPS)
def test_int16_operator_in_c_equals_the_interpreter_without_a_bad_access(op: str, tmp_path: Path) -> None:
    _check([narrow_ends(wide_graph(op, seed)) for seed in range(2)], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("op", WIDE_OPS)
def test_int16_operator_in_c_equals_the_interpreter_on_many_shapes(op: str, tmp_path: Path) -> None:
    _check([narrow_ends(wide_graph(op, seed)) for seed in range(100, 120)], tmp_path)


def _check(graphs: list[Graph], tmp_path: Path) -> None:
    host = find_target("cpu")
    program = SanitizedProgram([generate(g, None, host, f"m{i}") for i, g in enumerate(graphs)], tmp_path)
    for i, graph in enumerate(graphs):
        dims = graph.tensor("begin").dims
        clips = random_int8(np.random.default_rng(i), (CLIPS, *(dims[1:] if dims[0] == 1 else dims)))
        expected = run_integer(graph, clips).reshape(CLIPS, -1)
        np.testing.assert_array_equal(program.run(i, clips), expected, err_msg=f"graph {i}")
