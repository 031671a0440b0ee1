"""Integer forms that TFLM's kernels cannot compute are refused before anything runs."""

from __future__ import annotations

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.integer.interpreter import prepare


@pytest.mark.parametrize(("op", "wanted"), [("logistic", "1/256 and -128"), ("tanh", "1/128 and 0")])
def test_output_of_another_scale_than_the_kernel_writes(op: str, wanted: str) -> None:
    builder = Builder(np.random.default_rng(0), (1, 4, 4, 2))
    builder.append(op, ("input",), builder.activation("y", builder.x.dims, scale=0.01, zero_point=3))
    with pytest.raises(UnsupportedOpError, match=wanted):
        prepare(builder.graph())


def test_root_of_values_that_may_be_negative() -> None:
    builder = Builder(np.random.default_rng(0), (1, 4, 4, 2), zero_point=-127)
    builder.append("rsqrt", ("input",), builder.activation("y", builder.x.dims))
    with pytest.raises(UnsupportedOpError, match="may be negative"):
        prepare(builder.graph())


def test_concat_of_parts_with_different_scales() -> None:
    builder = Builder(np.random.default_rng(0), (1, 4, 4, 2))
    builder.append("relu", ("input",), builder.activation("other", builder.x.dims))
    builder.append("concat", ("input", "other"), builder.same("y", (1, 4, 4, 4)), {"axis": 3})
    with pytest.raises(UnsupportedOpError, match="concat changes scale"):
        prepare(builder.graph())


def test_hard_swish_with_a_much_finer_output() -> None:
    builder = Builder(np.random.default_rng(0), (1, 4, 4, 2))
    scale = builder.x.scale_zero()[0] / 300
    builder.append("hard_swish", ("input",), builder.activation("y", builder.x.dims, scale=scale))
    with pytest.raises(UnsupportedOpError, match="finer output"):
        prepare(builder.graph())
