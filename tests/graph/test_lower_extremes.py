"""ReduceMax, ReduceMin and LogSoftmax, lowered and held against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from onnx import helper

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

node = helper.make_node


def ops(graph: Graph) -> list[str]:
    return [item.op for item in graph.nodes]


@pytest.mark.parametrize("op", ["ReduceMax", "ReduceMin"])
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("axes", [[1], [2], [3], [-1], [2, 3], [1, 3], [1, 2, 3]])
def test_extremes_over_any_axes_of_an_image(bench: Any, op: str, keep: int, axes: Sequence[int]) -> None:
    nodes = [node("Relu", ["x"], ["r"]), node(op, ["r"], ["m"], axes=list(axes), keepdims=keep)]
    nodes += [node("Flatten", ["m"], ["y"])]
    graph = bench.agree(bench.save(nodes, [1, 5, 4, 3]), scale=3.0)
    assert ops(graph).count("max_pool2d") == 1


def test_no_transpose_where_the_axes_lie_together(bench: Any) -> None:
    for axes in ([2, 3], [2], [3]):
        nodes = [node("Conv", ["x", "w"], ["c"]), node("ReduceMax", ["c"], ["m"], axes=axes, keepdims=0)]
        nodes += [node("Flatten", ["m"], ["f"]), node("MatMul", ["f", "v"], ["y"])]
        width = 3 * {2: 5, 3: 6}[axes[0]] if len(axes) == 1 else 3
        constants = {"w": bench.floats(3, 2, 1, 1), "v": bench.floats(width, 4)}
        graph = bench.agree(bench.save(nodes, [1, 2, 6, 5], constants))
        assert "transpose" not in ops(graph), axes


def test_axes_as_an_input(bench: Any) -> None:
    nodes = [node("ReduceMax", ["x", "a"], ["m"], keepdims=0), node("Flatten", ["m"], ["y"])]
    bench.agree(bench.save(nodes, [1, 5, 7], {"a": np.array([1])}, opset=18))


def test_all_axes_where_none_is_named(bench: Any) -> None:
    bench.agree(bench.save([node("ReduceMax", ["x"], ["m"]), node("Flatten", ["m"], ["y"])], [1, 3, 4]))


def test_none_where_the_file_says_so(bench: Any) -> None:
    nodes = [node("ReduceMax", ["x"], ["m"], noop_with_empty_axes=1), node("Relu", ["m"], ["y"])]
    assert ops(bench.agree(bench.save(nodes, [1, 3, 4], opset=18))) == ["relu"]


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_log_softmax_over_any_axis(bench: Any, axis: int) -> None:
    nodes = [node("LogSoftmax", ["x"], ["s"], axis=axis), node("Flatten", ["s"], ["y"])]
    bench.agree(bench.save(nodes, [1, 6, 2, 3]), scale=30.0)


def test_log_softmax_of_old_files_covers_what_follows(bench: Any) -> None:
    bench.agree(bench.save([node("LogSoftmax", ["x"], ["y"])], [1, 12], opset=11))
    path = bench.save([node("LogSoftmax", ["x"], ["y"])], [1, 4, 3], opset=11)
    with pytest.raises(UnsupportedOpError, match="LogSoftmax of before opset 13"):
        lower(load_graph(path))
