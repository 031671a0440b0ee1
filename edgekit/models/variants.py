"""Published sizes of the registered models: a name stands for a model and its arguments.

``build_model("bc-resnet-8", classes=12)`` is ``build_model("bc-resnet", tau=8, classes=12)``: arguments that are given
win over those of the variant. Plain data, so that rooms without torch can read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Variant:
    """A registered model with some of its arguments fixed.

    Attributes:
        model: registry name of the model.
        arguments: its arguments, as a recipe would write them.
    """

    model: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


_STRIDES_2023: Mapping[str, list[int]] = {"2": [2, 2], "4": [2, 1]}


def _cp_mobile_2023(base_channels: int, multiplier: float, expansion: float) -> Variant:
    """A size of Schmid et al. 2023: with GRN, strides at blocks 2 and 4."""
    sizes = {"base_channels": base_channels, "multiplier": multiplier, "expansion": expansion}
    return Variant("cp-mobile", {**sizes, "grn": True, "strides": _STRIDES_2023})


_MEDIUM = {"layers": 8, "width": 256, "heads": 8, "mlp_ratio": 4.0, "patch": 16, "positions": "learned"}
_DEPLOYABLE = {"norm": "batch", "activation": "quick-gelu"}

VARIANTS: Mapping[str, Variant] = {
    # Zhang et al. 2018, table 7; M and L halve frequency only in the second layer. Their stem's maps are
    # 25×9, not 25×10: the even kernel is padded symmetrically.
    "ds-cnn-s": Variant("ds-cnn", {"channels": 64, "blocks": 4}),
    "ds-cnn-m": Variant(
        "ds-cnn", {"channels": 172, "blocks": 4, "stem_stride": [2, 1], "block_strides": [[2, 2], 1, 1, 1]}
    ),
    "ds-cnn-l": Variant(
        "ds-cnn", {"channels": 276, "blocks": 5, "stem_stride": [2, 1], "block_strides": [[2, 2], 1, 1, 1, 1]}
    ),
    # Schmid et al. 2023: named by thousands of parameters.
    "cp-mobile-127k": _cp_mobile_2023(32, 2.3, 3.0),
    "cp-mobile-84k": _cp_mobile_2023(32, 1.9, 2.5),
    "cp-mobile-61k": _cp_mobile_2023(32, 1.8, 2.1),
    "cp-mobile-53k": _cp_mobile_2023(24, 1.9, 2.6),
    "cp-mobile-40k": _cp_mobile_2023(16, 2.3, 3.0),
    "cp-mobile-31k": _cp_mobile_2023(24, 1.5, 2.0),
    "cp-mobile-14k": _cp_mobile_2023(16, 1.5, 2.0),
    "cp-mobile-6k": _cp_mobile_2023(8, 1.6, 2.2),
    "bc-resnet-1": Variant("bc-resnet", {"tau": 1}),
    "bc-resnet-1.5": Variant("bc-resnet", {"tau": 1.5}),
    "bc-resnet-2": Variant("bc-resnet", {"tau": 2}),
    "bc-resnet-3": Variant("bc-resnet", {"tau": 3}),
    "bc-resnet-6": Variant("bc-resnet", {"tau": 6}),
    "bc-resnet-8": Variant("bc-resnet", {"tau": 8}),
    "tf-sepnet-64": Variant("tf-sepnet", {"width": 64, "layout": "2024"}),
    "cp-resnet-large": Variant(
        "cp-resnet", {"layout": "2020", "base_channels": 128, "blocks": [4, 4, 4], "groups": 1, "cut_channels": 0}
    ),
    "tiny-ast": Variant("small-vit", {}),
    "tiny-ast-deploy": Variant("small-vit", _DEPLOYABLE),
    "medium-vit": Variant("small-vit", _MEDIUM),
    "passt": Variant("large-vit", {"layout": "passt"}),
    "ast": Variant("large-vit", {"layout": "ast"}),
    "mn04": Variant("mobilenet-v3", {"width": 0.4}),
    "mn05": Variant("mobilenet-v3", {"width": 0.5}),
    "mn10": Variant("mobilenet-v3", {"width": 1.0}),
}
"""Variant name to what it stands for."""
