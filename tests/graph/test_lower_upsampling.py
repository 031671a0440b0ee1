"""ConvTranspose, DepthToSpace and SpaceToDepth, lowered and held against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import helper

from edgekit.core.errors import BadFileError, EdgekitError, UnsupportedOpError
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

node = helper.make_node


def ops(graph: Graph) -> list[str]:
    return [item.op for item in graph.nodes]


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("extra", [0, 1])
def test_transposed_convolution(bench: Any, kernel: int, stride: int, pad: int, extra: int) -> None:
    if extra >= stride or 2 * pad > kernel:
        return  # not a form that frameworks write
    attrs = {"strides": [stride, stride], "pads": [pad, 0, pad, pad], "output_padding": [extra, 0]}
    path = bench.save(
        [node("ConvTranspose", ["x", "w", "b"], ["y"], **attrs)],
        [1, 3, 4, 5],
        {"w": bench.floats(3, 2, kernel, kernel), "b": bench.floats(2)},
        output_rank=4,
    )
    graph = bench.agree(path)
    assert ops(graph).count("conv2d") == 1


@pytest.mark.parametrize("group", [2, 4])
@pytest.mark.parametrize("dilation", [1, 2])
def test_groups_and_dilations(bench: Any, group: int, dilation: int) -> None:
    attrs = {"group": group, "strides": [2, 1], "dilations": [dilation, 1]}
    path = bench.save(
        [node("ConvTranspose", ["x", "w"], ["y"], **attrs)],
        [1, 4, 3, 3],
        {"w": bench.floats(4, 3, 3, 2)},
        output_rank=4,
    )
    bench.agree(path)


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_of_a_sequence(bench: Any, stride: int) -> None:
    nodes = [node("ConvTranspose", ["x", "w"], ["c"], strides=[stride]), node("Flatten", ["c"], ["y"])]
    bench.agree(bench.save(nodes, [1, 3, 6], {"w": bench.floats(3, 2, 4)}))


def test_what_is_not_carried(bench: Any) -> None:
    path = bench.save(
        [node("ConvTranspose", ["x", "w"], ["y"], output_shape=[8, 8])], [1, 3, 4, 4], {"w": bench.floats(3, 2, 2, 2)}
    )
    with pytest.raises(UnsupportedOpError, match="output_shape"):
        lower(load_graph(path))
    path = bench.save(
        [node("ConvTranspose", ["x", "w"], ["y"], group=2)], [1, 3, 4, 4], {"w": bench.floats(3, 2, 2, 2)}
    )
    with pytest.raises(BadFileError):
        lower(load_graph(path))


@pytest.mark.parametrize(
    "attrs", [{"dilations": [2**30, 1]}, {"strides": [2**30, 2**30]}, {"output_padding": [2**40, 0]}]
)
def test_attributes_that_would_take_all_memory(bench: Any, attrs: dict[str, Any]) -> None:
    nodes = [node("ConvTranspose", ["x", "w"], ["y"], **attrs)]
    path = bench.save(nodes, [1, 3, 4, 4], {"w": bench.floats(3, 2, 2, 2)})
    with pytest.raises(EdgekitError):
        lower(load_graph(path))


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(bench: Any, mode: str) -> None:
    nodes = [node("DepthToSpace", ["x"], ["d"], blocksize=2, mode=mode), node("Relu", ["d"], ["y"])]
    bench.agree(bench.save(nodes, [1, 8, 3, 2], output_rank=4))


def test_space_to_depth(bench: Any) -> None:
    bench.agree(
        bench.save(
            [node("SpaceToDepth", ["x"], ["d"], blocksize=2), node("Conv", ["d", "w"], ["y"])],
            [1, 3, 4, 6],
            {"w": bench.floats(5, 12, 1, 1)},
            output_rank=4,
        )
    )


def test_blocks_that_do_not_fit(bench: Any) -> None:
    for op, dims in (("DepthToSpace", [1, 6, 2, 2]), ("SpaceToDepth", [1, 3, 3, 4])):
        path = bench.save([node(op, ["x"], ["y"], blocksize=2)], dims, output_rank=4)
        with pytest.raises(BadFileError, match=op):
            lower(load_graph(path))
