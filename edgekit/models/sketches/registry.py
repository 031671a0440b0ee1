"""Registered models by name: how each is sketched and which smaller arguments are its remedies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.models.sketches import bc_resnet, cp_mobile, cp_resnet, dscnn, mobile_vit, small_vit, tf_sepnet
from edgekit.models.sketches.layers import Map, Pen
from edgekit.models.variants import VARIANTS, Variant

Arguments = Mapping[str, Any]
Change = tuple[str, dict[str, Any]]
"""What a remedy changes, in words ("channels 64 → 56"), and the changed arguments."""
Ladder = Callable[[Arguments], Iterator[Change]]
"""Changes from the mildest to the strongest; each costs no more than the one before."""


@dataclass(frozen=True)
class ModelSketch:
    """One registered model without its weights.

    Attributes:
        draw: ``draw(pen, input map, arguments)`` draws the model and returns its last map.
        narrower: ladders of smaller widths or depths, the one to be tried first in front.
        strided: changes with more stride, the strongest last.
    """

    draw: Callable[[Pen, Map, Arguments], Map]
    narrower: tuple[Ladder, ...]
    strided: tuple[Ladder, ...] = ()

    def below(self, variant: Variant) -> ModelSketch:
        """The sketch of a variant: its arguments beneath those that are given."""

        def filled(given: Arguments) -> Arguments:
            return {**variant.arguments, **given}

        def ladders(own: tuple[Ladder, ...]) -> tuple[Ladder, ...]:
            return tuple(lambda given, ladder=ladder: ladder(filled(given)) for ladder in own)

        return ModelSketch(
            lambda pen, x, given: self.draw(pen, x, filled(given)), ladders(self.narrower), ladders(self.strided)
        )


_MODELS: Mapping[str, ModelSketch] = {
    "ds-cnn": ModelSketch(dscnn.draw, (dscnn.narrower,), (dscnn.strided,)),
    "cp-mobile": ModelSketch(cp_mobile.draw, (cp_mobile.less_expansion, cp_mobile.narrower), (cp_mobile.strided,)),
    "cp-resnet": ModelSketch(cp_resnet.draw, (cp_resnet.narrower,)),
    "bc-resnet": ModelSketch(bc_resnet.draw, (bc_resnet.narrower,)),
    "tf-sepnet": ModelSketch(tf_sepnet.draw, (tf_sepnet.narrower,)),
    "small-vit": ModelSketch(small_vit.draw, (small_vit.narrower, small_vit.shallower), (small_vit.strided,)),
    "mobile-vit": ModelSketch(mobile_vit.draw, (mobile_vit.narrower,)),
}
SKETCHES: Mapping[str, ModelSketch] = {
    **_MODELS,
    **{name: _MODELS[variant.model].below(variant) for name, variant in VARIANTS.items() if variant.model in _MODELS},
}
"""Model name to its sketch; a registered model without one (the teachers) gets no suggestions about its width."""
