"""Products of two activations in blocks of rows: portable C and both SIMD kernels against the integer interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from kernel_bytes import CORTEX_M, TWINS, check_core, check_twins

from edgekit.graph.graph import Graph

SHAPES = (
    # batches, rows, depth, columns, second operand transposed
    (1, 4, 1, 4, True), (2, 7, 10, 9, True), (3, 9, 5, 6, False), (1, 12, 109, 10, False), (1, 5, 16, 3, True),
    (2, 4, 300, 9, True), (1, 6, 260, 17, False), (1, 3, 8, 8, True), (1, 8, 7, 1, False),
)  # fmt: skip
"""Whole blocks and rests, filled up and not, columns in several pieces, too few rows or columns for a block."""


def _product(seed: int, shape: tuple[int, int, int, int, bool]) -> Graph:
    """Left rows times right columns, both cut from the input; a second batch of one broadcasts."""
    batches, rows, depth, columns, transposed = shape
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (1, batches, rows + columns, depth))
    source = builder.x

    def cut(name: str, first: int, count: int) -> str:
        every = builder.same(name, (1, batches, count, depth))
        attrs = {"begin": (0, 0, first, 0), "size": every.dims, "stride": (1, 1, 1, 1)}
        builder.append("slice", (source.name,), every, attrs)
        return name

    left, right = cut("left", 0, rows), cut("right", rows, columns)
    if not transposed:
        turned = builder.same("turned", (1, batches, depth, columns))
        builder.append("transpose", (right,), turned, {"perm": (0, 1, 3, 2)})
        right = "turned"
    scale = source.scale_zero()[0] ** 2 * float(np.sqrt(depth) * rng.uniform(30, 100))
    output = builder.activation("product", (1, batches, rows, columns), scale=scale)
    builder.append("batch_matmul", (left, right), output, {"adj_x": False, "adj_y": transposed})
    return builder.graph()


@pytest.mark.parametrize("name", CORTEX_M)
def test_every_shape_under_sanitizers(name: str, tmp_path: Path) -> None:
    made = check_twins([_product(seed, shape) for seed, shape in enumerate(SHAPES)], TWINS[name], tmp_path)
    kernels = [sources.manifest["layers"][-1]["kernel"] for sources in made]
    assert name == "portable" or sum(kernel.startswith(name) for kernel in kernels) >= 6, kernels


@pytest.mark.parametrize("shape", [SHAPES[1], SHAPES[3], SHAPES[5]], ids=str)
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
def test_instructions_on_the_core(core: str, shape: tuple[int, int, int, int, bool], tmp_path: Path) -> None:
    check_core(_product(3, shape), core, tmp_path / "image")
