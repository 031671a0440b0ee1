"""Which known remedy brings a model of edgekit's registry under its budget, with the counts of the changed model.

The metadata of a file names the registered model and its arguments. Its sketch (models/sketches) is drawn with those
arguments first: only counts in which the sketch equals the file are trusted, and a remedy is suggested only when every
limit that a file can answer is kept in trusted counts. Accuracy has to be measured again; nothing is said about it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edgekit.budget.check import select
from edgekit.budget.counting import Counts, count
from edgekit.budget.limits import LIMITS
from edgekit.budget.sketch_graph import Form, sketch_graph
from edgekit.budget.tally import Tally
from edgekit.budget.toml import Budget
from edgekit.core.errors import EdgekitError
from edgekit.core.quantity import Quantity
from edgekit.core.verdict import Suggestion
from edgekit.graph.graph import Graph
from edgekit.graph.ops import MODEL_KEY
from edgekit.models.sketches.registry import SKETCHES, ModelSketch

if TYPE_CHECKING:
    from edgekit.features.spec import FrontendSpec

_MAX_METADATA = 1 << 16
_FORMS: tuple[Form, ...] = ("batch norm", "float", "int8")
_IDENTITY = ("parameters", "parameter_bytes", "macs_true", "macs_dcase")
"""Counts in which a sketch must equal the file to be taken for it."""

FrontendTally = Callable[["FrontendSpec"], Tally]


@dataclass(frozen=True)
class _Design:
    """A model that could be built: registry arguments, front-end (or input shape without one) and number format."""

    model: str
    arguments: Mapping[str, Any]
    shape: tuple[int, int]
    form: Form
    frontend: FrontendSpec | None

    def quantized(self) -> _Design:
        return replace(self, form="int8")

    def with_frontend(self, spec: FrontendSpec) -> _Design:
        return replace(self, frontend=spec, shape=spec.feature_shape)


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
    sketched = bench.tallies(design)
    trusted = {key for key in bench.limited if original[key].quantity and original[key].known == sketched[key].known}
    trusted.discard("float_ops")  # a sketch has no operators beside its layers
    if bench.limited - trusted - {"float_ops"}:
        return ()
    found: dict[str, Suggestion] = {}
    for remedy, changes in _remedies(design, SKETCHES[design.model]):
        if remedy == _BOTH and "int8" in found:
            continue  # int8 alone is enough
        suggestion = _first(bench, remedy, changes)
        if suggestion:
            found[remedy] = suggestion
    return tuple(found.values())


def _first(bench: _Bench, remedy: str, changes: Iterator[tuple[str, _Design]]) -> Suggestion | None:
    """The first change whose design keeps the budget; impossible designs are passed over."""
    for change, design in changes:
        try:
            quantities = bench.within(design)
        except EdgekitError:
            continue
        if quantities:
            return Suggestion(remedy, change, quantities)
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

    def tallies(self, design: _Design) -> dict[str, Tally]:
        """Counts by the name of the limit that they answer; the memory plan only where the budget limits it."""
        graph = sketch_graph(design.model, design.arguments, design.shape, design.form)
        counts = count(graph, plan=False)
        front = self.frontend_tally(design.frontend) if self.frontend_tally and design.frontend else None
        tallies = select(counts, self.budget.counting, front)
        form, extra = self.offset
        if design.form == form and extra:
            flash = tallies["flash"]
            tallies["flash"] = replace(flash, known=flash.known + extra, caveat="estimated as that of the file")
        if "peak_ram" in self.limited:
            folded: Form = "float" if design.form == "batch norm" else design.form
            compiled = sketch_graph(design.model, design.arguments, design.shape, folded)
            tallies["peak_ram"] = count(compiled).tallies["peak_ram"]
        return tallies

    def within(self, design: _Design) -> dict[str, Quantity] | None:
        """The counts of a design that keeps every limit, None of any other."""
        tallies = self.tallies(design)
        for key in self.limited:
            quantity = tallies[key].quantity
            if quantity is None or quantity.value > self.budget.limits[key]:
                return None
        shown = ["parameters", "parameter_bytes", "macs"]
        shown += [key for key in self.budget.limits if key in self.limited and key not in shown]
        return {key: tallies[key].bound for key in shown}


def _identify(graph: Graph, counts: Counts, counting: str, frontend: FrontendSpec | None) -> _Design | None:
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
            return _Design(name, arguments, shape, form, frontend)
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


Change = tuple[str, _Design]


def _remedies(design: _Design, sketch: ModelSketch) -> Iterator[tuple[str, Iterator[Change]]]:
    """The known remedies, each with its changes from the mildest on; a float model is tried in int8 as well."""
    if design.form != "int8":
        yield "int8", iter([(_INT8, design.quantized())])
    yield "width", _arguments(design, sketch.narrower)
    yield "stride", _arguments(design, sketch.strided)
    yield "mel bins", _mel_bins(design)
    yield "frames", _frames(design)
    if design.form != "int8":
        narrow = _arguments(design.quantized(), sketch.narrower)
        yield _BOTH, ((f"{text} and {_INT8}", smaller) for text, smaller in narrow)


def _arguments(
    design: _Design, changes: Callable[[Mapping[str, Any]], Iterator[tuple[str, dict[str, Any]]]]
) -> Iterator[Change]:
    return ((text, replace(design, arguments=changed)) for text, changed in changes(design.arguments))


_INT8 = "int8 (edgekit quantize)"
_BOTH = "width and int8"


def _mel_bins(design: _Design) -> Iterator[Change]:
    """Fewer mel bins, in eighths of those given; MFCCs keep theirs."""
    spec = design.frontend
    if spec is None or spec.n_mfcc is not None:
        return
    for eighths in range(7, 1, -1):
        bins = spec.mel_bins * eighths // 8
        yield f"mel_bins {spec.mel_bins} → {bins}", design.with_frontend(spec.replace(mel_bins=bins))


def _frames(design: _Design) -> Iterator[Change]:
    """A longer hop, in quarters of the one given, up to twice; the window must still reach the next frame."""
    spec = design.frontend
    if spec is None:
        return
    for quarters in range(5, 9):
        hop = spec.hop_length * quarters // 4
        if hop <= spec.window_length:
            slower = spec.replace(hop_length=hop)
            yield f"hop_length {spec.hop_length} → {hop} ({slower.frames} frames)", design.with_frontend(slower)
