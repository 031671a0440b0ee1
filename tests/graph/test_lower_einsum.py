"""Einsum, lowered and held against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

node = helper.make_node
SIZES = dict(zip("cdhijknz", (4, 5, 2, 6, 3, 4, 1, 3), strict=True))


def ops(graph: Graph) -> list[str]:
    return [item.op for item in graph.nodes]


def dims(labels: str) -> list[int]:
    return [SIZES[label] for label in labels]


@pytest.mark.parametrize(
    ("equation", "op"),
    [
        ("ncd,dk->nck", "fully_connected"),
        ("ncd,ck->nkd", "fully_connected"),
        ("ncd,kc->ndk", "fully_connected"),
        ("nhcd,hdk->nhck", "batch_matmul"),
        ("nhcd,hdk->nckh", "batch_matmul"),
        ("ncd,cdk->nk", "fully_connected"),
        ("ncd,cdz", "fully_connected"),
        ("ncd,c->ncd", "mul"),
        ("ncd,d->ndc", "mul"),
    ],
)
@pytest.mark.parametrize("constant_first", [False, True])
def test_an_activation_and_a_constant(bench: Any, equation: str, op: str, constant_first: bool) -> None:
    inputs, arrow, output = equation.partition("->")
    left, right = inputs.split(",")
    text = f"{right},{left}{arrow}{output}" if constant_first else equation
    names = ["w", "x"] if constant_first else ["x", "w"]
    nodes = [node("Einsum", names, ["e"], equation=text), node("Flatten", ["e"], ["y"], axis=1)]
    graph = bench.agree(bench.save(nodes, dims(left), {"w": bench.floats(*dims(right))}))
    if op != "mul":
        assert ops(graph).count(op) == 1


@pytest.mark.parametrize(
    "equation", ["nhid,nhjd->nhij", "nhij,nhjd->nihd", "nid,njd->nji", "nij,nij->ni", "ni,nj->nij"]
)
def test_two_activations(bench: Any, equation: str) -> None:
    inputs = equation.partition("->")[0]
    sizes = {**SIZES, "j": SIZES["i"]} if "d" not in equation else SIZES
    shapes = [[sizes[label] for label in side] for side in inputs.split(",")]
    parts = [int(np.prod(shape)) for shape in shapes]
    nodes = [
        node("Gemm", ["x", "a"], ["fa"]),
        node("Gemm", ["x", "b"], ["fb"]),
        node("Reshape", ["fa", "sa"], ["ra"]),
        node("Reshape", ["fb", "sb"], ["rb"]),
        node("Einsum", ["ra", "rb"], ["e"], equation=equation),
        node("Flatten", ["e"], ["y"]),
    ]
    constants = {"a": bench.floats(4, parts[0]), "b": bench.floats(4, parts[1])}
    constants |= {"sa": np.array(shapes[0]), "sb": np.array(shapes[1])}
    bench.agree(bench.save(nodes, [1, 4], constants), tolerance=1e-3)


@pytest.mark.parametrize("equation", ["nii,ik->nk", "...d,dk->...k", "ncd,ck->nk", "ncd,dk,kj->ncj"])
def test_what_is_no_product_is_named(bench: Any, equation: str) -> None:
    count = equation.count(",")
    sizes = {"...d,dk->...k": [1, 3, 5]}.get(equation, [1, 6, 6] if "ii" in equation else [1, 4, 5])
    constants = {"w": bench.floats(*([6, 4] if "ii" in equation else [5, 4] if "dk" in equation else [4, 4]))}
    names = ["x", "w"]
    if count == 2:
        constants["v"] = bench.floats(4, 3)
        names.append("v")
    path = bench.save([node("Einsum", names, ["y"], equation=equation)], sizes, constants)
    with pytest.raises(UnsupportedOpError, match="Einsum"):
        lower(load_graph(path))


def test_labels_that_contradict_the_shapes(bench: Any) -> None:
    path = bench.save([node("Einsum", ["x", "w"], ["y"], equation="nc,ck->nk")], [1, 4], {"w": bench.floats(5, 2)})
    with pytest.raises(BadFileError, match="label 'c' is 4 and 5"):
        lower(load_graph(path))
