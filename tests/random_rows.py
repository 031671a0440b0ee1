"""Random graphs of operators that work row by row, cut into random row groups: one of each for every seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from unittest import mock

import numpy as np
from edge_graphs import ACTIVATIONS
from edge_wide import narrow_ends, widened
from fuzz_oracles import Case
from int8_oracles import random_int8
from random_chain import Chain, Unfit
from random_ops import conv2d, depthwise_conv2d, pool2d, rescaling

from edgekit.graph.firmware import Firmware, grouped
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.row_group import RowGroup, closed, row_group
from edgekit.graph.row_members import Members

CLIPS = 4
MOST_NODES = 9
OPERATORS: tuple[tuple[Callable[[Chain], None], int], ...] = (
    (conv2d, 4),
    (depthwise_conv2d, 4),
    (partial(pool2d, op="avg_pool2d"), 1),
    (partial(pool2d, op="max_pool2d"), 1),
    (partial(rescaling, op="leaky_relu"), 1),
)
"""With their weights; the last has no int16 form."""


def rows_case(seed: int, *, wide: bool = False) -> Case:
    """Graph, clips and the interpreter's outputs; the graph can be cut into at least one row group.

    Args:
        seed: of graph and clips.
        wide: activations are int16, but for the graph's input and output.
    """
    attempt = 0
    while True:
        rng = np.random.default_rng([seed, attempt])
        attempt += 1
        graph = _graph(rng, OPERATORS[:-1] if wide else OPERATORS)
        if graph is not None and wide:
            graph = narrow_ends(widened(graph, seed))
        if graph is None or not random_groups(graph, seed):
            continue
        clips = random_int8(rng, (CLIPS, *graph.tensor(graph.inputs[0]).dims[1:]))
        expected = run_integer(graph, clips).reshape(CLIPS, -1)
        if np.unique(expected).size >= 4:
            return Case(seed, graph, clips, expected)


def _graph(rng: np.random.Generator, operators: Sequence[tuple[Callable[[Chain], None], int]]) -> Graph | None:
    chain = Chain(rng, (1, int(rng.integers(3, 17)), int(rng.integers(1, 9)), int(rng.integers(1, 7))))
    functions = [function for function, weight in operators for _ in range(weight)]
    for _ in range(int(rng.integers(3, MOST_NODES + 1))):
        try:
            choice = int(rng.integers(len(functions) + 4))
            if choice < len(functions):
                functions[choice](chain)  # type: ignore[operator]
            elif choice < len(functions) + 3:
                _residual(chain)
            else:
                _pad(chain)
        except Unfit:
            continue
    if len(chain.nodes) < 2:
        return None
    graph = chain.graph()
    return graph.rebuild(graph.nodes)


def _residual(chain: Chain) -> None:
    """A sum or product with an earlier tensor of the same shape, or with what does not change from row to row."""
    same = [tensor for tensor in chain.earlier if tensor.dims == chain.x.dims and tensor is not chain.x]
    if not same:
        raise Unfit
    other = same[int(chain.rng.integers(len(same)))]
    names = (chain.x.name, other.name) if chain.rng.integers(2) else (other.name, chain.x.name)
    scale = max(chain.x.scale_zero()[0], other.scale_zero()[0]) * float(chain.rng.uniform(0.7, 2))
    output = chain.activation(chain.name("sum"), chain.x.dims, scale=scale)
    chain.append(str(chain.pick("add", "sub")), names, output, {"activation": chain.pick(*ACTIVATIONS)})


def _pad(chain: Chain) -> None:
    pads = ((0, 0), chain.pair(0, 2), chain.pair(0, 2), (0, 0))
    dims = tuple(dim + sum(pair) for dim, pair in zip(chain.x.dims, pads, strict=True))
    chain.append("pad", (chain.x.name,), chain.same(chain.name("padded"), dims), {"pads": pads})


def random_groups(core: Graph, seed: int) -> tuple[RowGroup, ...]:
    """Disjoint groups in order, of random length and tile, wherever there can be one."""
    rng = np.random.default_rng([seed, 1_000_003])
    readers, groups, first = core.consumers(), [], 0
    members = Members(core)
    fits = [members.reach(node) is not None for node in core.nodes]
    while first < len(core.nodes):
        ends = []
        for last in range(first + 1, len(core.nodes)):
            if not all(fits[first : last + 1]):
                break
            if closed(core, core.nodes[first : last + 1], readers):
                ends.append(last)
        last = int(rng.choice([*ends, *ends[-1:] * len(ends)])) if ends else first
        group = _with_some_tile(members, first, last, rng) if ends else None
        if group is not None:
            groups.append(group)
        first = last + 1 if group is not None else first + 1
    return tuple(groups)


def _with_some_tile(members: Members, first: int, last: int, rng: np.random.Generator) -> RowGroup | None:
    nodes = members.graph.nodes[first : last + 1]
    height = members.graph.tensor(nodes[-1].outputs[0]).dims[1]
    tiles = [tile for tile in range(1, height + 1) if height % tile == 0]
    return row_group(members, nodes, int(rng.choice(tiles)))


@contextmanager
def cut_into_rows(seed_of: dict[str, int]) -> Iterator[None]:
    """The generator takes random groups instead of the planner's; graph name to seed."""

    def planned(core: Graph, *_: object) -> Firmware:
        return grouped(core, random_groups(core, seed_of[core.name]))

    with mock.patch("edgekit.deploy.c.model.firmware", planned):
        yield


def rows_cases(first: int, count: int, *, wide: bool = False) -> list[Case]:
    """Cases of the seeds from ``first`` on; each graph is named after its seed."""
    cases = [rows_case(seed, wide=wide) for seed in range(first, first + count)]
    return [Case(case.seed, case.graph.replace(name=f"rows{case.seed}"), case.clips, case.expected) for case in cases]
