"""The memory plan of the generated C: which layers run as row groups, and where everything lies.

One function serves the C generator and the budget gate, whatever the target, so that the gate's number is the
firmware's. What is chosen depends on the purpose alone; the gate assumes DEFAULT_PURPOSE, as the compiler does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType
from typing import Literal

from edgekit.graph.attention import fused_attention
from edgekit.graph.band_group import band_groups
from edgekit.graph.execution_order import least_memory_order
from edgekit.graph.fused_group import FusedGroup, fused_groups
from edgekit.graph.graph import Graph, Node
from edgekit.graph.layer_group import LayerGroup
from edgekit.graph.overlap import input_overlaps
from edgekit.graph.packing import extra_instructions, packed_layers, with_codes
from edgekit.graph.placement import Overlap
from edgekit.graph.planner import MemoryPlan, lifetimes_of, plan_memory
from edgekit.graph.row_group import RowGroup
from edgekit.graph.row_search import Choice, frontier
from edgekit.graph.scratch import scratch_sizes
from edgekit.graph.takeover import replaceable

Purpose = Literal["size", "speed", "balanced"]
DEFAULT_PURPOSE: Purpose = "balanced"

INSTRUCTIONS_A_RAM_BYTE: Mapping[str, float] = MappingProxyType({"size": 1000.0, "balanced": 100.0, "speed": 0.0})
"""Instructions of one inference that a byte less of the arena may cost."""
INSTRUCTIONS_A_FLASH_BYTE: Mapping[str, float] = MappingProxyType({"size": inf, "balanced": 20.0, "speed": 0.0})
"""Instructions of one inference that a byte less of flash may cost."""


@dataclass(frozen=True, eq=False)
class Firmware:
    """How a model runs on a chip.

    Attributes:
        graph: the integer core, nodes in execution order, attention fused (attention.py), packed weights marked
            (packing.py).
        plan: of the arena; a group is one step in it, named after its first and last member.
        groups: layers that run by rows, on bands of rows, or as one over all positions; disjoint.
        cost: estimate of the instructions that groups and packed weights add to an inference.
    """

    graph: Graph
    plan: MemoryPlan
    groups: tuple[LayerGroup, ...]
    cost: float = 0.0

    @property
    def steps(self) -> tuple[tuple[Node, ...], ...]:
        """The nodes of each step of the plan: several where they are a group."""
        return steps_of(self.graph, self.groups)


def firmware(
    core: Graph,
    purpose: Purpose = DEFAULT_PURPOSE,
    max_arena: int | None = None,
    flash_price: float | None = None,
) -> Firmware:
    """Plan an integer core (passes/integer_core.py); deterministic.

    Args:
        core: int8 edge graph.
        purpose: how many instructions memory is worth.
        max_arena: bytes that the arena should not exceed, at the least cost in instructions; where no plan that is
            known fits, the smallest is returned.
        flash_price: instructions that a byte of flash is worth instead of the purpose's: what packs weights.

    Raises:
        UnknownShapeError: an activation's dimension is unknown.
        UnsupportedOpError: a convolution that is not of rank 4.
    """
    plain = _ordered(core, purpose, max_arena)
    price = INSTRUCTIONS_A_FLASH_BYTE[purpose] if flash_price is None else flash_price
    layers = packed_layers(core, price)
    if not layers:
        return plain
    found = _ordered(with_codes(core, layers), purpose, max_arena)
    packed = replace(found, cost=found.cost + _looked_up(found, layers))
    worth = inf if price == inf else price * sum(layers.values())
    ram = INSTRUCTIONS_A_RAM_BYTE[purpose]
    (too_much, cost), (before, cost_before) = (_rank(plan, ram, max_arena) for plan in (packed, plain))
    if too_much != before:
        return packed if too_much < before else plain
    return packed if cost - worth < cost_before else plain


def _ordered(core: Graph, purpose: Purpose, max_arena: int | None) -> Firmware:
    """The better of the graph's own order and the one of least memory."""
    ordered = least_memory_order(core, scratch_sizes(core), _places(core))
    price, found = INSTRUCTIONS_A_RAM_BYTE[purpose], _best(core, purpose, max_arena)
    if ordered.nodes != core.nodes:
        other = _best(ordered, purpose, max_arena)
        found = min(found, other, key=lambda plan: _rank(plan, max(price, 1.0), max_arena))
    return found


def _looked_up(plan: Firmware, layers: Mapping[str, int]) -> float:
    """Instructions that packed layers add: those that work by rows make their tables at every step."""
    times = {node.name: group.steps for group in plan.groups if isinstance(group, RowGroup) for node in group.nodes}
    return sum(
        extra_instructions(plan.graph, node, times.get(node.name, 1))
        for node in plan.graph.nodes
        if node.name in layers
    )


def _best(core: Graph, purpose: Purpose, max_arena: int | None) -> Firmware:
    """The plan of :func:`firmware` in the graph's own order."""
    core = fused_attention(core)
    bands = band_groups(core, scratch_sizes(core), _places(core))
    fused = _beside(fused_groups(core), bands)
    plain = grouped(core, (*bands, *fused), -sum(group.saved(core) for group in fused))
    price = INSTRUCTIONS_A_RAM_BYTE[purpose]
    if price == 0 and (max_arena is None or plain.plan.arena_bytes <= max_arena):
        return plain
    choices = [choice for choice in _frontier(core, bands, fused) if len(choice.groups) > len(bands)]
    best = plain
    if price > 0 and choices:
        choice = min(choices, key=lambda choice: (choice.cost + price * choice.nbytes, choice.nbytes))
        found = grouped(core, choice.groups, choice.cost)
        if price * (plain.plan.arena_bytes - found.plan.arena_bytes) > found.cost - plain.cost:
            best = found
    if max_arena is None or best.plan.arena_bytes <= max_arena:
        return best
    return _fitting(core, choices, best, max_arena)


def _rank(plan: Firmware, price: float, max_arena: int | None) -> tuple[int, float]:
    """What the arena has too much, then instructions and memory."""
    too_much = max(0, plan.plan.arena_bytes - max_arena) if max_arena is not None else 0
    return too_much, plan.cost + price * plan.plan.arena_bytes


def firmware_plan(core: Graph, *, in_place: bool = True) -> MemoryPlan:
    """The plan of :func:`firmware`, or with ``in_place=False`` one with neither groups nor take-overs, to compare."""
    return firmware(core).plan if in_place else plan_memory(core, scratch_sizes(core), in_place=False)


def grouped(core: Graph, groups: tuple[LayerGroup, ...], cost: float = 0.0) -> Firmware:
    """The plan of ``core`` with these groups, which add ``cost`` instructions."""
    by_name = {group.name: group for group in groups}
    inner = {node.name for group in groups for node in group.nodes}
    scratch = {name: size for name, size in scratch_sizes(core).items() if name not in inner}
    places = {name: place for name, place in _places(core).items() if name not in inner}
    for name, group in by_name.items():
        scratch[name], places[name] = group.nbytes, dict(group.places)
    nodes = tuple(
        by_name[node.name].as_node() if node.name in by_name else node
        for node in core.nodes
        if node.name not in inner or node.name in by_name
    )
    plan = plan_memory(core.replace(nodes=nodes), scratch, may_overlap=places)
    return Firmware(core, _labelled(plan, by_name), groups, cost)


def steps_of(core: Graph, groups: tuple[LayerGroup, ...]) -> tuple[tuple[Node, ...], ...]:
    """The nodes of each step: several where they are a group."""
    by_name = {group.name: group.nodes for group in groups}
    inner = {node.name for group in groups for node in group.nodes[:-1]}
    return tuple(by_name.get(node.name, (node,)) for node in core.nodes if node.name not in inner)


def _fitting(core: Graph, choices: list[Choice], best: Firmware, max_arena: int) -> Firmware:
    """The cheapest choice that fits; where none does, the smallest."""
    for choice in choices:
        found = grouped(core, choice.groups, choice.cost)
        if found.plan.arena_bytes < best.plan.arena_bytes:
            best = found
        if best.plan.arena_bytes <= max_arena:
            break
    return best


def _beside(groups: Iterable[FusedGroup], others: Iterable[LayerGroup]) -> tuple[FusedGroup, ...]:
    """Those of ``groups`` that share no member with ``others``."""
    taken = {node.name for other in others for node in other.nodes}
    return tuple(group for group in groups if not any(node.name in taken for node in group.nodes))


def _frontier(core: Graph, bands: tuple[LayerGroup, ...], fused: tuple[FusedGroup, ...]) -> list[Choice]:
    places = {name: dict(place) for name, place in _places(core).items()}
    lifetimes = lifetimes_of(core)
    for step, node in enumerate(core.nodes):
        for name in replaceable(core, node, step, lifetimes):
            places.setdefault(node.name, {})[name] = Overlap(0, exact=True)
    offered: dict[LayerGroup, float] = {group: -group.saved(core) for group in fused}
    return list(frontier(core, lifetimes, scratch_sizes(core), places, bands, offered))


def _places(core: Graph) -> dict[str, dict[str, Overlap]]:
    first = {node.name: node.inputs[0] for node in core.nodes if node.inputs}
    return {name: {first[name]: how} for name, how in input_overlaps(core).items()}


def _labelled(plan: MemoryPlan, groups: Mapping[str, LayerGroup]) -> MemoryPlan:
    """Steps of groups under the names of their first and last members."""
    steps = tuple(
        replace(step, node=f"{groups[step.node].nodes[0].name} … {step.node}") if step.node in groups else step
        for step in plan.steps
    )
    return replace(plan, steps=steps)
