"""Joined runs: several trained models side by side in one graph, whose answer is the mean of their logits.

A soup averages weights and costs what one model costs; joined runs keep their weights, and cost their sum. What differs
by chance between runs of one recipe then cancels out in the answer, which is worth its parameters where a budget is
not used up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from edgekit.core.errors import BadConfigError, BadFileError, DataError, DigestMismatchError
from edgekit.train.checkpoint import Checkpoint

MODEL = "ensemble"
"""Registry name of what joined runs become."""


def join_checkpoints(members: Sequence[tuple[str, Checkpoint]], changes: Mapping[str, Any]) -> Checkpoint:
    """One checkpoint of the model ``ensemble`` that holds the weights of all ``members``, in their order.

    Args:
        members: name and checkpoint of each run; their models may differ, what they hear and answer may not.
        changes: arguments of every member that change no weight, in place of those that it was trained with.

    Raises:
        BadConfigError: fewer than two runs.
        BadFileError: a run that is itself joined.
        DataError: runs of different labels, or of different windows of long clips.
        DigestMismatchError: runs of different front-ends.
    """
    if len(members) < 2:
        raise BadConfigError("one run cannot be joined", where="edgekit join", mend="name two or more")
    first_name, first = members[0]
    for name, item in members:
        _check_member(name, item, first_name, first)
    tables = [{"model": item.model, "arguments": {**_without_classes(item), **changes}} for _, item in members]
    return dataclasses.replace(
        first,
        model=MODEL,
        arguments={"classes": len(first.labels), "members": tables},
        weights={
            f"members.{i}.{key}": value for i, (_, item) in enumerate(members) for key, value in item.weights.items()
        },
        metrics={"epoch": None, "validation": None, "joined": [name for name, _ in members]},
        recipe={"joined": [dict(item.recipe) for _, item in members]},
    )


def _without_classes(item: Checkpoint) -> dict[str, Any]:
    return {key: value for key, value in item.arguments.items() if key != "classes"}


def _check_member(name: str, item: Checkpoint, first_name: str, first: Checkpoint) -> None:
    if item.model == MODEL:
        raise BadFileError("is joined already", where=name, mend="name the runs that it was joined from")
    if item.labels != first.labels:
        raise DataError(f"has other labels than {first_name}", where=name, mend="join runs of the same labels")
    if item.frontend != first.frontend:
        text = f"has another front-end than {first_name}"
        mend = "train them on the same clips, or with frontend.normalise=start or spec"
        raise DigestMismatchError(text, where=name, mend=mend)
    if item.windows != first.windows:
        mend = "train them with the same [windows]"
        raise DataError(f"hears long clips otherwise than {first_name}", where=name, mend=mend)
