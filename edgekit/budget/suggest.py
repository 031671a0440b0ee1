"""Which known remedy brings a model of edgekit's registry under its budget, with the counts of the changed model.

The metadata of a file names the registered model and its arguments. Its sketch (models/sketches) is drawn with those
arguments first: only counts in which the sketch equals the file are trusted, and a remedy is suggested only when every
limit that a file can answer is kept in trusted counts. Accuracy has to be measured again; nothing is said about it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edgekit.budget.check import select
from edgekit.budget.counting import count
from edgekit.budget.counts import Counts
from edgekit.budget.limits import LIMITS
from edgekit.budget.remedies import BOTH, INT8, Change, Design, Remedy, remedies
from edgekit.budget.sketch_graph import Form, sketch_graph
from edgekit.budget.tally import Tally
from edgekit.budget.toml import Budget
from edgekit.core.errors import EdgekitError
from edgekit.core.model_metadata import MODEL_KEY
from edgekit.core.quantity import Quantity
from edgekit.core.verdict import Suggestion
from edgekit.graph.graph import Graph
from edgekit.models.sketches.registry import SKETCHES

if TYPE_CHECKING:
    from edgekit.features.spec import FrontendSpec

_MAX_METADATA = 1 << 16
_FORMS: tuple[Form, ...] = ("batch norm", "float", "int8")
_IDENTITY = ("parameters", "parameter_bytes", "macs_true", "macs_dcase")
"""Counts in which a sketch must equal the file to be taken for it."""

FrontendTally = Callable[["FrontendSpec"], Tally]


def suggestions(
    graph: Graph,
    counts: Counts,
    budget: Budget,
    *,
    frontend: FrontendSpec | None = None,
    frontend_tally: FrontendTally | None = None,
) -> tuple[Suggestion, ...]:
    """The mildest change of each known remedy that reaches the budget; empty where the file is not the registry's.

    Args:
        graph: the model as read.
        counts: the model as counted.
        budget: the limits to reach.
        frontend: the front-end of the model, None where it is not known; then the input's shape stays.
        frontend_tally: counts a front-end; needed where the budget limits it.
    """
    design = _identify(graph, counts, budget.counting, frontend)
    if design is None:
        return ()
    bench = _Bench(budget, frontend_tally)
    original = select(counts, budget.counting, frontend_tally(frontend) if frontend and frontend_tally else None)
    sketched = bench.tallies(design)
    bench.offset = (design.form, original["flash"].known - sketched["flash"].known)
    # Not asked: flash, which the offset has just made equal, and float operators, of which a sketch has fewer.
    asked = bench.limited - {"flash", "float_ops"}
    if not all(original[key].quantity and original[key].known == sketched[key].known for key in asked):
        return ()
    found: dict[str, Suggestion] = {}
    for remedy in remedies(design):
        if remedy.name in found or (remedy.name == BOTH and INT8 in found):
            continue  # an earlier ladder, or int8 alone, is enough
        step = _mildest(bench, remedy)
        if step:
            found[remedy.name] = Suggestion(remedy.name, *step)
    return tuple(found.values())


_Step = tuple[str, dict[str, Quantity]]


def _mildest(bench: _Bench, remedy: Remedy) -> _Step | None:
    """The first change whose design keeps the budget; None where even the strongest that can be built does not."""
    ladder = list(remedy.changes)
    strongest = None
    while ladder and strongest is None:
        text, design = ladder[-1]
        try:
            quantities = bench.within(design)
        except EdgekitError:  # nothing is left of some map
            ladder.pop()
            continue
        if quantities is None:
            return None
        strongest = (text, quantities)
    if strongest is None:
        return None
    milder = ladder[:-1]
    return (_by_halving(bench, milder) if remedy.ordered else _in_order(bench, milder)) or strongest


def _in_order(bench: _Bench, ladder: Sequence[Change]) -> _Step | None:
    for text, design in ladder:
        quantities = _tried(bench, design)
        if quantities:
            return text, quantities
    return None


def _by_halving(bench: _Bench, ladder: Sequence[Change]) -> _Step | None:
    found, low, high = None, 0, len(ladder)
    while low < high:
        middle = (low + high) // 2
        text, design = ladder[middle]
        quantities = _tried(bench, design)
        if quantities:
            found, high = (text, quantities), middle
        else:
            low = middle + 1
    return found


def _tried(bench: _Bench, design: Design) -> dict[str, Quantity] | None:
    """The counts of a design that keeps the budget; None of any other, or of one that cannot be built."""
    try:
        return bench.within(design)
    except EdgekitError:
        return None


class _Bench:
    """Counts designs against one budget.

    Attributes:
        limited: limits of the budget that a file answers.
        offset: bytes of the flash estimate that files of one form have beyond their sketch: the allowance for kinds of
            operators, quantizers for instance, which does not depend on the width.
    """

    def __init__(self, budget: Budget, frontend_tally: FrontendTally | None) -> None:
        self.budget = budget
        self.frontend_tally = frontend_tally
        self.limited = {key for key in budget.limits if not LIMITS[key].measured}
        self.offset: tuple[Form, int] = ("float", 0)

    def tallies(self, design: Design) -> dict[str, Tally]:
        """Counts by the name of the limit that they answer; the memory plan only where the budget limits it."""
        graph = sketch_graph(design.model, design.arguments, design.shape, design.form)
        counts = count(graph, plan="peak_ram" in self.limited)
        front = self.frontend_tally(design.frontend) if self.frontend_tally and design.frontend else None
        tallies = select(counts, self.budget.counting, front)
        form, extra = self.offset
        if design.form == form and extra:
            flash = tallies["flash"]
            tallies["flash"] = replace(flash, known=flash.known + extra, caveat="estimated as that of the file")
        return tallies

    def within(self, design: Design) -> dict[str, Quantity] | None:
        """The counts of a design that keeps every limit, None of any other."""
        tallies = self.tallies(design)
        for key in self.limited:
            quantity = tallies[key].quantity
            if quantity is None or quantity.value > self.budget.limits[key]:
                return None
        shown = ["parameters", "parameter_bytes", "macs"]
        shown += [key for key in self.budget.limits if key in self.limited and key not in shown]
        return {key: tallies[key].bound for key in shown}


def _identify(graph: Graph, counts: Counts, counting: str, frontend: FrontendSpec | None) -> Design | None:
    """The design whose sketch counts as the file does."""
    name, arguments = _metadata(graph)
    shape = _input_shape(graph)
    if name not in SKETCHES or shape is None:
        return None
    if frontend is not None and frontend.feature_shape != shape:
        frontend = None
    actual = select(counts, counting, None)
    for form in _FORMS:
        try:
            drawn = select(count(sketch_graph(name, arguments, shape, form), plan=False), counting, None)
        except EdgekitError:
            return None
        if all(actual[key].quantity and actual[key].known == drawn[key].known for key in _IDENTITY):
            return Design(name, arguments, shape, form, frontend)
    return None


def _metadata(graph: Graph) -> tuple[str, dict[str, Any]]:
    """Registry name and arguments that the file claims; an empty name where it claims none that can be read."""
    text = graph.metadata.get(MODEL_KEY, "")
    if not text or len(text) > _MAX_METADATA:
        return "", {}
    try:
        claim = json.loads(text)
    except (ValueError, RecursionError):
        return "", {}
    name, arguments = (claim.get("name"), claim.get("arguments")) if isinstance(claim, dict) else (None, None)
    return (name, arguments) if isinstance(name, str) and isinstance(arguments, dict) else ("", {})


def _input_shape(graph: Graph) -> tuple[int, int] | None:
    """(H, W) of the only input, one clip of one channel; None for anything else."""
    if len(graph.inputs) != 1 or not graph.tensor(graph.inputs[0]).static:
        return None
    dims = graph.tensor(graph.inputs[0]).dims
    if len(dims) != 4 or dims[0] != 1:
        return None
    rest = dims[2:] if graph.dialect == "onnx" else dims[1:3]
    channels = dims[1] if graph.dialect == "onnx" else dims[3]
    return (rest[0], rest[1]) if channels == 1 else None
