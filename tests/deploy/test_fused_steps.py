"""Fused layer norms, response norms and sums: the bytes of the operators by themselves, on hosts and emulated cores."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from edge_graphs import Builder, quant
from kernel_bytes import CORTEX_M, TWINS, check_core, check_twins, clips_of, kernels_of, outputs_of

from edgekit.bench.emulate import emulate
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.graph.firmware import firmware
from edgekit.graph.fused_group import FusedGroup, fused_groups
from edgekit.graph.graph import Graph
from edgekit.graph.tensor import Tensor

POSITIONS, CHANNELS = 23, 14  # neither whole vectors nor a power of two


def _wide(
    builder: Builder, op: str, inputs: tuple[str, ...], shape: tuple[int, ...], scale: float, **attrs: object
) -> str:
    """An int16 node."""
    output = builder.keep(Tensor(builder.name(op), shape, "int16", quant(scale, 0)))
    builder.append(op, inputs, output, attrs)
    return output.name


def _constant(builder: Builder, shape: tuple[int, ...], dtype: str, scale: float) -> str:
    limits = np.iinfo(dtype)
    data = builder.rng.integers(limits.min, limits.max + 1, shape).astype(dtype)
    zero = 0 if dtype == "int16" else int(builder.rng.integers(-128, 128))
    return builder.keep(Tensor(builder.name("constant"), shape, dtype, quant(scale, zero), data)).name


def layer_norm(seed: int, *, affine: bool = True) -> Graph:
    """int16 between int8 ends: x − mean, over its root mean square, times a row, plus a row."""
    builder = Builder(np.random.default_rng(seed), (1, POSITIONS, CHANNELS))
    full, column = (1, POSITIONS, CHANNELS), (1, POSITIONS, 1)
    x = _wide(builder, "quantize", ("input",), full, 1 / 4000)
    mean = _wide(builder, "mean", (x,), column, 1 / 4000, axes=(2,), keep_dims=True)
    centred = _wide(builder, "sub", (x, mean), full, 1 / 3000, activation="none")
    square = _wide(builder, "mul", (centred, centred), full, 1 / 2000, activation="none")
    variance = _wide(builder, "mean", (square,), column, 1 / 6000, axes=(2,), keep_dims=True)
    epsilon = _constant(builder, (1,), "int16", 1e-6)
    above = _wide(builder, "add", (variance, epsilon), column, 1 / 6000, activation="none")
    root = _wide(builder, "rsqrt", (above,), column, 1 / 3000)
    normal = _wide(builder, "mul", (centred, root), full, 1 / 6000, activation="none")
    if affine:
        gamma, beta = (_constant(builder, (CHANNELS,), "int16", 1 / 20000) for _ in range(2))
        normal = _wide(builder, "mul", (normal, gamma), full, 1 / 5000, activation="none")
        normal = _wide(builder, "add", (normal, beta), full, 1 / 5000, activation="none")
    output = builder.activation(builder.name("end"), full, scale=1 / 30)
    builder.append("quantize", (normal,), output)
    return builder.graph()


def response_norm(seed: int) -> Graph:
    """int8: squares averaged over positions, a function of that, times x, a factor and an addend, plus x."""
    builder = Builder(np.random.default_rng(seed), (1, 6, 9, 13))
    builder.conv2d(13, (1, 1))
    x = builder.x
    builder.append("mul", (x.name, x.name), builder.activation("square", x.dims, scale=0.02, zero_point=-128))
    mean = builder.activation("means", (1, 1, 1, 13), scale=0.02, zero_point=-128)
    builder.append("mean", ("square",), mean, {"axes": (1, 2), "keep_dims": True})
    builder.append("rsqrt", ("means",), builder.activation("roots", (1, 1, 1, 13), scale=0.02, zero_point=-128))
    builder.append("mul", (x.name, "roots"), builder.activation("scaled", x.dims, scale=0.02))
    weights = Tensor("gamma", (1, 1, 1, 13), "int8", quant(0.01, 0), np.full((1, 1, 1, 13), 93, np.int8))
    bias = Tensor("beta", (13,), "int32", quant(0.0002, 0), np.full(13, -900, np.int32))
    attrs = {"stride": (1, 1), "dilation": (1, 1), "pad": ((0, 0), (0, 0)), "activation": "none", "multiplier": 1}
    output = builder.activation("affine", x.dims, scale=0.03)
    builder.append("depthwise_conv2d", ("scaled", builder.keep(weights).name, builder.keep(bias).name), output, attrs)
    builder.append("add", ("affine", x.name), builder.activation("y", x.dims, scale=0.05), {"activation": "relu"})
    return builder.graph()


def branches(seed: int) -> Graph:
    """int8: a sum of a gated branch and a shortcut, with a column, a row and a table on the way."""
    builder = Builder(np.random.default_rng(seed), (1, 31, 12))
    full = builder.x.dims
    mean = builder.activation("mean", (1, 31, 1))
    builder.append("mean", ("input",), mean, {"axes": (2,), "keep_dims": True})
    gate = builder.activation("gate", (1, 31, 1), scale=1 / 256, zero_point=-128)
    builder.append("logistic", ("mean",), gate)
    builder.append("mul", ("input", "gate"), builder.activation("gated", full))
    builder.append("tanh", ("gated",), builder.activation("bent", full, scale=1 / 128, zero_point=0))
    row = _constant(builder, (1, 1, 12), "int8", 0.01)
    builder.append("sub", ("bent", row), builder.activation("less", full, scale=0.02), {"activation": "relu6"})
    builder.append("relu", ("less",), builder.activation("half", full, scale=0.013, zero_point=-100))
    builder.append("add", ("half", "input"), builder.activation("y", full), {"activation": "none"})
    return builder.graph()


GRAPHS = {
    "layer norm": layer_norm,
    "plain layer norm": lambda seed: layer_norm(seed, affine=False),
    "response norm": response_norm,
    "branches": branches,
}


def _fused(sources: Sources) -> list[str]:
    return [kernel for kernel in kernels_of([sources]) if "fused" in kernel or "layer_norm" in kernel]


@pytest.mark.parametrize("isa", CORTEX_M)
def test_bytes_are_the_interpreter_s_under_sanitizers(isa: str, tmp_path: Path) -> None:
    graphs = [make(1) for make in GRAPHS.values()]
    for graph, sources in zip(graphs, check_twins(graphs, TWINS[isa], tmp_path), strict=True):
        assert len(_fused(sources)) >= 4
        assert len(np.unique(outputs_of(graph, clips_of(graph, 0)))) > 8


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
def test_bytes_on_emulated_cores(core: str, name: str, tmp_path: Path) -> None:
    check_core(GRAPHS[name](7), core, tmp_path / "image", count=4)


@pytest.mark.parametrize("compiler", ["zig", pytest.param("arm-none-eabi-gcc", marks=pytest.mark.slow)])
def test_bytes_on_the_emulated_m55(compiler: str, tmp_path: Path) -> None:
    for name, make in GRAPHS.items():
        sources = check_core(make(7), "cortex-m55", tmp_path / name, compiler=compiler, count=4)
        assert any(kernel.startswith("mve") for kernel in _fused(sources))


def test_a_layer_norm_is_one_step_and_takes_less_memory_and_fewer_instructions(tmp_path: Path) -> None:
    graph, target = layer_norm(5), find_target("cortex-m4")
    clips, found = clips_of(graph, 3, 1), {}
    for how in ("fused", "alone"):
        patch = mock.patch("edgekit.graph.firmware.fused_groups", fused_groups if how == "fused" else lambda core: ())
        with patch:
            sources = generate(graph, None, target, "norm", "speed")
        run = emulate(build(sources, target, tmp_path / how), clips, counted=1)
        found[how] = (run.counts[0].model, sources.manifest["arena_bytes"])
    assert found["fused"][0] < 0.9 * found["alone"][0]
    assert found["fused"][1] <= found["alone"][1] - 2 * POSITIONS * CHANNELS


def test_groups_end_where_a_value_is_needed_outside() -> None:
    groups = fused_groups(response_norm(1))
    assert [[node.op for node in group.nodes] for group in groups] == [
        ["mul", "mean"],
        ["mul", "depthwise_conv2d", "add"],
    ]
    assert [group.nbytes for group in groups] == [64, 0]  # 13 sums of 4 bytes, aligned


def test_rows_that_a_later_pass_reads_again_are_working_memory() -> None:
    (group,) = fused_groups(layer_norm(1))
    assert len(group.nodes) == len(layer_norm(1).nodes)
    assert group.nbytes == 64  # x − mean and x: 14 values of int16 each, aligned
    assert group.channels == CHANNELS and group.positions == POSITIONS


def test_operators_that_differ_between_channels_or_shapes_are_left_alone() -> None:
    graph = response_norm(1)
    weights = graph.tensor("gamma")
    data = np.asarray(weights.data).copy()
    data[..., 0] = 5
    unlike = graph.replace(tensors={**graph.tensors, "gamma": weights.replace(data=data)})
    assert [len(group.nodes) for group in fused_groups(unlike)] == [2]
    assert all(isinstance(group, FusedGroup) for group in firmware(unlike, "speed").groups)
