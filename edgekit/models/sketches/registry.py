"""Registered models by name: how each is sketched and which smaller arguments are its remedies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.models.sketches import cp_mobile, dscnn
from edgekit.models.sketches.layers import Layers, Map
from edgekit.models.variants import VARIANTS, Variant

Arguments = Mapping[str, Any]
Change = tuple[str, dict[str, Any]]
"""What a remedy changes, in words ("channels 64 → 56"), and the changed arguments."""


@dataclass(frozen=True)
class ModelSketch:
    """One registered model without its weights.

    Attributes:
        draw: ``draw(layers, input map, arguments)`` draws the model and returns its last map.
        narrower: smaller widths, the widest first.
        strided: more stride, the least first.
    """

    draw: Callable[[Layers, Map, Arguments], Map]
    narrower: Callable[[Arguments], Iterator[Change]]
    strided: Callable[[Arguments], Iterator[Change]]


def _of_variant(variant: Variant) -> ModelSketch:
    """The model's sketch with the variant's arguments beneath those that are given."""
    whole = _MODELS[variant.model]
    return ModelSketch(
        lambda layers, x, given: whole.draw(layers, x, {**variant.arguments, **given}),
        lambda given: whole.narrower({**variant.arguments, **given}),
        lambda given: whole.strided({**variant.arguments, **given}),
    )


_MODELS: Mapping[str, ModelSketch] = {
    "ds-cnn": ModelSketch(dscnn.draw, dscnn.narrower, dscnn.strided),
    "cp-mobile": ModelSketch(cp_mobile.draw, cp_mobile.narrower, cp_mobile.strided),
}
SKETCHES: Mapping[str, ModelSketch] = {
    **_MODELS,
    **{name: _of_variant(variant) for name, variant in VARIANTS.items() if variant.model in _MODELS},
}
"""Model name to its sketch; a registered model without one gets no suggestions about its width."""
