"""Every kernel in C against the integer interpreter (which TFLM and LiteRT hold), on the host and on emulated cores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edge_graphs import ACTIVATIONS, Builder
from edge_ops import OPS
from kernel_bytes import TWINS, check_core, check_twins, clips_of

from edgekit.bench.emulate import emulate
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import find_toolchain
from edgekit.graph.graph import Graph


def _check(graphs: list[Graph], folder: Path) -> None:
    check_twins(graphs, TWINS["portable"], folder)


@pytest.mark.parametrize("op", OPS)
def test_operator_in_c_equals_the_interpreter_without_a_bad_access(op: str, tmp_path: Path) -> None:
    _check([OPS[op](np.random.default_rng(seed)).graph() for seed in range(6)], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("op", OPS)
def test_operator_in_c_equals_the_interpreter_on_many_shapes(op: str, tmp_path: Path) -> None:
    _check([OPS[op](np.random.default_rng(seed)).graph() for seed in range(100, 140)], tmp_path)


def _large(seed: int) -> list[Graph]:
    """Shapes for the other branches: tiled depthwise planes, long filters, odd depths, dilation, 1×1 with stride."""
    rng = np.random.default_rng(seed)
    tiled = Builder(rng, (1, 40, 50, 2))
    tiled.depthwise_conv2d(2, (3, 3), stride=(2, 1), activation="relu")
    long = Builder(rng, (1, 31, 9, 3))
    long.depthwise_conv2d(1, (10, 4), pad="SAME")
    deep = Builder(rng, (1, 7, 5, 37))
    deep.conv2d(7, (1, 1), activation="relu6")
    deep.conv2d(5, (1, 1), stride=(2, 2))
    deep.conv2d(6, (3, 2), dilation=(1, 2), pad=((2, 2), (2, 2)))
    overhang = Builder(rng, (1, 3, 3, 4))
    overhang.conv2d(3, (5, 5), pad=((4, 4), (3, 4)))
    overhang.depthwise_conv2d(1, (4, 4), pad=((3, 3), (3, 3)))
    return [tiled.graph(), long.graph(), deep.graph(), overhang.graph()]


def test_branches_for_large_and_odd_shapes(tmp_path: Path) -> None:
    _check(_large(0), tmp_path)


def test_kernels_larger_than_the_image_leave_no_dead_comparison(tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    builder = Builder(np.random.default_rng(0), (1, 2, 1, 3))
    builder.conv2d(5, (3, 2), stride=(1, 3), pad=((1, 1), (0, 1)))
    host = find_target("cpu")
    clang = find_toolchain(host, "zig")  # it warns where gcc does not
    image = build(generate(builder.graph(), None, host, "small"), host, tmp_path / "image", toolchain=clang)
    assert image.warnings == ""
    _check([builder.graph()], tmp_path / "sanitized")


def _chain(seed: int) -> Graph:
    """One network with nearly every operator, residual sum and in-place operators included."""
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (1, 13, 11, 3))
    builder.conv2d(8, (3, 3), stride=(2, 1), activation="relu")
    left = builder.x
    builder.depthwise_conv2d(1, (3, 3), activation=str(rng.choice(ACTIVATIONS)))
    builder.conv2d(8, (1, 1))
    total = builder.activation("sum", left.dims, scale=2 * left.scale_zero()[0])
    builder.append("add", (left.name, builder.x.name), total, {"activation": "relu"})
    builder.append("relu6", (builder.x.name,), builder.same("six", builder.x.dims))
    builder.pool2d("max_pool2d", (2, 2), stride=(2, 2))
    padded = tuple(size + extra for size, extra in zip(builder.x.dims, (0, 3, 0, 0), strict=True))
    pads = ((0, 0), (1, 2), (0, 0), (0, 0))
    builder.append("pad", (builder.x.name,), builder.same("padded", padded), {"pads": pads})
    builder.pool2d("avg_pool2d", (3, 3), stride=(1, 2), pad="SAME")
    flat = builder.same("flat", (1, builder.x.elements))
    builder.append("reshape", (builder.x.name,), flat)
    builder.fully_connected(6)
    output = builder.activation("labels", (1, 6), scale=1 / 256, zero_point=-128)
    builder.append("softmax", (builder.x.name,), output, {"beta": 1.0})
    return builder.graph()


@pytest.mark.parametrize(
    ("core", "compiler"),
    [
        *((core, "zig") for core in ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33")),
        *((core, "arm-none-eabi-gcc") for core in ("cortex-m0", "cortex-m4")),
    ],
)
def test_network_on_every_emulated_core_equals_the_interpreter(core: str, compiler: str, tmp_path: Path) -> None:
    check_core(_chain(3), core, tmp_path / "image", compiler=compiler, count=20)


def test_the_label_is_the_largest_score(tmp_path: Path) -> None:
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    graph, target = _chain(3), find_target("cortex-m4")
    run = emulate(build(generate(graph, None, target, "chain"), target, tmp_path / "image"), clips_of(graph, 3))
    np.testing.assert_array_equal(run.labels, run.scores.argmax(axis=1))
