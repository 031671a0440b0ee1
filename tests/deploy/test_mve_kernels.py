"""MVE kernels: C twins under sanitizers, instructions on QEMU's Cortex-M55, against the integer interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from edge_ops import OPS
from kernel_bytes import TWINS, check_core, check_twins, kernels_of

from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph


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


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d", "fully_connected"])
def test_random_layers_equal_the_interpreter(op: str, tmp_path: Path) -> None:
    graphs = [OPS[op](np.random.default_rng(seed)).graph() for seed in range(60, 70)]
    kernels = kernels_of(check_twins(graphs, TWINS["mve"], tmp_path))
    assert any(kernel.startswith("mve") for kernel in kernels)


def test_all_branches_as_twins_under_sanitizers(tmp_path: Path) -> None:
    kernels = kernels_of(
        check_twins([make(seed) for make in GRAPHS.values() for seed in (1, 2)], TWINS["mve"], tmp_path)
    )
    assert sum(kernel.startswith("mve") for kernel in kernels) >= 30


@pytest.mark.parametrize("compiler", ["zig", "arm-none-eabi-gcc"])
@pytest.mark.parametrize("name", GRAPHS)
def test_instructions_on_the_core_equal_the_interpreter(name: str, compiler: str, tmp_path: Path) -> None:
    sources = check_core(GRAPHS[name](7), "cortex-m55", tmp_path / "image", compiler=compiler)
    assert any(kernel.startswith("mve") for kernel in kernels_of([sources]))


def test_whole_blocks_of_neighbouring_patches_need_no_copy_of_single_ones() -> None:
    builder = Builder(np.random.default_rng(0), (1, 7, 8, 32))  # 56 positions, two chunks of 16 values
    builder.conv2d(12, (1, 1))
    model = generate(builder.graph(), None, find_target("cortex-m55"), "m").files["m_model.c"]
    assert "pairs_of_32" in model and "patch_of_32" not in model
