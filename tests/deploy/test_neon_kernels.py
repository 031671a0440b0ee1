"""NEON kernels: C twins under sanitizers, instructions in QEMU with and without dot products."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from edge_ops import OPS
from kernel_bytes import TWINS, check_core, check_twins, kernels_of

from edgekit.deploy.toolchain import LINUX_GCC
from edgekit.graph.graph import Graph


def _convolutions(seed: int) -> Graph:
    """Patches gathered and not, in fours with a rest, of one chunk to many, whole chunks and parts, odd filters."""
    builder = Builder(np.random.default_rng(seed), (1, 9, 7, 3))
    builder.conv2d(24, (3, 3), pad="SAME", activation="relu")  # 63 positions of 27 values
    builder.conv2d(17, (1, 1), activation="relu6")  # 24 values, four groups of filters and one more
    builder.conv2d(48, (1, 1))
    builder.conv2d(10, (3, 2), stride=(2, 1), pad="SAME", activation="relu")  # 288 values: many chunks
    builder.conv2d(70, (1, 1), activation="relu", zero_point=-128)
    builder.conv2d(4, (1, 1), stride=(2, 2))
    return builder.graph()


def _dense(seed: int) -> Graph:
    builder = Builder(np.random.default_rng(seed), (1, 7, 5, 1))
    builder.append("reshape", (builder.x.name,), builder.same("flat", (1, builder.x.elements)))
    for outputs, activation in ((33, "relu"), (16, "none"), (6, "relu6"), (4, "none")):
        builder.fully_connected(outputs, activation=activation)
    return builder.graph()


def _depthwise(seed: int) -> Graph:
    """Either axis along, stride, dilation, a multiplier, rows of fewer than eight."""
    builder = Builder(np.random.default_rng(seed), (1, 25, 6, 4))
    builder.depthwise_conv2d(1, (3, 3), pad="SAME", activation="relu", zero_point=-128)
    builder.depthwise_conv2d(1, (1, 3), pad="SAME")
    builder.depthwise_conv2d(1, (3, 3), stride=(2, 1), pad="SAME")
    builder.depthwise_conv2d(2, (2, 2), pad="SAME", activation="relu")
    builder.depthwise_conv2d(1, (3, 1), dilation=(2, 1), pad=((2, 2), (0, 0)))
    builder.depthwise_conv2d(1, (5, 5), pad="SAME")
    builder.depthwise_conv2d(1, (2, 2), stride=(2, 2))
    return builder.graph()


GRAPHS = {"convolutions": _convolutions, "dense": _dense, "depthwise": _depthwise}


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d", "fully_connected", "batch_matmul"])
def test_random_layers_equal_the_interpreter(op: str, tmp_path: Path) -> None:
    kernels = kernels_of(
        check_twins([OPS[op](np.random.default_rng(seed)).graph() for seed in range(60, 70)], TWINS["neon"], tmp_path)
    )
    assert any(kernel.startswith("neon") for kernel in kernels)


def test_all_branches_as_twins_under_sanitizers(tmp_path: Path) -> None:
    kernels = kernels_of(
        check_twins([make(seed) for make in GRAPHS.values() for seed in (1, 2)], TWINS["neon"], tmp_path)
    )
    assert sum(kernel.startswith("neon") for kernel in kernels) >= 18, kernels


@pytest.mark.parametrize("compiler", ["zig", LINUX_GCC])
@pytest.mark.parametrize("board", ["rpi4", "rpi5"])
@pytest.mark.parametrize("name", GRAPHS)
def test_instructions_equal_the_interpreter(name: str, board: str, compiler: str, tmp_path: Path) -> None:
    check_core(GRAPHS[name](7), board, tmp_path / "image", compiler=compiler)
