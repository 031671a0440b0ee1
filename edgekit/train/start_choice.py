"""``[start]`` of a recipe, as data: what a run begins from, and how carefully it moves away from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekit.core.errors import BadConfigError
from edgekit.core.limits import check_limits


@dataclass(frozen=True, kw_only=True)
class Start:
    """``[start]``: fine-tuning of weights that were trained before.

    Attributes:
        weights: a run folder or its ``checkpoint.safetensors``; for "large-vit" and "mobilenet-v3" also a public
            checkpoint (:mod:`edgekit.models.teachers.pretrained`). Empty: random weights.
        frontend: "same" refuses weights of another front-end; "any" takes them.
        head: "labels" keeps the outputs of labels that the weights know, by name, and begins the others anew; "new"
            begins all of them anew, as is always done with a public checkpoint.
        time_codes: how learned positional codes are fitted to another number of time columns: "crop" (a second stays
            as many columns) or "interpolate".
        layer_decay: learning rate of a block as a multiple of the next one's; the head has that of the optimiser
            (Clark et al. 2020, Bao et al. 2022).
        freeze_blocks: the stem and the first so many blocks keep their weights, batch statistics included.
        head_epochs: in the first so many epochs only the head learns.
    """

    weights: str = ""
    frontend: Literal["same", "any"] = "same"
    head: Literal["labels", "new"] = "labels"
    time_codes: Literal["crop", "interpolate"] = "crop"
    layer_decay: float = 1.0
    freeze_blocks: int = 0
    head_epochs: int = 0

    def __post_init__(self) -> None:
        check_limits("start", layer_decay=(self.layer_decay, 0.01, 1.0))
        check_limits("start", freeze_blocks=(self.freeze_blocks, 0, 10_000), head_epochs=(self.head_epochs, 0, 100_000))
        if not self.weights and (self.freeze_blocks or self.head_epochs):
            text = "freezes random weights"
            raise BadConfigError(text, where="start", mend="name start.weights (--start), or set neither")

    @property
    def freezes(self) -> bool:
        """True where some weights rest for some time."""
        return bool(self.freeze_blocks or self.head_epochs)
