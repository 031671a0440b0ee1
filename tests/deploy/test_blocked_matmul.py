"""Products of two activations in blocks of rows: portable C and both SIMD kernels against the integer interpreter."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_programs import SanitizedProgram
from edge_graphs import Builder
from int8_oracles import random_int8

from edgekit.bench.emulate import emulate
from edgekit.bench.qemu import PROGRAM, run_in_qemu
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import Target, find_target
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer

HOST = find_target("cpu")
TARGETS = {"portable": HOST, "dsp": replace(HOST, dsp=True), "mve": replace(HOST, dsp=True, mve=True)}
SHAPES = (
    # batches, rows, depth, columns, second operand transposed
    (1, 4, 1, 4, True), (2, 7, 10, 9, True), (3, 9, 5, 6, False), (1, 12, 109, 10, False), (1, 5, 16, 3, True),
    (2, 4, 300, 9, True), (1, 6, 260, 17, False), (1, 3, 8, 8, True), (1, 8, 7, 1, False),
)  # fmt: skip
"""Whole blocks and rests, filled up and not, columns in several pieces, too few rows or columns for a block."""


def _product(seed: int, shape: tuple[int, int, int, int, bool]) -> Graph:
    """Left rows times right columns, both cut from the input; a second batch of one broadcasts."""
    batches, rows, depth, columns, transposed = shape
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (1, batches, rows + columns, depth))
    source = builder.x

    def cut(name: str, first: int, count: int) -> str:
        every = builder.same(name, (1, batches, count, depth))
        attrs = {"begin": (0, 0, first, 0), "size": every.dims, "stride": (1, 1, 1, 1)}
        builder.append("slice", (source.name,), every, attrs)
        return name

    left, right = cut("left", 0, rows), cut("right", rows, columns)
    if not transposed:
        turned = builder.same("turned", (1, batches, depth, columns))
        builder.append("transpose", (right,), turned, {"perm": (0, 1, 3, 2)})
        right = "turned"
    scale = source.scale_zero()[0] ** 2 * float(np.sqrt(depth) * rng.uniform(30, 100))
    output = builder.activation("product", (1, batches, rows, columns), scale=scale)
    builder.append("batch_matmul", (left, right), output, {"adj_x": False, "adj_y": transposed})
    return builder.graph()


def _clips(graph: Graph, seed: int) -> np.ndarray:
    clips = random_int8(np.random.default_rng(seed), (6, *graph.tensor("input").dims[1:]))
    clips[0], clips[1] = -128, 127
    return clips


def _expected(graph: Graph, clips: np.ndarray) -> np.ndarray:
    return run_integer(graph, clips).reshape(len(clips), -1)


@pytest.mark.parametrize("name", TARGETS)
def test_every_shape_under_sanitizers(name: str, tmp_path: Path) -> None:
    graphs = [_product(seed, shape) for seed, shape in enumerate(SHAPES)]
    made = [generate(graph, None, TARGETS[name], f"m{i}") for i, graph in enumerate(graphs)]
    program = SanitizedProgram(made, tmp_path)
    for i, graph in enumerate(graphs):
        clips = _clips(graph, i)
        np.testing.assert_array_equal(program.run(i, clips), _expected(graph, clips), err_msg=str(SHAPES[i]))
    kernels = [sources.manifest["layers"][-1]["kernel"] for sources in made]
    assert name == "portable" or sum(kernel.startswith(name) for kernel in kernels) >= 6, kernels


def _on_core(graph: Graph, target: Target, folder: Path) -> None:
    clips = _clips(graph, 5)
    image = build(generate(graph, None, target, "model"), target, folder / "image")
    assert image.warnings == ""
    expected = _expected(graph, clips)
    vectors = target.name == "cortex-m55"
    run = run_in_qemu(image, clips, expected.shape[1]) if vectors else emulate(image, clips, counted=1)
    np.testing.assert_array_equal(run.scores, expected)


@pytest.mark.parametrize("shape", [SHAPES[1], SHAPES[3], SHAPES[5]], ids=str)
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
def test_instructions_on_the_core(core: str, shape: tuple[int, int, int, int, bool], tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    pytest.importorskip("unicorn")
    if core == "cortex-m55" and shutil.which(PROGRAM) is None:
        pytest.skip("install qemu-system-arm (Debian package)")
    _on_core(_product(3, shape), find_target(core), tmp_path)
