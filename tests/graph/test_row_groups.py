"""Row groups: their windows against a simulation of rows, and what the search finds against all choices."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from edge_graphs import Builder
from random_rows import random_groups, rows_case

from edgekit.graph.firmware import firmware, grouped
from edgekit.graph.graph import Graph
from edgekit.graph.row_group import RowGroup, closed, direct_operands, row_group
from edgekit.graph.row_members import Members


def simulate(graph: Graph, group: RowGroup) -> None:
    """Every row that a member reads is in its window, and nothing outside is read after the output has overwritten it.

    Windows hold row numbers, None where the border stands from the start; the output begins as far in front of each
    outside tensor as the group allows.
    """
    held: dict[str, list[int | None]] = {name: [None] * window.rows for name, window in group.windows.items()}
    output = graph.tensor(group.output)
    for step in range(-group.warm_up, group.steps):
        written = max(0, step) * group.tile * output.nbytes // output.dims[1]
        for window in group.windows.values():
            rows = held[window.tensor]
            first = step * window.fresh + window.end - window.fresh
            rows[:] = [*rows[window.fresh :], *range(first, first + window.fresh)]
            if window.copied:
                begin = max(first, 0) * window.row_bytes + group.places[window.tensor].distance
                assert first >= window.height or begin >= written, "reads what was overwritten"
        for node in group.nodes:
            reach, made = group.reaches[node.name], group.made(node)
            last = node.outputs[0] == group.output
            behind = 0 if last else group.windows[node.outputs[0]].end - made
            for row in range(step * made + behind, step * made + behind + made):
                height = graph.tensor(node.outputs[0]).dims[1]
                if not 0 <= row < height or (last and step < 0):
                    continue
                for name in set(node.inputs) & set(held):
                    if last and name in direct_operands(group.nodes):
                        continue
                    needed = range(row * reach.stride - reach.top, row * reach.stride - reach.top + reach.rows)
                    at = group.first_read(node, name) + (row - step * made - behind) * reach.stride
                    for found, row_needed in zip(held[name][at : at + reach.rows], needed, strict=True):
                        assert found == row_needed or (found is None and row_needed < 0), (node.name, name, step)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("seed", range(80))
def test_windows_hold_what_a_step_reads(seed: int, wide: bool) -> None:
    case = rows_case(seed, wide=wide)
    groups = random_groups(case.graph, seed)
    assert groups
    for group in groups:
        simulate(case.graph, group)


def all_groups(graph: Graph) -> Iterator[tuple[RowGroup, ...]]:
    """Every set of disjoint groups with every tile."""
    readers, members = graph.consumers(), Members(graph)

    def from_(first: int) -> Iterator[tuple[RowGroup, ...]]:
        if first >= len(graph.nodes):
            yield ()
            return
        yield from from_(first + 1)
        for last in range(first + 1, len(graph.nodes)):
            nodes = graph.nodes[first : last + 1]
            if any(members.reach(node) is None for node in nodes) or not closed(graph, nodes, readers):
                continue
            height = graph.tensor(nodes[-1].outputs[0]).dims[1]
            tiles = [tile for tile in (1, 2, 4, 5, 8) if height % tile == 0 and tile < height]
            made = [group for tile in tiles if (group := row_group(members, nodes, tile)) is not None]
            yield from ((group, *rest) for group, rest in product(made, from_(last + 1)))

    yield from from_(0)


@pytest.mark.parametrize("seed", range(4))
def test_the_least_arena_is_that_of_the_best_of_all_choices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (1, 8, 6, 4))
    shortcut = builder.x
    builder.conv2d(int(rng.integers(8, 40)), (1, 1), activation="relu")
    builder.depthwise_conv2d(1, (3, 3))
    builder.conv2d(4, (1, 1))
    builder.append("add", (builder.x.name, shortcut.name), builder.same("sum", shortcut.dims), {"activation": "none"})
    builder.conv2d(int(rng.integers(8, 30)), (3, 3), stride=(2, 2))
    builder.pool2d("avg_pool2d", (2, 1), stride=(2, 1))
    graph = builder.graph()
    best = min(grouped(graph, groups).plan.arena_bytes for groups in all_groups(graph))
    assert firmware(graph, "balanced", max_arena=0).plan.arena_bytes == best


def test_an_inverted_residual_keeps_its_wide_map_in_rows_by_hand() -> None:
    """16 rows of 10 pixels, 8 channels to 64 and back, one row a step. In place of the 10,240 B of each wide map:
    windows of 3 + 1 rows of 640 B (3×3 taps, and what they make), one row of the narrow map, one of the input, 80 B
    each; the sum lies on the input, 1,280 B.
    """
    builder = Builder(np.random.default_rng(0), (1, 16, 10, 8))
    shortcut = builder.x
    builder.conv2d(64, (1, 1))
    builder.depthwise_conv2d(1, (3, 3))
    builder.conv2d(8, (1, 1))
    builder.append("add", (builder.x.name, shortcut.name), builder.same("sum", shortcut.dims), {"activation": "none"})
    graph = builder.graph()
    group = row_group(Members(graph), graph.nodes, 1)
    assert group is not None
    assert {name: window.rows for name, window in group.windows.items()} == {
        "input": 1, graph.nodes[0].outputs[0]: 3, graph.nodes[1].outputs[0]: 1, graph.nodes[2].outputs[0]: 1,
    }  # fmt: skip
    assert group.kernels == 80 + 3 * 640 + 640 + 80
    plan = grouped(graph, (group,)).plan
    assert plan.arena_bytes == 1280 + -(-group.nbytes // 16) * 16
    assert plan.in_place == {"sum": "input"}
