"""Channel shuffles: into the convolution before them, once where their result is split, never wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

node = helper.make_node
SHUFFLED = np.array([1, 4, 3, 5, 7], np.int64)
BACK = np.array([1, 12, 5, 7], np.int64)


def _shuffle(source: str, target: str) -> list[Any]:
    return [
        node("Reshape", [source, "split"], [f"{target}_groups"]),
        node("Transpose", [f"{target}_groups"], [f"{target}_moved"], perm=[0, 2, 1, 3, 4]),
        node("Reshape", [f"{target}_moved", "back"], [target]),
    ]


def _parts(source: str) -> list[Any]:
    return [node("Split", [source], ["first", "second"], axis=1), node("Mul", ["first", "second"], ["y"])]


def test_shuffle_behind_a_convolution_is_the_order_of_its_filters(bench: Any) -> None:
    nodes = [node("Conv", ["x", "w", "b"], ["c"]), node("Relu", ["c"], ["r"]), *_shuffle("r", "s"), *_parts("s")]
    constants = {"w": bench.floats(12, 3, 1, 1), "b": bench.floats(12), "split": SHUFFLED, "back": BACK}
    graph = bench.agree(bench.save(nodes, [1, 3, 5, 7], constants))
    assert [item.op for item in graph.nodes] == ["conv2d", "slice", "slice", "mul"]


def test_shuffle_of_what_others_read_too_moves_data_once(bench: Any) -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        *_shuffle("c", "s"),
        node("Split", ["s"], ["first", "second"], axis=1),
        node("Concat", ["first", "second", "c"], ["y"], axis=1),
    ]
    constants = {"w": bench.floats(12, 3, 1, 1), "split": SHUFFLED, "back": BACK}
    graph = bench.agree(bench.save(nodes, [1, 3, 5, 7], constants))
    assert [item.op for item in graph.nodes].count("transpose") == 1


def test_transposition_of_pixels_behind_a_convolution_stays(bench: Any) -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("Transpose", ["c"], ["t"], perm=[0, 1, 3, 2]),
        node("Conv", ["t", "v"], ["y"]),
    ]
    constants = {"w": bench.floats(4, 3, 1, 1), "v": bench.floats(2, 4, 3, 1)}
    graph = bench.agree(bench.save(nodes, [1, 3, 5, 7], constants))
    assert [item.op for item in graph.nodes].count("transpose") == 1
