"""Group normalization in the spellings of files, lowered and held against ONNX Runtime."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

node = helper.make_node


def constants_of(graph: Graph) -> int:
    return sum(tensor.elements for tensor in graph.tensors.values() if tensor.data is not None)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("rank", [1, 2])
def test_pytorch_s_group_norm_moves_nothing_and_stores_a_number_a_channel(
    bench: Any, groups: int, rank: int, tmp_path: Path
) -> None:
    conv, dims = ((torch.nn.Conv1d, (1, 2, 7)), (torch.nn.Conv2d, (1, 2, 5, 7)))[rank - 1]
    norm = torch.nn.GroupNorm(groups, 6)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    network = torch.nn.Sequential(
        conv(2, 6, 3, padding=1), norm, torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(4)
    )
    network(torch.zeros(dims))
    path = tmp_path / "m.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (torch.zeros(dims),), path, dynamo=False, opset_version=17)
    graph = bench.agree(path, tolerance=1e-4)
    assert "transpose" not in [item.op for item in graph.nodes]
    assert constants_of(graph) < sum(value.numel() for value in network.parameters()) + 50


def test_the_operator_of_its_own(bench: Any) -> None:
    nodes = [node("GroupNormalization", ["x", "s", "b"], ["n"], num_groups=3, epsilon=1e-3), node("Relu", ["n"], ["y"])]
    constants = {"s": bench.floats(6), "b": bench.floats(6)}
    bench.agree(bench.save(nodes, [1, 6, 4, 5], constants, opset=21, output_rank=4))


def test_groups_that_do_not_divide_the_channels(bench: Any) -> None:
    constants = {"s": np.ones(6, np.float32), "b": np.zeros(6, np.float32)}
    path = bench.save(
        [node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=4)], [1, 6, 4, 5], constants, opset=21
    )
    with pytest.raises(BadFileError, match="in 4 groups"):
        lower(load_graph(path))
