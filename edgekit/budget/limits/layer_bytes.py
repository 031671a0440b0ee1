"""Bytes of the largest layer."""

from __future__ import annotations

from edgekit.budget.counts import Counts
from edgekit.budget.judge import Case, counted
from edgekit.budget.limits.kind import limit
from edgekit.budget.tally import Tally
from edgekit.core.verdict import Finding


def largest(counts: Counts) -> Tally:
    """Weights and buffers of the layer that has most of them; undecided where the model's bytes are."""
    whole = counts.tallies["parameter_bytes_true"]
    sizes = [(layer.name, layer.parameter_bytes + layer.buffer_bytes) for layer in counts.layers]
    name, size = max(sizes, key=lambda item: item[1], default=("", 0))
    parts = ((name, size),) if size else ()
    return Tally(size, "B", whole.method, whole.reasons, "true", "weights and buffers as the file stores them", parts)


@limit("B", order=25, tally=largest)
def layer_bytes(case: Case) -> Finding:
    """The weights of the largest layer stay within the limit, for chips that load weights layer by layer.

    A microcontroller that keeps its weights in external flash copies a layer into RAM before it runs.
    """
    return counted(case, "narrow the layer named, or split it in two")
