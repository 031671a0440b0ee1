"""Resize, mirrored Pad, Tile, Expand, Min, Max, Clip and Neg, lowered and held against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

node = helper.make_node
SIZE = np.array([1, 3, 9, 5], np.int64)


@pytest.mark.parametrize("centres", ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"])
def test_linear_resize(bench: Any, centres: str) -> None:
    inputs = ["x", "", "", "size"]
    resize = node("Resize", inputs, ["y"], mode="linear", coordinate_transformation_mode=centres)
    graph = bench.agree(bench.save([resize], [1, 3, 4, 7], {"size": SIZE}))
    assert [item.op for item in graph.nodes] == ["resize_bilinear"]


def test_nearest_resize_as_torch_exports_it(bench: Any) -> None:
    attrs = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    resize = node("Resize", ["x", "", "scales"], ["y"], **attrs)
    graph = bench.agree(bench.save([resize], [1, 3, 4, 5], {"scales": np.array([1, 1, 2, 3], np.float32)}))
    assert [item.op for item in graph.nodes] == ["resize_nearest"]


def test_other_resizes_are_refused(bench: Any) -> None:
    path = bench.save([node("Resize", ["x", "", "", "size"], ["y"], mode="cubic")], [1, 3, 4, 5], {"size": SIZE})
    with pytest.raises(UnsupportedOpError, match="mode cubic"):
        lower(load_graph(path))


def test_reflected_padding(bench: Any) -> None:
    pad = node("Pad", ["x", "pads"], ["y"], mode="reflect")
    pads = np.array([0, 0, 2, 1, 0, 0, 0, 3], np.int64)
    graph = bench.agree(bench.save([pad], [1, 3, 5, 6], {"pads": pads}))
    assert [item.op for item in graph.nodes] == ["mirror_pad"]


def test_tile_and_expand_are_concats(bench: Any) -> None:
    tiled = bench.save([node("Tile", ["x", "r"], ["y"])], [1, 3, 4], {"r": np.array([1, 2, 3], np.int64)})
    assert [item.op for item in bench.agree(tiled).nodes] == ["concat", "concat"]
    grown = bench.save([node("Expand", ["x", "s"], ["y"])], [1, 1, 4], {"s": np.array([1, 5, 4], np.int64)}, name="e")
    assert [item.op for item in bench.agree(grown).nodes] == ["concat"]


@pytest.mark.parametrize("kind", ["Min", "Max"])
def test_extremes_of_two_activations(bench: Any, kind: str) -> None:
    nodes = [node("Relu", ["x"], ["a"]), node("Softmax", ["x"], ["b"]), node(kind, ["a", "b"], ["y"])]
    assert {"Min": "minimum", "Max": "maximum"}[kind] in [n.op for n in bench.agree(bench.save(nodes, [1, 6])).nodes]


def test_bounds_other_than_those_of_relu(bench: Any) -> None:
    constants = {"low": np.array(-0.5, np.float32), "high": np.array(1.5, np.float32)}
    graph = bench.agree(bench.save([node("Clip", ["x", "low", "high"], ["y"])], [1, 6], constants))
    assert [item.op for item in graph.nodes] == ["pointwise"]
