"""Static memory plan: one arena, an offset for every activation, shared by the budget gate and the generated C.

Convention. Nodes run in the graph's order, one a step. A tensor is live from the step that makes it (graph inputs: from
step 0) to the step that reads it last; graph outputs live to the end. Two tensors that are live at one step never share
a byte, with one exception: a node's output may take over memory of an input that dies at this node, in place or at
least a given distance in front of it (takeover.py). Every other output lies apart from all its inputs. Constants are in
flash and not planned.

Offsets come from placement.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from edgekit.graph.graph import Graph
from edgekit.graph.placement import Overlap, aligned, place
from edgekit.graph.takeover import IN_PLACE_OPS, buffers_of, live_bytes, permitted, relations_of, taken_over

__all__ = ["IN_PLACE_OPS", "MemoryPlan", "Step", "lifetimes_of", "overlaps", "plan_memory"]


@dataclass(frozen=True)
class Step:
    """One row of the timeline: what is live while ``node`` runs.

    Attributes:
        node, op: name and operator of the node.
        live: names of the live tensors in graph order, an aliased buffer's tensors each by their own name.
        bytes: bytes in which they lie, each counted once; tensors are rounded up to ALIGNMENT.
    """

    node: str
    op: str
    live: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class MemoryPlan:
    """Where every activation lies.

    Attributes:
        arena_bytes: size of the arena.
        offsets: activation (or "NODE:scratch") to its offset in bytes, a multiple of ALIGNMENT.
        sizes: the same keys to bytes used there.
        lifetimes: the same keys to (first step, last step), both included.
        lower_bound: the largest sum of live bytes of any step, less what its tensors may share; no plan of this order
            is smaller.
        steps: the timeline, a row a node.
        in_place: tensor to the tensor whose memory it takes over.
        distances: the same keys to the bytes by which the other tensor begins behind it; 0 is in place.
        may_overlap: output to the inputs over which it was allowed to lie, whether it does or not.
    """

    arena_bytes: int
    offsets: Mapping[str, int]
    sizes: Mapping[str, int]
    lifetimes: Mapping[str, tuple[int, int]]
    lower_bound: int
    steps: tuple[Step, ...]
    in_place: Mapping[str, str]
    distances: Mapping[str, int]
    may_overlap: Mapping[str, Mapping[str, Overlap]]


def plan_memory(
    graph: Graph,
    scratch: Mapping[str, int] | None = None,
    *,
    in_place: bool = True,
    may_overlap: Mapping[str, Mapping[str, Overlap]] | None = None,
) -> MemoryPlan:
    """Plan the activations of a graph of any dialect; deterministic.

    Args:
        graph: all activations static.
        scratch: node name to bytes of working memory that its kernel needs while it runs.
        in_place: False gives every output a buffer of its own, whatever IN_PLACE_OPS allows.
        may_overlap: node name to the inputs over which its output may lie where nothing else needs them, because the
            kernel has read what it overwrites (overlap.py); other nodes keep clear of their inputs.

    Raises:
        UnknownShapeError: an activation's dimension is unknown.
    """
    lifetimes = lifetimes_of(graph)
    sizes = {name: graph.tensor(name).nbytes for name in lifetimes}
    working = {f"{node}:scratch": size for node, size in (scratch or {}).items() if size > 0}
    position = {node.name: index for index, node in enumerate(graph.nodes)}
    for key, size in working.items():
        index = position[key.removesuffix(":scratch")]
        sizes[key], lifetimes[key] = size, (index, index)
    allowed = permitted(graph, lifetimes, may_overlap or {}) if in_place else {}
    best: MemoryPlan | None = None
    for taken in _choices(graph, lifetimes) if in_place else [{}]:
        plan = _planned(graph, lifetimes, sizes, taken, allowed)
        best = plan if best is None or plan.arena_bytes < best.arena_bytes else best
    plan = cast(MemoryPlan, best)
    problems = overlaps(plan)
    if problems:  # a defect of this module, not of the model
        raise RuntimeError(f"memory plan overlaps: {problems[0]}")
    return plan


def _choices(graph: Graph, lifetimes: Mapping[str, tuple[int, int]]) -> list[dict[str, str]]:
    """Sums in the memory of their first input, and, if that is something else, of the older one."""
    first, older = taken_over(graph, lifetimes), taken_over(graph, lifetimes, oldest=True)
    return [first] if first == older else [first, older]


def _planned(
    graph: Graph,
    lifetimes: Mapping[str, tuple[int, int]],
    sizes: Mapping[str, int],
    taken: Mapping[str, str],
    allowed: Mapping[str, Mapping[str, Overlap]],
) -> MemoryPlan:
    buffers = buffers_of(lifetimes, sizes, taken)
    relations = relations_of(buffers, lifetimes, allowed)
    live = live_bytes(buffers, relations, max(len(graph.nodes), 1))
    bound = int(live.max(initial=0))
    places, arena = place(buffers, relations, bound)
    offsets = {name: begin for buffer, begin in zip(buffers, places, strict=True) for name in buffer.tensors}
    donors = {**taken, **_shared(offsets, sizes, allowed)}
    distances = {name: offsets[donor] - offsets[name] for name, donor in donors.items()}
    steps = _timeline(graph, lifetimes, offsets, sizes)
    return MemoryPlan(arena, offsets, sizes, lifetimes, bound, steps, donors, distances, allowed)


def _shared(
    offsets: Mapping[str, int], sizes: Mapping[str, int], allowed: Mapping[str, Mapping[str, Overlap]]
) -> dict[str, str]:
    """Outputs that came to lie over an input, the one that begins lowest."""
    found = {}
    for name, sources in allowed.items():
        begin, end = offsets[name], offsets[name] + sizes[name]
        over = [other for other in sources if offsets[other] < end and begin < offsets[other] + sizes[other]]
        if over:
            found[name] = min(over, key=lambda other: offsets[other])
    return found


def overlaps(plan: MemoryPlan) -> list[tuple[str, str]]:
    """Pairs of tensors that are live together, share bytes and are not an allowed alias; empty for a sound plan."""
    names = sorted(plan.offsets, key=lambda name: (plan.offsets[name], name))
    begin = np.array([plan.offsets[name] for name in names], dtype=np.int64)
    end = begin + np.array([plan.sizes[name] for name in names], dtype=np.int64)
    first = np.array([plan.lifetimes[name][0] for name in names], dtype=np.int64)
    last = np.array([plan.lifetimes[name][1] for name in names], dtype=np.int64)
    found = []
    for i, name in enumerate(names):
        together = (first <= last[i]) & (last >= first[i]) & (begin < end[i]) & (end > begin[i])
        for j in np.flatnonzero(together[i + 1 :]) + i + 1:
            if not _takes_over(plan, name, names[j]):
                found.append((name, names[j]))
    return found


def _takes_over(plan: MemoryPlan, a: str, b: str) -> bool:
    """Whether one of the two takes over the other's memory at the one step at which both are live."""
    for new, old in ((a, b), (b, a)):
        if plan.lifetimes[old][1] != plan.lifetimes[new][0]:
            continue
        behind, how = plan.offsets[old] - plan.offsets[new], plan.may_overlap.get(new, {}).get(old)
        if how is None and plan.in_place.get(new) == old:
            how = Overlap(0, exact=True)
        if how is not None and (behind == how.distance if how.exact else behind >= how.distance):
            return True
    return False


def lifetimes_of(graph: Graph) -> dict[str, tuple[int, int]]:
    """First and last step of every activation, in the order in which they come to life."""
    end = max(len(graph.nodes) - 1, 0)
    born = {name: 0 for name in graph.inputs if not graph.tensor(name).constant}
    born.update(dict.fromkeys(graph.variables, 0))
    last = dict(born)
    for step, node in enumerate(graph.nodes):
        for name in filter(None, node.outputs):
            born[name] = last[name] = step
        for name in node.inputs:
            if name in born:
                last[name] = step
    last.update({name: end for name in (*graph.outputs, *graph.variables) if name in born})
    return {name: (first, last[name]) for name, first in born.items()}


def _timeline(
    graph: Graph, lifetimes: Mapping[str, tuple[int, int]], offsets: Mapping[str, int], sizes: Mapping[str, int]
) -> tuple[Step, ...]:
    live: list[str] = []
    starting: dict[int, list[str]] = {}
    for name, (first, _) in lifetimes.items():
        starting.setdefault(first, []).append(name)
    rows = []
    for step, node in enumerate(graph.nodes):
        live = [name for name in live if lifetimes[name][1] >= step] + starting.get(step, [])
        covered = _covered([(offsets[name], offsets[name] + aligned(sizes[name])) for name in live])
        rows.append(Step(node.name, node.op, tuple(live), covered))
    return tuple(rows)


def _covered(ranges: list[tuple[int, int]]) -> int:
    """Bytes in any of the ranges."""
    total, reached = 0, 0
    for begin, end in sorted(ranges):
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return total
