"""Kernels of int16 activations on DSP and Helium cores: twins under sanitizers, instructions, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from edge_ops import OPS
from edge_wide import narrow_ends, wide_graph, widened
from kernel_bytes import TWINS, check_core, check_twins, kernels_of

from edgekit.deploy.c.choice import OPTIMIZE, Optimize
from edgekit.deploy.c.dsp.wide_requantize import applies, channel_words
from edgekit.deploy.generate import generate
from edgekit.deploy.project import write_files
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import COMMON_FLAGS, find_toolchain
from edgekit.graph.graph import Graph
from edgekit.graph.integer.fixed_point import multiply_wide
from edgekit.graph.integer.params import Accumulate, Clamp
from edgekit.graph.rounding import ONCE, with_rounding
from edgekit.graph.scratch import scratch_sizes


def _convolutions(seed: int) -> Graph:
    """Patches gathered and not, blocks with a rest, depths that are no four, even and odd numbers of filters."""
    builder = Builder(np.random.default_rng(seed), (1, 9, 7, 3), zero_point=0)
    builder.conv2d(24, (3, 3), pad="SAME", activation="relu")  # 63 positions of 27 values
    builder.conv2d(17, (1, 1))
    builder.conv2d(40, (1, 1), activation="relu")
    builder.conv2d(13, (4, 4), stride=(2, 1), pad="SAME", activation="relu")  # 640 values
    builder.conv2d(6, (1, 1), activation="relu")
    builder.conv2d(7, (2, 2), stride=(2, 2), dilation=(2, 1))
    return narrow_ends(widened(builder.graph(), seed))


def _few_positions(seed: int) -> Graph:
    """Two positions and one: rows with four filters, the last four twice."""
    builder = Builder(np.random.default_rng(seed), (1, 2, 1, 8), zero_point=0)
    builder.conv2d(10, (1, 1), activation="relu")
    builder.conv2d(12, (1, 1))
    builder.conv2d(5, (2, 1), pad="VALID")
    builder.append("reshape", (builder.x.name,), builder.same("flat", (1, 5)))
    builder.fully_connected(14)
    builder.fully_connected(6, activation="relu")
    return narrow_ends(widened(builder.graph(), seed))


def _depthwise(seed: int) -> Graph:
    """Pairs along either axis, with and without stride, one row or column of taps, dilation, a multiplier."""
    builder = Builder(np.random.default_rng(seed), (1, 25, 6, 4), zero_point=0)
    builder.depthwise_conv2d(1, (3, 3), pad="SAME", activation="relu")
    builder.depthwise_conv2d(1, (1, 3), pad="SAME")
    builder.depthwise_conv2d(1, (3, 3), stride=(2, 1), pad="SAME")
    builder.depthwise_conv2d(2, (2, 2), pad="SAME", activation="relu")
    builder.depthwise_conv2d(1, (3, 1), dilation=(2, 1), pad=((2, 2), (0, 0)))
    builder.depthwise_conv2d(1, (3, 3), stride=(2, 2), pad="SAME", activation="relu")
    builder.depthwise_conv2d(1, (5, 5), pad="SAME")  # too many weights for registers
    return narrow_ends(widened(builder.graph(), seed))


def _products(seed: int) -> Graph:
    """Rows in fours with a rest, depths that are no four, a second operand with its columns contiguous and not."""
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (2, 11, 6), zero_point=0)
    first = builder.x
    scores = builder.activation("scores", (2, 11, 11), scale=60 * first.scale_zero()[0] ** 2, zero_point=0)
    builder.append("batch_matmul", (first.name, first.name), scores, {"adj_x": False, "adj_y": True})
    factor = scores.scale_zero()[0] * first.scale_zero()[0]
    values = builder.activation("values", (2, 11, 6), scale=150 * factor, zero_point=0)
    builder.append("batch_matmul", (scores.name, first.name), values, {"adj_x": False, "adj_y": False})
    return narrow_ends(widened(builder.graph(), seed))


GRAPHS: dict[str, Callable[[int], Graph]] = {
    "convolutions": _convolutions,
    "few positions": _few_positions,
    "depthwise": _depthwise,
    "products": _products,
}


@pytest.mark.parametrize("isa", ["dsp", "mve"])
def test_all_branches_as_twins_under_sanitizers(isa: str, tmp_path: Path) -> None:
    graphs = [make(seed) for make in GRAPHS.values() for seed in (1, 2)]
    kernels = kernels_of(check_twins(graphs, TWINS[isa], tmp_path))
    for name in ("wide_conv2d_4x4x40", "wide_pointwise_63x17", "depthwise_wide_3x3", "depthwise_wide_1x3"):
        assert any(name in kernel and kernel.startswith(isa) for kernel in kernels), name
    assert sum("matmul_wide" in kernel and kernel.startswith(("dsp", "mve")) for kernel in kernels) == 4


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d", "fully_connected", "batch_matmul"])
@pytest.mark.parametrize("isa", ["dsp", "mve"])
def test_random_layers_equal_the_interpreter(isa: str, op: str, tmp_path: Path) -> None:
    kernels = kernels_of(
        check_twins([narrow_ends(wide_graph(op, seed)) for seed in range(40, 52)], TWINS[isa], tmp_path)
    )
    assert sum(kernel.startswith(("dsp", "mve")) for kernel in kernels) >= (4 if "conv" in op else 1)


@pytest.mark.parametrize("isa", ["dsp", "mve"])
def test_graphs_that_round_once_as_well(isa: str, tmp_path: Path) -> None:
    graphs = [with_rounding(make(3), ONCE) for make in GRAPHS.values()]
    assert any("wide" in kernel for kernel in kernels_of(check_twins(graphs, TWINS[isa], tmp_path)))


@pytest.mark.parametrize("optimize", OPTIMIZE)
def test_every_purpose_has_the_same_bytes(optimize: Optimize, tmp_path: Path) -> None:
    kernels = kernels_of(check_twins([_convolutions(5)], TWINS["dsp"], tmp_path, optimize))
    assert any(kernel.endswith("_wide") for kernel in kernels) or optimize != "speed"


@pytest.mark.parametrize(
    ("target", "compiler"), [("cortex-m4", "zig"), ("cortex-m33", "arm-none-eabi-gcc"), ("cortex-m55", "zig")]
)
@pytest.mark.parametrize("name", GRAPHS)
def test_instructions_on_the_core_equal_the_interpreter(name: str, target: str, compiler: str, tmp_path: Path) -> None:
    check_core(GRAPHS[name](7), target, tmp_path / "image", "balanced", compiler)


@pytest.mark.parametrize("isa", ["dsp", "mve"])
def test_generated_text_has_no_warning_even_of_conversions(isa: str, tmp_path: Path) -> None:
    compiler = find_toolchain(find_target("cpu"))
    for number, make in enumerate(GRAPHS.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        sources = generate(make(1), None, TWINS[isa], "m")
        write_files(sources.files, folder)
        names = sorted(path.name for path in folder.glob("*.c"))
        compiler.run([*COMMON_FLAGS, "-Werror", "-Wpedantic", "-Wconversion", "-c", *names], folder)


def _layer(weights: list[int], bias: int, multiplier: int, shift: int, low: int = -32768) -> Accumulate:
    """One filter; 0 ≤ shift is a factor of one half and more."""
    one = (np.array([value]) for value in (bias, bias, multiplier, shift))
    return Accumulate(np.array([weights], np.int8), *one, False, 0, 0, Clamp(low, 32767, "int16"), True)


def test_one_product_gives_what_64_bits_give() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        weights, bias = rng.integers(-128, 128, 40), int(rng.integers(-(1 << 30), 1 << 30))
        layer = _layer(weights.tolist(), bias, int(rng.integers(1 << 30, 1 << 31)), -int(rng.integers(1, 31)))
        words = channel_words(layer, 0)
        if words is None:
            continue
        start, factor = words[0].tolist()
        sums = rng.integers(-32768, 32768, (200, 40)) @ weights
        once = ((sums + start) * factor + (1 << 31)) >> 32
        wide = multiply_wide(sums + bias, layer.multiplier, layer.shift)
        np.testing.assert_array_equal(layer.clamp(once), layer.clamp(wide))


@pytest.mark.parametrize(
    ("layer", "taken"),
    [
        (_layer([100] * 600, 0, 1 << 30, -10), True),
        (_layer([100] * 700, 0, 1 << 30, -10), False),  # 2,293,760,000 in a sum
        (_layer([100], 1 << 31, 1 << 30, -10), False),
        (_layer([0], 1 << 40, 1 << 30, -12), True),  # a constant
        (_layer([1], 5, 1 << 30, -31), True),  # 0 whatever comes
        (_layer([1], -(1 << 40), 1 << 30, -10, low=0), True),  # below the clamp whatever comes
        (_layer([100], 0, 1 << 30, 0), False),  # a factor of one half
        (_layer([100], 0, 1 << 30, -10, low=-5), False),
    ],
)
def test_what_32_bits_cannot_hold_takes_the_portable_kernel(layer: Accumulate, taken: bool) -> None:
    assert applies(layer, 0) == taken


def test_a_layer_without_a_kernel_needs_no_working_memory(tmp_path: Path) -> None:
    """Groups, and planes that are large beside what they make."""
    grouped = OPS["conv2d with groups"](np.random.default_rng(3)).graph()
    builder = Builder(np.random.default_rng(1), (1, 40, 40, 1), zero_point=0)
    builder.depthwise_conv2d(1, (3, 3), pad="SAME")
    graphs = [narrow_ends(widened(graph, 1)) for graph in (grouped, builder.graph())]
    assert [scratch_sizes(graph) for graph in graphs] == [{}, {}]
    kernels = kernels_of(check_twins(graphs, TWINS["dsp"], tmp_path))
    assert "conv2d_wide_1x1_to_1x6x8" in kernels
    assert any(kernel.startswith("dsp depthwise_wide") for kernel in kernels)  # by rows its plane is small
