"""The order of execution against all orders of small random graphs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from edgekit.graph.execution_order import least_memory_order
from edgekit.graph.graph import Graph, Node
from edgekit.graph.placement import Overlap
from edgekit.graph.planner import plan_memory
from edgekit.graph.tensor import Tensor

Overlaps = dict[str, dict[str, Overlap]]


def random_dag(seed: int) -> tuple[Graph, dict[str, int], Overlaps]:
    """Three to six operators, each reading the input or one of the last four tensors; working memory; overlaps."""
    rng = np.random.default_rng(seed)
    tensors = {"t0": Tensor("t0", (16 * int(rng.integers(1, 21)),), "int8")}
    nodes: list[Node] = []
    for index in range(1, int(rng.integers(3, 7)) + 1):
        op = str(rng.choice(["conv2d", "relu", "add", "concat"]))
        near = ["t0", *list(tensors)[-4:]] if index > 1 else ["t0"]
        read = tuple(str(rng.choice(near)) for _ in range(2 if op in ("add", "concat") else 1))
        size = tensors[read[0]].elements if op in ("relu", "add") else 16 * int(rng.integers(1, 21))
        tensors[f"t{index}"] = Tensor(f"t{index}", (size,), "int8")
        nodes.append(Node(op, f"n{index}", read, (f"t{index}",)))
    unread = [name for name in tensors if not any(name in node.inputs for node in nodes)]
    scratch = {node.name: int(rng.integers(0, 65)) for node in nodes}
    overlaps: Overlaps = {
        node.name: {node.inputs[0]: Overlap(int(rng.choice([0, 16, 64])), bool(rng.integers(3) == 0))}
        for node in nodes
        if node.op == "conv2d" and rng.integers(3)
    }
    return Graph("dag", "edge", tensors, tuple(nodes), ("t0",), tuple(unread)), scratch, overlaps


def orders(graph: Graph) -> Iterator[tuple[Node, ...]]:
    """Every order in which the nodes can run."""

    def behind(ran: tuple[Node, ...]) -> Iterator[tuple[Node, ...]]:
        if len(ran) == len(graph.nodes):
            yield ran
        made = {*graph.inputs, *(name for node in ran for name in node.outputs)}
        for node in graph.nodes:
            if node not in ran and made.issuperset(node.inputs):
                yield from behind((*ran, node))

    yield from behind(())


def peak(graph: Graph, scratch: Mapping[str, int], overlaps: Overlaps) -> int:
    """Least memory of any plan of this order."""
    return plan_memory(graph, scratch, may_overlap=overlaps).lower_bound


@pytest.mark.parametrize("seed", range(25))
def test_no_other_order_needs_less(seed: int) -> None:
    graph, scratch, overlaps = random_dag(seed)
    best = min(peak(graph.replace(nodes=nodes), scratch, overlaps) for nodes in orders(graph))
    found = least_memory_order(graph, scratch, overlaps)
    assert sorted(node.name for node in found.nodes) == sorted(node.name for node in graph.nodes)
    assert peak(found, scratch, overlaps) == best


def test_a_wide_branch_runs_before_the_narrow_ones_fill_the_memory() -> None:
    """By hand: x 16 B to three branches, each 160 B wide and 16 B at its end, then a sum. In the file's order all wide
    ends live together (16 + 3 · 160); branch by branch it is one of them and the ends of two.
    """
    tensors = {"x": 16, **{f"wide{i}": 160 for i in range(3)}, **{f"end{i}": 16 for i in range(3)}, "y": 48}
    wide = [Node("conv2d", f"expand{i}", ("x",), (f"wide{i}",)) for i in range(3)]
    ends = [Node("conv2d", f"project{i}", (f"wide{i}",), (f"end{i}",)) for i in range(3)]
    join = Node("concat", "join", ("end0", "end1", "end2"), ("y",))
    sized = {name: Tensor(name, (size,), "int8") for name, size in tensors.items()}
    graph = Graph("g", "edge", sized, (*wide, *ends, join), ("x",), ("y",))
    assert peak(graph, {}, {}) == 16 + 3 * 160
    # The last branch: x is dead while its wide end becomes narrow, beside the ends of the others.
    assert peak(least_memory_order(graph, {}, {}), {}, {}) == 160 + 3 * 16


def test_an_order_that_cannot_be_improved_stays() -> None:
    graph, scratch, overlaps = random_dag(3)
    found = least_memory_order(graph, scratch, overlaps)
    assert least_memory_order(found, scratch, overlaps).nodes == found.nodes
