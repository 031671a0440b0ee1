"""Sums, means and rows of depthwise filters with DSP instructions: twins under sanitizers, the emulated core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from kernel_bytes import TWINS, check_core, check_twins, kernels_of

from edgekit.deploy.c.dsp import linear_add
from edgekit.deploy.c.kernel import Layer
from edgekit.deploy.c.linear import linear_of_one, linear_of_two
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import prepare_node, run_node
from edgekit.graph.ops import activation_inputs

TWIN = TWINS["dsp"]
_INT8 = np.arange(-128, 128)


def _sum(op: str, seed: int, *, row: bool, activation: str = "none") -> Graph:
    """x ± y, where y has x's shape or is the mean of x's rows."""
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (1, 1, int(rng.integers(2, 14)), int(rng.integers(3, 9))))
    first = builder.x
    if row:
        dims = (1, 1, 1, first.dims[3])
        mean = builder.activation("mean", dims, scale=first.scale_zero()[0] * rng.uniform(0.3, 0.9))
        builder.append("mean", (first.name,), mean, {"axes": (2,), "keep_dims": True})
    else:
        builder.depthwise_conv2d(1, (1, 3), pad="SAME", activation="relu")
    second = builder.x
    zero_point = -128 if activation == "relu" else None
    largest = max(first.scale_zero()[0], second.scale_zero()[0])
    total = builder.activation("total", first.dims, scale=largest * rng.uniform(0.7, 2.5), zero_point=zero_point)
    builder.append(op, (first.name, second.name), total, {"activation": activation})
    return builder.graph()


def _rows(seed: int) -> Graph:
    """Filters along one row and one column, with and without stride, dilation and border."""
    builder = Builder(np.random.default_rng(seed), (1, 1, 17, 6))
    builder.depthwise_conv2d(1, (1, 3), pad="SAME", activation="relu")
    builder.depthwise_conv2d(1, (1, 5), pad=((0, 0), (2, 1)))
    builder.depthwise_conv2d(1, (1, 3), dilation=(1, 2), pad="VALID")
    builder.depthwise_conv2d(1, (1, 2), stride=(1, 2), pad="SAME", activation="relu6")
    builder.depthwise_conv2d(1, (1, 1), pad="VALID")
    builder.append("reshape", (builder.x.name,), builder.same("turned", (1, builder.x.dims[2], 1, 6)))
    builder.depthwise_conv2d(1, (3, 1), pad="SAME")
    return builder.graph()


GRAPHS = {
    **{f"{op} {seed}": _sum(op, seed, row=False) for op in ("add", "sub") for seed in (1, 2)},
    **{f"{op} of a row {seed}": _sum(op, seed, row=True) for op in ("add", "sub") for seed in (3, 4)},
    "add and relu": _sum("add", 5, row=False, activation="relu"),
    "rows 1": _rows(1),
    "rows 2": _rows(2),
}


def test_all_of_them_as_twins_under_sanitizers(tmp_path: Path) -> None:
    kernels = kernels_of(check_twins(list(GRAPHS.values()), TWIN, tmp_path))
    assert sum("_linear_" in kernel for kernel in kernels) >= 8 and sum("depthwise_row" in k for k in kernels) >= 12


@pytest.mark.parametrize("name", ["sub 1", "add of a row 3", "rows 1"])
def test_the_instructions_on_the_emulated_core_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    check_core(GRAPHS[name], "cortex-m4", tmp_path / "image")


@pytest.mark.parametrize("name", ["add 1", "sub 2", "add and relu"])
def test_a_form_of_two_inputs_holds_for_all_65536_pairs(name: str) -> None:
    graph = GRAPHS[name]
    node = graph.nodes[-1]
    params = prepare_node(graph, node)
    inputs = tuple(graph.tensor(item) for item in activation_inputs(node))
    layer = Layer(0, node, params, inputs, graph.tensor(node.outputs[0]), TWIN)
    assert linear_add.fits(layer)
    form = linear_add.form_of_sum(params)  # type: ignore[arg-type]
    assert form is not None
    pairs = np.repeat(_INT8, 256).astype(np.int8), np.tile(_INT8, 256).astype(np.int8)
    expected = np.asarray(run_node(node, params, tuple(side[None] for side in pairs))).reshape(-1)
    sums = form.first * pairs[0].astype(np.int64) + form.second * pairs[1].astype(np.int64) + form.constant
    assert np.abs(sums).max() < 1 << 31
    low = params.clamp.low  # type: ignore[union-attr]
    np.testing.assert_array_equal(np.clip(np.clip(sums >> form.shift, -128, 127), low, 127), expected)


def test_halves_either_way_are_a_tilt_of_the_line_and_what_bends_has_no_form() -> None:
    x = _INT8.astype(np.int64)
    for halves in (np.where(x >= 0, (x + 1) // 2, -((-x + 1) // 2)), (x + 1) // 2):  # away from zero, up
        form = linear_of_one(x, halves, 0.5)
        assert form is not None and np.array_equal((form.first * x + form.constant) >> form.shift, halves)
    assert linear_of_one(x, np.where(x > 0, x, x // 2), 0.75) is None
    bent = np.minimum(x[:, None] + x[None, :], 30)
    assert linear_of_two(np.clip(bent, -128, 127), (1.0, 1.0)) is None
