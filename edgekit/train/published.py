"""``[published]`` of a recipe, as data: what somebody else reported for this training, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekit.core.errors import BadConfigError
from edgekit.core.limits import check_limits


@dataclass(frozen=True, kw_only=True)
class Published:
    """``[published]``: the figures that a recipe is to be held against. Nothing in training depends on them.

    Attributes:
        figure: what was reported, with its conditions; empty where only the architecture is known.
        source: paper, thesis, repository or results page.
        classes: for which the counts hold.
        parameters: published or counted; 0 where unknown.
        macs: for one clip, with as many decimals as were published: "29.42 M"; empty where unknown.
        counting: convention of ``macs``.
        differs: where the recipe knowingly is not the published training.
    """

    figure: str = ""
    source: str = ""
    classes: int = 10
    parameters: int = 0
    macs: str = ""
    counting: Literal["dcase", "true"] = "dcase"
    differs: str = ""

    def __post_init__(self) -> None:
        check_limits("published", classes=(self.classes, 1, 100_000), parameters=(self.parameters, 0, 10**12))
        if not self.source and (self.figure or self.parameters or self.macs):
            raise BadConfigError("figures without a source", where="published", mend="set published.source")
