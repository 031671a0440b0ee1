"""What lies where in the arena while each step runs: a memory plan read along time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edgekit.graph.planner import MemoryPlan

Role = Literal["made", "read last", "kept", "working"]


@dataclass(frozen=True)
class Occupant:
    """A tensor, or a kernel's working memory, in the arena.

    Attributes:
        name: the tensor; "" for working memory.
        offset, bytes: where it lies.
        role: made by this step, read by it for the last time, kept for later, or working memory of its kernels.
    """

    name: str
    offset: int
    bytes: int
    role: Role


@dataclass(frozen=True)
class Moment:
    """One step.

    Attributes:
        step: its layer; "FIRST … LAST" where several run by rows.
        op: the operator, "rows" of such a group.
        bytes: that are in use, each counted once.
        arena: what lies there, from the lowest offset up.
    """

    step: str
    op: str
    bytes: int
    arena: tuple[Occupant, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return {**asdict(self), "arena": [asdict(occupant) for occupant in self.arena]}


def timeline(plan: MemoryPlan, inputs: Collection[str] = ()) -> tuple[Moment, ...]:
    """The steps of ``plan`` in order.

    Args:
        plan: of any graph.
        inputs: of the graph: they are there before the first step.
    """
    return tuple(
        Moment(step.node, step.op, step.bytes, _arena(plan, index, step.live, inputs))
        for index, step in enumerate(plan.steps)
    )


def _arena(plan: MemoryPlan, index: int, live: tuple[str, ...], inputs: Collection[str]) -> tuple[Occupant, ...]:
    found = []
    for name in live:
        first, last = plan.lifetimes[name]
        role: Role = "made" if first == index and name not in inputs else "read last" if last == index else "kept"
        if name.endswith(":scratch"):
            name, role = "", "working"
            place = f"{plan.steps[index].node.rpartition(' … ')[2]}:scratch"
        else:
            place = name
        found.append(Occupant(name, plan.offsets[place], plan.sizes[place], role))
    return tuple(sorted(found, key=lambda occupant: (occupant.offset, occupant.bytes)))
