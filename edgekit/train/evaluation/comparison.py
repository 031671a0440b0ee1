"""Two models on the same clips: float against int8, distilled against plain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.core.errors import DataError
from edgekit.train.evaluation.bootstrap import Interval, paired_bootstrap
from edgekit.train.evaluation.evaluation import Evaluation
from edgekit.train.evaluation.mcnemar import McNemar, mcnemar


@dataclass(frozen=True)
class Comparison:
    """What changes from model a to model b; a positive difference says that b has more.

    Attributes:
        a, b: names of the models.
        clips: how many both answered.
        agreement: share of clips to which both give the same label, right or wrong.
        accuracy: difference of accuracies by the unit that was drawn: "clip", and "speaker" or "source" where each clip
            names one and there are several.
        log_loss: difference of log losses, likewise.
        mcnemar: the clips that only one of them gets right.
    """

    a: str
    b: str
    clips: int
    agreement: float
    accuracy: Mapping[str, Interval]
    log_loss: Mapping[str, Interval]
    mcnemar: McNemar

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return {
            "a": self.a,
            "b": self.b,
            "clips": self.clips,
            "agreement": self.agreement,
            "accuracy": {unit: interval.to_json() for unit, interval in self.accuracy.items()},
            "log_loss": {unit: interval.to_json() for unit, interval in self.log_loss.items()},
            "mcnemar": self.mcnemar.to_json(),
        }


def compare(a: Evaluation, b: Evaluation, seed: int = 0) -> Comparison:
    """Compare two evaluations on the same clips.

    Raises:
        DataError: other clips, another order of them, or other labels.
    """
    if [clip.id for clip in a.clips] != [clip.id for clip in b.clips] or set(a.labels) != set(b.labels):
        raise DataError(
            f"{a.model} and {b.model} were not evaluated on the same clips and labels",
            where="comparison",
            mend="evaluate both with the same --data and --select",
        )
    right_a, right_b = a.right, b.right
    named_a, named_b = np.array(a.labels)[a.predictions], np.array(b.labels)[b.predictions]
    units = a.units()
    return Comparison(
        a=a.model,
        b=b.model,
        clips=len(a.clips),
        agreement=float((named_a == named_b).mean()),
        accuracy={unit: paired_bootstrap(right_a, right_b, groups, seed) for unit, groups in units.items()},
        log_loss={unit: paired_bootstrap(a.losses, b.losses, groups, seed) for unit, groups in units.items()},
        mcnemar=mcnemar(right_a, right_b),
    )
