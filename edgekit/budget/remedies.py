"""The known remedies for a model of edgekit's registry, each a ladder of changes from the mildest to the strongest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edgekit.budget.sketch_graph import Form
from edgekit.models.sketches.registry import SKETCHES, Ladder

if TYPE_CHECKING:
    from edgekit.features.spec import FrontendSpec

INT8 = "int8"
BOTH = "width and int8"
_QUANTIZE = "int8 (edgekit quantize)"


@dataclass(frozen=True)
class Design:
    """A model that could be built: registry arguments, front-end (or input shape without one) and number format."""

    model: str
    arguments: Mapping[str, Any]
    shape: tuple[int, int]
    form: Form
    frontend: FrontendSpec | None

    def quantized(self) -> Design:
        """The same in int8."""
        return replace(self, form="int8")

    def with_frontend(self, spec: FrontendSpec) -> Design:
        """The same behind another front-end."""
        return replace(self, frontend=spec, shape=spec.feature_shape)


Change = tuple[str, Design]
"""What is changed, in words, and the design that comes of it."""


@dataclass(frozen=True)
class Remedy:
    """One kind of change.

    Attributes:
        name: what the suggestion is filed under; several remedies may share it, the first that helps is taken.
        changes: from the mildest to the strongest.
        ordered: each change costs no more than the one before, so that halving finds the mildest.
    """

    name: str
    changes: Iterable[Change]
    ordered: bool = True


def remedies(design: Design) -> Iterator[Remedy]:
    """Remedies in the order in which they are to be tried; a float model is tried in int8 as well."""
    sketch = SKETCHES[design.model]
    if design.form != "int8":
        yield Remedy(INT8, [(_QUANTIZE, design.quantized())])
    for ladder in sketch.narrower:
        yield Remedy("width", _arguments(design, ladder))
    for ladder in sketch.strided:
        yield Remedy("stride", _arguments(design, ladder), ordered=False)
    yield Remedy("mel bins", _mel_bins(design))
    yield Remedy("frames", _frames(design))
    if design.form != "int8":
        for ladder in sketch.narrower:
            narrow = _arguments(design.quantized(), ladder)
            yield Remedy(BOTH, [(f"{text} and {_QUANTIZE}", smaller) for text, smaller in narrow])


def _arguments(design: Design, ladder: Ladder) -> Iterator[Change]:
    return ((text, replace(design, arguments=changed)) for text, changed in ladder(design.arguments))


def _mel_bins(design: Design) -> Iterator[Change]:
    """Fewer mel bins, in eighths of those given; MFCCs keep theirs."""
    spec = design.frontend
    if spec is None or spec.n_mfcc is not None:
        return
    for eighths in range(7, 1, -1):
        bins = spec.mel_bins * eighths // 8
        yield f"mel_bins {spec.mel_bins} → {bins}", design.with_frontend(spec.replace(mel_bins=bins))


def _frames(design: Design) -> Iterator[Change]:
    """A longer hop, in quarters of the one given, up to twice; the window must still reach the next frame."""
    spec = design.frontend
    if spec is None:
        return
    for quarters in range(5, 9):
        hop = spec.hop_length * quarters // 4
        if hop <= spec.window_length:
            slower = spec.replace(hop_length=hop)
            yield f"hop_length {spec.hop_length} → {hop} ({slower.frames} frames)", design.with_frontend(slower)
