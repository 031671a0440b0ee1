"""What was counted: of a layer, and of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.budget.layer import Work
from edgekit.budget.rules.other import Other
from edgekit.budget.tally import Tally
from edgekit.graph.timeline import Moment


@dataclass(frozen=True)
class LayerCount:
    """One node of the graph.

    Attributes:
        name, op: of the node.
        output: shape of its first output, unknown dimensions by name.
        parameters, parameter_bytes: learned weights that it is the first to use, as stored.
        buffer_bytes: running statistics and other stored numbers that are not learned.
        work: multiply-accumulates by convention; None where undecided.
        other: divisions, exponentials, square roots and table look-ups; None where undecided.
        undecided: why not.
        float_reason: why it computes in floating point; "" where it does not.
        rule: the sentence by which it is counted; "" where its operator has no rule.
    """

    name: str
    op: str
    output: str
    parameters: int
    parameter_bytes: int
    buffer_bytes: int
    work: Work | None
    other: Other | None = None
    undecided: str = ""
    float_reason: str = ""
    rule: str = ""


@dataclass(frozen=True)
class Counts:
    """The counts of one graph.

    Attributes:
        layers: in execution order.
        tallies: "parameters", "parameter_bytes_true", "parameter_bytes_dcase", "macs_true", "macs_dcase", "other_ops",
            "flash", "float_ops" and those of budget.ram to the total.
        dims: names of dimensions that are unknown and can be given.
        memory: steps of the memory plan behind the peak RAM.
    """

    layers: tuple[LayerCount, ...]
    tallies: Mapping[str, Tally]
    dims: tuple[str, ...] = ()
    memory: tuple[Moment, ...] = ()
