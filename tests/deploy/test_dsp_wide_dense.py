"""The DSP kernel of int16 rows: its C twin under sanitizers, and the instructions on the emulated core."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_programs import SanitizedProgram
from edge_graphs import Builder, quant
from int8_oracles import random_int8

from edgekit.bench.emulate import emulate
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.tensor import Quantization, Tensor

TWIN = replace(find_target("cpu"), dsp=True)
SHAPES = ((1, 10, 8), (1, 32, 64), (3, 4, 4), (2, 6, 12), (1, 5, 8), (1, 8, 3))
"""(rows, depth, outputs); the last two have no whole pairs or groups of four and take the portable kernel."""


def _dense(rows: int, depth: int, outputs: int, seed: int, finest: float = -7.0) -> Graph:
    """int8 to int16, a dense layer, int16 to int8; ``finest``: log of the smallest weights' scale."""
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (1, rows, depth), zero_point=0)
    wide = builder.keep(Tensor("wide", (1, rows, depth), "int16", quant(builder.x.scale_zero()[0] / 256, 0)))
    builder.append("quantize", ("input",), wide)
    scales = np.exp(rng.uniform(finest, -4, outputs)).astype(np.float32)
    data = rng.integers(-127, 128, (outputs, depth), dtype=np.int8)
    builder.keep(Tensor("w", (outputs, depth), "int8", Quantization(scales, np.zeros(outputs, np.int64), 0), data))
    bias = rng.integers(-(1 << 20), 1 << 20, outputs)
    stated = Quantization(np.float32(wide.scale_zero()[0]) * scales, np.zeros(outputs, np.int64), 0)
    builder.keep(Tensor("b", (outputs,), "int64", stated, bias.astype(np.int64)))
    made = float(wide.scale_zero()[0] * scales.mean() * 75 * np.sqrt(depth)) * rng.uniform(1, 4)
    output = builder.keep(Tensor("y", (1, rows, outputs), "int16", quant(made, 0)))
    builder.append("fully_connected", ("wide", "w", "b"), output, {"activation": "none", "keep_dims": True})
    end = builder.keep(Tensor("end", output.dims, "int8", quant(made * 256, 3)))
    builder.append("quantize", ("y",), end)
    return builder.graph()


def _loud(graph: Graph, seed: int, count: int = 12) -> np.ndarray:
    clips = random_int8(np.random.default_rng(seed), (count, *graph.tensor(graph.inputs[0]).dims[1:]))
    clips[0], clips[1] = -128, 127
    return clips


def test_rows_of_all_shapes_as_twins_under_sanitizers(tmp_path: Path) -> None:
    graphs = [_dense(*shape, seed) for seed in (1, 2) for shape in SHAPES]
    made = [generate(graph, None, TWIN, f"m{i}") for i, graph in enumerate(graphs)]
    program = SanitizedProgram(made, tmp_path)
    for i, graph in enumerate(graphs):
        clips = _loud(graph, i)
        np.testing.assert_array_equal(program.run(i, clips), run_integer(graph, clips).reshape(len(clips), -1))
    kernels = [layer["kernel"] for sources in made for layer in sources.manifest["layers"]]
    chosen = [kernel for kernel in kernels if "wide_" in kernel]
    assert [kernel.startswith("dsp") for kernel in chosen] == [True, True, True, True, False, False] * 2


def test_sums_that_may_leave_32_bits_take_the_portable_kernel() -> None:
    graph = _dense(1, 32, 8, 3)
    bias = graph.tensor("b")
    large = bias.replace(data=np.full(8, (1 << 31) - (1 << 20), np.int64))
    kernels = generate(graph.rebuild(graph.nodes, [large]), None, TWIN, "m").manifest["layers"]
    assert [layer["kernel"] for layer in kernels if "dense" in layer["kernel"]] == ["dense_wide_1x32_to_8"]


@pytest.mark.parametrize("shape", [(1, 10, 8), (3, 32, 12)])
def test_the_instructions_on_the_emulated_core_give_the_same_bytes(shape: tuple[int, ...], tmp_path: Path) -> None:
    pytest.importorskip("unicorn")
    graph, target = _dense(*shape, 5), find_target("cortex-m4")
    clips = _loud(graph, 2)
    run = emulate(build(generate(graph, None, target), target, tmp_path / "image"), clips)
    np.testing.assert_array_equal(run.scores, run_integer(graph, clips).reshape(len(clips), -1))
