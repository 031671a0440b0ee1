"""Several models as one: the mean of their logits, from what each answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgekit.core.errors import DataError
from edgekit.train.evaluation.evaluation import Evaluation
from edgekit.train.evaluation.metrics import softmax

_SMALLEST = 1e-30  # a probability that an int8 softmax rounded to 0 must not veto what all others say


def ensemble(members: Sequence[Evaluation]) -> Evaluation:
    """The evaluation of the mean of the members' logits, on their common clips.

    Log-probabilities are logits less a constant of each clip, so that the softmax of their mean is that of the mean
    logits; members may therefore have other front-ends, and other orders of the labels. Where clips are heard in
    several windows, the logarithm is that of each member's mean over windows.

    Raises:
        DataError: fewer than two members, or other clips or labels.
    """
    if len(members) < 2:
        raise DataError("an ensemble needs two models or more", mend="name several")
    first = members[0]
    ids = [clip.id for clip in first.clips]
    for member in members[1:]:
        if [clip.id for clip in member.clips] != ids or set(member.labels) != set(first.labels):
            raise DataError(
                f"{first.model} and {member.model} have other clips or labels",
                where="ensemble",
                mend="evaluate all with the same --data and --select",
            )
    logs = [np.log(np.maximum(_in_order(member, first.labels), _SMALLEST)) for member in members]
    digests = {member.frontend_digest for member in members}
    return replace(
        first,
        model=f"mean of {len(members)} models",
        arithmetic="int8" if all(member.arithmetic == "int8" for member in members) else "float32",
        frontend_digest=first.frontend_digest if len(digests) == 1 else "several",
        probabilities=softmax(np.mean(logs, axis=0)),
    )


def _in_order(member: Evaluation, labels: tuple[str, ...]) -> np.ndarray:
    columns = [member.labels.index(label) for label in labels]
    out: np.ndarray = member.probabilities[:, columns]
    return out
