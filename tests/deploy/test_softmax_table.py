"""softmax by a table of exponentials: the polynomial's bytes, chosen where the table is worth its flash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_programs import SanitizedProgram
from edge_graphs import Builder
from int8_oracles import random_int8

from edgekit.bench.emulate import emulate
from edgekit.deploy.c.choice import OPTIMIZE, Optimize
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import Target, find_target
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer

HOST = find_target("cpu")
SHAPES = ((9, 2), (7, 109), (2, 256), (3, 511), (2, 512))
"""(rows, elements); the last is too long for the table, and so long that equal elements have probability 0."""


def _softmax(seed: int, shape: tuple[int, int], scale: float, beta: float = 1.0) -> Graph:
    builder = Builder(np.random.default_rng(seed), shape)
    builder.x = builder.activation("input", shape, scale=scale)
    output = builder.activation("softmax", shape, scale=1 / 256, zero_point=-128)
    builder.append("softmax", ("input",), output, {"beta": beta})
    return builder.graph()


@pytest.mark.parametrize("scale", [0.004, 0.11, 2.5])
@pytest.mark.parametrize("target", [HOST, replace(HOST, dsp=True)], ids=["portable", "dsp"])
def test_every_purpose_gives_the_bytes_of_the_interpreter(target: Target, scale: float, tmp_path: Path) -> None:
    graphs = [_softmax(seed, shape, scale) for seed, shape in enumerate(SHAPES)]
    made = [(graph, generate(graph, None, target, f"m{i}_{o}", o)) for i, graph in enumerate(graphs) for o in OPTIMIZE]
    program = SanitizedProgram([sources for _, sources in made], tmp_path)
    for i, (graph, _) in enumerate(made):
        dims = graph.tensor("input").dims
        clips = _clips(i, dims)
        expected = run_integer(graph, clips).reshape(len(clips), -1)
        np.testing.assert_array_equal(program.run(i, clips), expected, err_msg=f"{dims}, {i}")


def _clips(seed: int, dims: tuple[int, ...]) -> np.ndarray:
    clips = random_int8(np.random.default_rng(seed), (8, *dims))
    clips[0] = clips[0, 0, 0]  # all equal: the sum is the largest there can be
    clips[1, :, 1:] = -128
    return clips


@pytest.mark.parametrize("shape", [(7, 109), (2, 511), (3, 8)])
def test_words_of_elements_on_the_core_equal_the_interpreter(shape: tuple[int, int], tmp_path: Path) -> None:
    pytest.importorskip("unicorn")
    graph, core = _softmax(3, shape, 0.11), find_target("cortex-m4")
    sources = generate(graph, None, core, "m", "speed")
    assert "usub8" in sources.files["m_model.c"]
    clips = _clips(5, shape)
    scores = emulate(build(sources, core, tmp_path / "image"), clips, counted=0).scores
    np.testing.assert_array_equal(scores, run_integer(graph, clips).reshape(len(clips), -1))


@pytest.mark.parametrize(
    ("shape", "purpose", "tabled"),
    [((1, 12), "balanced", False), ((1, 12), "speed", True), ((109, 109), "balanced", True),
     ((109, 109), "size", False), ((4, 600), "speed", False)],
)  # fmt: skip
def test_the_table_is_taken_where_it_is_worth_it(shape: tuple[int, int], purpose: Optimize, tabled: bool) -> None:
    sources = generate(_softmax(0, shape, 0.1), None, HOST, "model", purpose)
    assert ("exponentials_" in sources.files["model_model.c"]) == tabled
