"""Slices of rows, an operator on each, and their concatenation: rows of one tensor to the same rows of another.

Rows of an image lie one behind the other, so that a slice of rows is a place in memory and joining rows costs nothing:
the operators read and write where the whole tensors lie (sub-spectral normalization looks like this).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from edgekit.graph.graph import Graph, Node
from edgekit.graph.layer_group import LayerGroup
from edgekit.graph.placement import Overlap
from edgekit.graph.row_reach import SAME_ROW, reach_of
from edgekit.graph.takeover import donors


@dataclass(frozen=True)
class Band:
    """An operator on some rows: where they begin in the input and in the output, in bytes."""

    node: Node
    source: int
    target: int


@dataclass(frozen=True, eq=False)
class BandGroup(LayerGroup):
    """Slices, operators and the concatenation, with the bands in the order of the rows."""

    op: ClassVar[str] = "bands"

    bands: tuple[Band, ...]


def band_groups(
    graph: Graph, scratch: Mapping[str, int], may_overlap: Mapping[str, Mapping[str, Overlap]]
) -> tuple[BandGroup, ...]:
    """All of them in order of execution.

    Args:
        graph: integer edge graph.
        scratch: working memory of single layers, by name.
        may_overlap: as in planner.plan_memory.
    """
    producers, readers = graph.producers(), graph.consumers()
    places = {node.name: i for i, node in enumerate(graph.nodes)}
    found = []
    for node in graph.nodes:
        parts = [_part(graph, name, producers, readers) for name in node.inputs] if _joins_rows(graph, node) else []
        cut = [part for part in parts if part is not None]
        if len(cut) < 2 or len(cut) != len(parts) or len({cutter.inputs[0] for cutter, _ in cut}) != 1:
            continue
        members = sorted([*(item for pair in cut for item in pair), node], key=lambda item: places[item.name])
        if places[node.name] - places[members[0].name] + 1 == len(members):
            found.append(_group(graph, members, cut, scratch, may_overlap))
    return tuple(found)


def _joins_rows(graph: Graph, node: Node) -> bool:
    output = graph.tensor(node.outputs[0])
    rows = node.op == "concat" and node.attrs["axis"] == 1 and len(output.dims) == 4 and output.dims[0] == 1
    return rows and output.dtype in ("int8", "int16") and node.outputs[0] not in node.inputs


def _part(
    graph: Graph, name: str, producers: Mapping[str, Node], readers: Mapping[str, list[Node]]
) -> tuple[Node, Node] | None:
    """(slice, operator) behind one input of a concatenation; None where it is something else."""
    node = producers.get(name)
    if node is None or len(readers[name]) != 1 or name in graph.outputs or reach_of(graph, node) != SAME_ROW:
        return None
    constant = all(graph.tensor(other).constant for other in node.inputs[1:] if other)
    cutter = producers.get(node.inputs[0])
    if not constant or cutter is None or cutter.op != "slice" or len(readers[node.inputs[0]]) != 1:
        return None
    dims, attrs = graph.tensor(cutter.inputs[0]).dims, cutter.attrs
    if node.inputs[0] in graph.outputs or len(dims) != 4 or set(attrs["stride"]) != {1}:
        return None
    whole = all(attrs["begin"][i] == 0 and attrs["size"][i] == dims[i] for i in (0, 2, 3))
    return (cutter, node) if whole else None


def _group(
    graph: Graph,
    members: list[Node],
    cut: list[tuple[Node, Node]],
    scratch: Mapping[str, int],
    may_overlap: Mapping[str, Mapping[str, Overlap]],
) -> BandGroup:
    source, output = cut[0][0].inputs[0], members[-1].outputs[0]
    row_bytes = graph.tensor(source).nbytes // graph.tensor(source).dims[1]
    bands, target = [], 0
    for cutter, node in cut:
        bands.append(Band(node, cutter.attrs["begin"][1] * row_bytes, target))
        target += graph.tensor(node.outputs[0]).nbytes
    in_place = (
        all(band.source == band.target and _over_its_input(graph, band.node, may_overlap) for band in bands)
        and graph.tensor(source).nbytes == graph.tensor(output).nbytes
    )
    return BandGroup(
        nodes=tuple(members),
        inputs=(source,),
        nbytes=max(scratch.get(band.node.name, 0) for band in bands),
        places={source: Overlap(0, exact=True)} if in_place else {},
        bands=tuple(bands),
    )


def _over_its_input(graph: Graph, node: Node, may_overlap: Mapping[str, Mapping[str, Overlap]]) -> bool:
    """The operator may write exactly where it reads."""
    how = may_overlap.get(node.name, {}).get(node.inputs[0])
    return node.inputs[0] in donors(graph, node) or (how is not None and how.distance == 0)
