"""MVE kernels: C twins under sanitizers, instructions on QEMU's Cortex-M55, against the integer interpreter."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_programs import SanitizedProgram
from edge_graphs import Builder
from edge_ops import OPS
from int8_oracles import random_int8

from edgekit.bench.qemu import PROGRAM, run_in_qemu
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import find_toolchain
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer

TWIN = replace(find_target("cpu"), dsp=True, mve=True)
"""This machine with the sources of a Cortex-M55: every vector loop is its C twin."""
needs_qemu = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="install qemu-system-arm (Debian package)")


def _clips(graph: Graph, seed: int, count: int = 12) -> np.ndarray:
    dims = graph.tensor(graph.inputs[0]).dims
    return random_int8(np.random.default_rng(seed), (count, *(dims[1:] if dims[0] == 1 else dims)))


def _expected(graph: Graph, clips: np.ndarray) -> np.ndarray:
    return run_integer(graph, clips).reshape(len(clips), -1)


def _convolutions(seed: int) -> Graph:
    """Patches gathered and not, in fours with a rest, of one chunk to many, whole chunks and parts, odd filters."""
    builder = Builder(np.random.default_rng(seed), (1, 9, 7, 3))
    builder.conv2d(24, (3, 3), pad="SAME", activation="relu")  # 63 positions of 27 values
    builder.conv2d(17, (1, 1), activation="relu6")  # 24 values, four groups of filters and one more
    builder.conv2d(48, (1, 1))  # 17 values
    builder.conv2d(10, (3, 2), stride=(2, 1), pad="SAME", activation="relu")  # 288 values: a loop over chunks
    builder.conv2d(70, (1, 1), activation="relu", zero_point=-128)
    builder.conv2d(3, (1, 1), stride=(2, 2))
    return builder.graph()


def _depthwise(seed: int) -> Graph:
    """Either axis along, stride, dilation, a multiplier, rows of fewer than four, groups of rows and a rest."""
    builder = Builder(np.random.default_rng(seed), (1, 25, 6, 4))
    builder.depthwise_conv2d(1, (3, 3), pad="SAME", activation="relu", zero_point=-128)
    builder.depthwise_conv2d(1, (1, 3), pad="SAME")
    builder.depthwise_conv2d(1, (3, 1), pad=((1, 2), (0, 0)), activation="relu6")
    builder.depthwise_conv2d(1, (3, 3), stride=(2, 1), pad="SAME")
    builder.depthwise_conv2d(2, (2, 2), pad="SAME", activation="relu")
    builder.depthwise_conv2d(1, (3, 1), dilation=(2, 1), pad=((2, 2), (0, 0)))
    builder.depthwise_conv2d(1, (5, 5), pad="SAME")
    builder.depthwise_conv2d(1, (3, 3), stride=(3, 2), pad="SAME", activation="relu")
    builder.depthwise_conv2d(1, (2, 2), stride=(2, 2))  # two rows of one output
    return builder.graph()


def _dense(seed: int) -> Graph:
    builder = Builder(np.random.default_rng(seed), (1, 7, 5, 1))
    builder.append("reshape", (builder.x.name,), builder.same("flat", (1, builder.x.elements)))
    for outputs, activation in ((33, "relu"), (16, "none"), (6, "relu6"), (3, "none")):
        builder.fully_connected(outputs, activation=activation)
    return builder.graph()


def _pools(seed: int) -> Graph:
    """Windows that overlap, and whole rows that lie behind each other; eight channels a vector."""
    builder = Builder(np.random.default_rng(seed), (1, 12, 7, 16))
    builder.pool2d("avg_pool2d", (3, 2), stride=(1, 1))
    builder.pool2d("avg_pool2d", (5, 6), stride=(5, 6))
    return builder.graph()


GRAPHS = {"convolutions": _convolutions, "depthwise": _depthwise, "dense": _dense, "pools": _pools}


def _check_twins(graphs: list[Graph], folder: Path) -> list[str]:
    """Bytes equal for all graphs; returns the kernels that were chosen."""
    made = [generate(graph, None, TWIN, f"m{i}") for i, graph in enumerate(graphs)]
    program = SanitizedProgram(made, folder)
    for i, graph in enumerate(graphs):
        clips = _clips(graph, i)
        np.testing.assert_array_equal(program.run(i, clips), _expected(graph, clips), err_msg=f"graph {i}")
    return [layer["kernel"] for sources in made for layer in sources.manifest["layers"]]


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d", "fully_connected"])
def test_random_layers_equal_the_interpreter(op: str, tmp_path: Path) -> None:
    graphs = [OPS[op](np.random.default_rng(seed)).graph() for seed in range(60, 70)]
    kernels = _check_twins(graphs, tmp_path)
    assert any(kernel.startswith("mve") for kernel in kernels)


def test_all_branches_as_twins_under_sanitizers(tmp_path: Path) -> None:
    kernels = _check_twins([make(seed) for make in GRAPHS.values() for seed in (1, 2)], tmp_path)
    assert sum(kernel.startswith("mve") for kernel in kernels) >= 30


@needs_qemu
@pytest.mark.parametrize("compiler", ["zig", "arm-none-eabi-gcc"])
@pytest.mark.parametrize("name", GRAPHS)
def test_instructions_on_the_core_equal_the_interpreter(name: str, compiler: str, tmp_path: Path) -> None:
    if compiler != "zig" and shutil.which(compiler) is None:
        pytest.skip("install gcc-arm-none-eabi (Debian package)")
    chosen, graph = find_target("cortex-m55"), GRAPHS[name](7)
    sources = generate(graph, None, chosen, "branches")
    assert any(layer["kernel"].startswith("mve") for layer in sources.manifest["layers"])
    image = build(sources, chosen, tmp_path / "image", toolchain=find_toolchain(chosen, compiler))
    assert image.warnings == ""
    clips = _clips(graph, 3, 8)
    run = run_in_qemu(image, clips, _expected(graph, clips).shape[1])
    np.testing.assert_array_equal(run.scores, _expected(graph, clips))


def test_whole_blocks_of_neighbouring_patches_need_no_copy_of_single_ones() -> None:
    builder = Builder(np.random.default_rng(0), (1, 7, 8, 32))  # 56 positions, two chunks of 16 values
    builder.conv2d(12, (1, 1))
    model = generate(builder.graph(), None, find_target("cortex-m55"), "m").files["m_model.c"]
    assert "pairs_of_32" in model and "patch_of_32" not in model
