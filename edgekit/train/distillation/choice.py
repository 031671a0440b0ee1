"""``[distillation]`` of a recipe, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekit.core.errors import BadConfigError
from edgekit.core.limits import check_limits

Reduction = Literal["batchmean", "mean"]


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """``[distillation]``: what the student learns from the teacher, besides the labels.

    Attributes:
        logits: "hinton" for any student; "deit-soft" and "deit-hard" for one with a distillation token, whose head
            learns from the teacher while the class token's head learns the labels; "none".
        weight: λ, the teacher's share of the loss, (1 − λ)·CE + λ·(…); DeiT's hard loss is λ = 0.5.
        temperature: τ of the soft losses.
        reduction: of KL: "batchmean" divides the sum by the clips, "mean" by clips × classes. The second makes the
            teacher's part smaller by the number of classes, which a published λ silently contains.
        features: hints besides the logits, from a teacher that runs online: "projection" (the maps of
            ``student_layer``, projected, follow those of ``teacher_layer``), "vitkd" (transformers), "none".
        feature_weight: factor of the projection's mean squared error.
        student_layer, teacher_layer: names of modules, as ``named_modules`` gives them.
        mimic_weight, generate_weight, mask_share: α, β and λ of ViTKD.
        synchronise_patchout: the student drops the patches that the teacher drops; both see as many of them.
    """

    logits: Literal["none", "hinton", "deit-soft", "deit-hard"] = "none"
    weight: float = 0.9
    temperature: float = 2.0
    reduction: Reduction = "batchmean"
    features: Literal["none", "projection", "vitkd"] = "none"
    feature_weight: float = 1.0
    student_layer: str = ""
    teacher_layer: str = ""
    mimic_weight: float = 3e-5
    generate_weight: float = 3e-6
    mask_share: float = 0.5
    synchronise_patchout: bool = False

    def __post_init__(self) -> None:
        check_limits("distillation", weight=(self.weight, 0.0, 1.0), temperature=(self.temperature, 0.05, 100.0))
        check_limits("distillation", feature_weight=(self.feature_weight, 0.0, 1e6), mask_share=(self.mask_share, 0, 1))
        check_limits("distillation", mimic_weight=(self.mimic_weight, 0.0, 1e6))
        check_limits("distillation", generate_weight=(self.generate_weight, 0.0, 1e6))
        if self.features == "projection" and not (self.student_layer and self.teacher_layer):
            mend = "set distillation.student_layer and distillation.teacher_layer"
            raise BadConfigError("projection does not know its layers", where="distillation", mend=mend)
        if self.features == "vitkd" and (self.synchronise_patchout or not 0.0 < self.mask_share < 1.0):
            text = "vitkd needs every patch and a mask_share above 0 and below 1"
            raise BadConfigError(text, where="distillation", mend="set distillation.synchronise_patchout=false")

    @property
    def off(self) -> bool:
        """True where nothing is learnt from a teacher."""
        return self.logits == "none" and self.features == "none"

    @property
    def needs_online(self) -> bool:
        """True where stored logits are not enough."""
        return self.features != "none" or self.synchronise_patchout
