"""C of graphs that round once: the interpreter's bytes from every instruction set, and who is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder, tiny_graph
from fuzz_oracles import ORACLES, Case
from kernel_bytes import TWINS, check_core, check_twins, kernels_of, outputs_of
from random_graphs import random_graph

from edgekit.deploy.generate import generate
from edgekit.deploy.project import project_files
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph
from edgekit.graph.rounding import ONCE, with_rounding

SAMPLE = (*range(7_700_000, 7_700_016), 7_710_116)
"""Seeds; the last one's layers run by rows."""
NEEDS = {"cortex-m4": "arm-none-eabi-gcc", "cortex-m55": "qemu-system-arm"}


@pytest.fixture(scope="module")
def sample() -> list[Case]:
    cases = []
    for seed in SAMPLE:
        graph, clips = random_graph(seed)
        graph = with_rounding(graph, ONCE)
        cases.append(Case(seed, graph, clips, outputs_of(graph, clips)))
    return cases


def test_the_sample_has_bytes_that_two_roundings_do_not_give(sample: list[Case]) -> None:
    twice = [outputs_of(with_rounding(case.graph, "twice"), case.clips) for case in sample]
    assert sum(not np.array_equal(own, case.expected) for own, case in zip(twice, sample, strict=True)) >= 3


@pytest.mark.parametrize(
    "oracle",
    ["host", "dsp-twin", "mve-twin", "neon-twin", "cortex-m4", pytest.param("cortex-m55", marks=pytest.mark.slow)],
)
def test_random_graphs_agree(oracle: str, sample: list[Case]) -> None:
    if oracle in NEEDS:
        if shutil.which(NEEDS[oracle]) is None:
            pytest.skip(f"install {NEEDS[oracle]}")
        pytest.importorskip("unicorn" if oracle == "cortex-m4" else "ziglang")
    tally = ORACLES[oracle](sample)
    assert tally.disagreements == []
    assert tally.graphs["agree"] >= len(sample) - 3


def _layers(seed: int) -> Graph:
    """Gathered and direct convolutions, a dense one in tiles, depthwise ones, a sum of two, a dense layer, a square."""
    builder = Builder(np.random.default_rng(seed), (1, 13, 8, 4))
    builder.conv2d(24, (3, 3), activation="relu")
    builder.conv2d(16, (1, 1))
    first = builder.x
    builder.depthwise_conv2d(1, (3, 3), activation="relu", zero_point=-128)
    builder.depthwise_conv2d(1, (3, 3))
    scale = 2 * max(first.scale_zero()[0], builder.x.scale_zero()[0])
    builder.append(
        "add", (first.name, builder.x.name), builder.activation("both", first.dims, scale=scale), {"activation": "none"}
    )
    builder.append(
        "mean", ("both",), builder.activation("mean", (1, 16), scale=scale / 4), {"axes": (1, 2), "keep_dims": False}
    )
    builder.fully_connected(12)
    squares = builder.activation("squares", builder.x.dims, scale=builder.x.scale_zero()[0] ** 2 * 70)
    builder.append("mul", (builder.x.name, builder.x.name), squares, {"activation": "none"})
    return with_rounding(builder.graph(), ONCE)


@pytest.mark.parametrize("isa", TWINS)
def test_kernels_of_every_instruction_set_take_part(isa: str, tmp_path: Path) -> None:
    kernels = kernels_of(check_twins([_layers(seed) for seed in (1, 2)], TWINS[isa], tmp_path))
    assert isa == "portable" or sum(kernel.startswith(isa) for kernel in kernels) >= 6


def test_instructions_of_an_emulated_m4(tmp_path: Path) -> None:
    sources = check_core(_layers(4), "cortex-m4", tmp_path / "image")
    assert "smmla %" in sources.files["branches_model.c"] or "smmla r" in sources.files["branches_model.c"]


def test_the_default_is_not_told_and_once_is(tmp_path: Path) -> None:
    graph, m4 = tiny_graph(), find_target("cortex-m4")
    twice, once = (generate(graph, None, m4, "m") for graph in (graph, with_rounding(graph, ONCE)))
    assert "rounding" not in twice.manifest and once.manifest["rounding"] == "once"
    word = "#define EDGEKIT_MODEL_ROUNDS_ONCE 1\n"
    assert word not in project_files(twice, m4)["project/model_config.h"]
    assert word in project_files(once, m4)["project/model_config.h"]
