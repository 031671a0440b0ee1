"""DSP kernels: their C twins under sanitizers, the instructions on emulated cores, against the integer interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from edge_ops import OPS
from kernel_bytes import TWINS, check_core, check_twins, kernels_of

from edgekit.deploy.c.choice import OPTIMIZE, Optimize
from edgekit.deploy.generate import generate
from edgekit.deploy.project import write_files
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import COMMON_FLAGS, find_toolchain
from edgekit.graph.graph import Graph

TWIN = TWINS["dsp"]


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d", "fully_connected", "avg_pool2d", "add", "sub"])
def test_random_layers_equal_the_interpreter(op: str, tmp_path: Path) -> None:
    graphs = [OPS[op](np.random.default_rng(seed)).graph() for seed in range(40, 52)]
    kernels = kernels_of(check_twins(graphs, TWIN, tmp_path))
    assert op != "conv2d" or sum(kernel.startswith("dsp") for kernel in kernels) >= 6


def _convolutions(seed: int) -> Graph:
    """Patches with and without gathering, in fours and twos, with a rest of positions and a depth that is no four."""
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (1, 9, 7, 3))
    builder.conv2d(24, (3, 3), pad="SAME", activation="relu")  # 63 positions of 27 values
    builder.conv2d(17, (1, 1), activation="relu6")
    builder.conv2d(40, (1, 1))
    builder.conv2d(12, (4, 4), stride=(2, 1), pad="SAME", activation="relu")  # 640 values: two at a time
    builder.conv2d(70, (1, 1), activation="relu")
    builder.conv2d(5, (1, 1), stride=(2, 2))
    return builder.graph()


def _depthwise(seed: int) -> Graph:
    """Pairs along either axis, with and without stride, one row or column of taps, dilation, a multiplier."""
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (1, 25, 6, 4))
    builder.depthwise_conv2d(1, (3, 3), pad="SAME", activation="relu")
    builder.depthwise_conv2d(1, (1, 3), pad="SAME")
    builder.depthwise_conv2d(1, (3, 1), pad=((1, 2), (0, 0)), activation="relu6")
    builder.depthwise_conv2d(1, (3, 3), stride=(2, 1), pad="SAME")
    builder.depthwise_conv2d(2, (2, 2), pad="SAME", activation="relu")
    builder.depthwise_conv2d(1, (3, 1), dilation=(2, 1), pad=((2, 2), (0, 0)))
    builder.depthwise_conv2d(1, (3, 3), stride=(2, 2), pad="SAME", activation="relu")
    builder.depthwise_conv2d(1, (5, 5), pad="SAME")  # too many weights for registers: portable
    return builder.graph()


def test_windows_that_lie_in_the_padding_alone(tmp_path: Path) -> None:
    builder = Builder(np.random.default_rng(0), (1, 28, 1, 5))
    builder.depthwise_conv2d(2, (1, 2), stride=(2, 3), pad=((2, 2), (2, 0)))  # its one column is the padding's
    assert not any(kernel.startswith("dsp") for kernel in kernels_of(check_twins([builder.graph()], TWIN, tmp_path)))


def _dense(seed: int, per_channel: bool) -> Graph:
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (1, 8, 6, 4))
    builder.pool2d("avg_pool2d", (4, 3), stride=(4, 3))
    builder.append("reshape", (builder.x.name,), builder.same("flat", (1, builder.x.elements)))
    for outputs, activation in ((16, "relu"), (8, "none"), (24, "relu6"), (10, "none")):
        zero_point = -128 if activation == "relu" else None
        builder.fully_connected(outputs, activation=activation, per_channel=per_channel, zero_point=zero_point)
    return builder.graph()


def _sums(seed: int) -> Graph:
    """Sums and differences whose result may lie below the zero point, with and without a clamp; in place too."""
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (1, 7, 6, 5))
    for op, activation in (("add", "none"), ("sub", "relu"), ("add", "relu6")):
        before = builder.x
        builder.conv2d(5, (1, 1))
        total = builder.activation(builder.name("sum"), before.dims, scale=2 * before.scale_zero()[0])
        builder.append(op, (before.name, builder.x.name), total, {"activation": activation})
    return builder.graph()


GRAPHS = {
    "sums": _sums,
    "convolutions": _convolutions,
    "depthwise": _depthwise,
    "dense per channel": lambda seed: _dense(seed, True),
    "dense per tensor": lambda seed: _dense(seed, False),
}


def test_all_branches_as_twins_under_sanitizers(tmp_path: Path) -> None:
    kernels = kernels_of(check_twins([make(seed) for make in GRAPHS.values() for seed in (1, 2)], TWIN, tmp_path))
    for name in ("block", "pointwise_", "conv2d_4x4", "depthwise_3x3", "depthwise_1x3", "filters_by_four", "_by_4"):
        chosen = [kernel for kernel in kernels if kernel.startswith("dsp")]
        assert name == "block" or any(name in kernel for kernel in chosen), name


@pytest.mark.parametrize("optimize", OPTIMIZE)
def test_every_purpose_has_the_same_bytes(optimize: Optimize, tmp_path: Path) -> None:
    kernels = kernels_of(check_twins([_convolutions(5)], TWIN, tmp_path, optimize))
    assert any(kernel.endswith("_wide") for kernel in kernels) == (optimize == "speed")


@pytest.mark.parametrize(
    ("target", "compiler", "optimize"),
    [
        ("cortex-m4", "zig", "balanced"),
        ("cortex-m4", "zig", "size"),
        ("cortex-m4", "arm-none-eabi-gcc", "speed"),
        ("cortex-m33", "zig", "speed"),
    ],
)
@pytest.mark.parametrize("name", GRAPHS)
def test_instructions_on_the_core_equal_the_interpreter(
    name: str, target: str, compiler: str, optimize: Optimize, tmp_path: Path
) -> None:
    check_core(GRAPHS[name](7), target, tmp_path / "image", optimize, compiler)


def test_generated_text_has_no_warning_even_of_conversions(tmp_path: Path) -> None:
    compiler = find_toolchain(find_target("cpu"))
    for name, make in GRAPHS.items():
        folder = tmp_path / name.replace(" ", "_")
        folder.mkdir()
        sources = generate(make(1), None, TWIN, "m")
        write_files(sources.files, folder)
        names = sorted(path.name for path in folder.glob("*.c"))
        compiler.run([*COMMON_FLAGS, "-Werror", "-Wpedantic", "-Wconversion", "-c", *names], folder)
