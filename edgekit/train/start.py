"""Weights to begin from: an edgekit checkpoint or a public one, fitted to the model at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgekit.core import run_files
from edgekit.core.errors import BadFileError, DigestMismatchError
from edgekit.features.spec import FrontendSpec
from edgekit.models.patches import resize_codes
from edgekit.models.registry import build_model
from edgekit.models.students.small_vit import SmallVit
from edgekit.models.teachers.large_vit import LargeVit
from edgekit.models.teachers.position_codes import JOINT, SPLIT, fit_codes
from edgekit.models.teachers.pretrained import load_pretrained
from edgekit.train.anatomy import head_tensors
from edgekit.train.checkpoint import Checkpoint, is_checkpoint, load_checkpoint
from edgekit.train.start_choice import Start

_ESTIMATED = ("mean", "std")
_TOKEN = "dist_token"  # a student may get, or lose, the token that learns from a teacher


@dataclass(frozen=True)
class Started:
    """What the weights gave.

    Attributes:
        source: file that they came from.
        family: "edgekit", or the family of a public checkpoint.
        labels_kept: labels whose outputs were taken over.
        labels_new: labels whose outputs begin anew.
        resized: positional codes that were fitted to another grid.
        fresh: tensors besides the outputs that the weights did not have.
    """

    source: str
    family: str
    labels_kept: tuple[str, ...]
    labels_new: tuple[str, ...]
    resized: tuple[str, ...]
    fresh: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}


def weights_file(choice: Start) -> Path:
    """The file behind ``start.weights``.

    Raises:
        BadFileError: there is none.
    """
    path = Path(choice.weights)
    file = run_files.checkpoint_of(path)
    if not file.is_file():
        mend = "name a run folder, its checkpoint.safetensors, or a public checkpoint"
        raise BadFileError("no weights to start from", where=str(file), mend=mend)
    return file


def start_from(model: nn.Module, target: Checkpoint, choice: Start, *, estimated: bool) -> Started:
    """Put the weights that ``choice`` names into ``model``, in place.

    Args:
        model: built from ``target``, on the CPU.
        target: the run's own model, arguments, front-end and labels.
        choice: the recipe's ``[start]``.
        estimated: the run took mean and std from its own clips, so that those of the weights need not be the same.

    Raises:
        BadFileError: an unreadable file, or tensors that do not fit the model.
        DigestMismatchError: weights of another front-end, unless ``choice.frontend`` is "any".
        BadConfigError: a public checkpoint for a model that has none.
    """
    file = weights_file(choice)
    if not is_checkpoint(file):
        return _from_public(model, target, choice, file)
    source = load_checkpoint(file)
    if choice.frontend == "same":
        _check_frontend(source.frontend, target.frontend, str(file), ignored=_ESTIMATED if estimated else ())
    body, resized = _with_codes(model, source, choice.time_codes)
    heads = head_tensors(target.model, target.arguments)
    fresh = _put_body(model, body, heads, head_tensors(source.model, source.arguments), str(file))
    known = [] if choice.head == "new" else [label for label in target.labels if label in source.labels]
    taken = _put_rows(model, source, heads, target.labels, known)
    new = tuple(label for label in target.labels if not taken or label not in known)
    return Started(str(file), "edgekit", tuple(known) if taken else (), new, resized, fresh)


def _from_public(model: nn.Module, target: Checkpoint, choice: Start, file: Path) -> Started:
    """A public checkpoint's labels are not ours even where there are as many: the outputs begin anew."""
    heads = head_tensors(target.model, target.arguments)
    own = {name: value.clone() for name, value in model.state_dict().items() if name in heads}
    loaded = load_pretrained(model, file, time=choice.time_codes)
    model.load_state_dict(own, strict=False)
    fresh = tuple(name for name in loaded.fresh if name not in heads)
    return Started(str(file), loaded.family, (), target.labels, loaded.resized, fresh)


def _check_frontend(theirs: FrontendSpec, ours: FrontendSpec, where: str, ignored: Sequence[str]) -> None:
    names = [field.name for field in fields(FrontendSpec) if field.name not in ignored]
    odd = [
        f"{name} {getattr(theirs, name)} instead of {getattr(ours, name)}"
        for name in names
        if getattr(theirs, name) != getattr(ours, name)
    ]
    if odd:
        raise DigestMismatchError(
            f"weights of another front-end: {', '.join(odd)}",
            where=where,
            mend="use its front-end, or say start.frontend=any",
        )


def _with_codes(model: nn.Module, source: Checkpoint, time: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The source's tensors, positional codes fitted to the model's grid, and the names of those that were."""
    given = dict(source.weights)
    with torch.device("meta"):
        theirs = build_model(source.model, **source.arguments)
    codes: dict[str, Tensor] = {}
    if isinstance(model, LargeVit) and isinstance(theirs, LargeVit):
        codes = fit_codes(model, given, theirs.grid[0], time)
        given = {name: value for name, value in given.items() if name not in (JOINT, *SPLIT)}
    elif isinstance(model, SmallVit) and isinstance(theirs, SmallVit):
        codes = _small_codes(model, theirs, given, time)
        given.pop(JOINT, None)
    if not codes:
        return given, ()
    same = model.grid == theirs.grid and all(torch.equal(codes[name], source.weights[name]) for name in codes)
    return {**given, **codes}, () if same else tuple(codes)


def _small_codes(model: SmallVit, theirs: SmallVit, given: Mapping[str, Tensor], time: str) -> dict[str, Tensor]:
    """Learned codes for the model's grid; fixed sines are the model's own."""
    if model.positions == "none":
        return {}
    if model.positions != "learned" or theirs.positions != "learned":
        return {JOINT: model.pos_embed.detach().clone()}
    flat = given[JOINT]
    codes = flat.transpose(1, 2).reshape(1, flat.shape[2], *theirs.grid)  # [1, C, F, T]
    return {JOINT: resize_codes(codes, model.grid, time).flatten(2).transpose(1, 2)}


def _put_body(
    model: nn.Module, given: Mapping[str, Tensor], heads: Mapping[str, int], their_heads: Mapping[str, int], where: str
) -> tuple[str, ...]:
    """Everything but the outputs; the names of what the source did not have.

    Raises:
        BadFileError: a tensor of another shape, or one that only one side has.
    """
    own = {name: value for name, value in model.state_dict().items() if name not in heads}
    body = {name: value for name, value in given.items() if name not in their_heads}
    fresh = tuple(name for name in (_TOKEN, *heads) if name in model.state_dict() and name not in given)
    for name in (*own, *body):
        ours, theirs = own.get(name), body.get(name)
        if name == _TOKEN and (ours is None or theirs is None):
            continue
        if ours is None or theirs is None or ours.shape != theirs.shape:
            shapes = [("missing" if value is None else str(tuple(value.shape))) for value in (theirs, ours)]
            raise BadFileError(
                f"{name} is {shapes[0]} in the weights and {shapes[1]} in the model",
                where=where,
                mend="give the model the name and arguments that the weights were trained with",
            )
    model.load_state_dict({name: value for name, value in body.items() if name in own}, strict=False)
    return fresh


@torch.no_grad()
def _put_rows(
    model: nn.Module, source: Checkpoint, heads: Mapping[str, int], labels: Sequence[str], known: Sequence[str]
) -> bool:
    """Outputs of the ``known`` labels, matched by name; False where there is none to take."""
    ours = torch.tensor([list(labels).index(label) for label in known], dtype=torch.int64)
    theirs = torch.tensor([source.labels.index(label) for label in known], dtype=torch.int64)
    own = model.state_dict()
    rows: dict[str, Tensor] = {}
    for name, axis in heads.items():
        given = source.weights.get(name)
        if given is None or given.dim() != own[name].dim():
            continue  # a head that the source did not have, such as that of a distillation token
        shape = [size if i != axis else len(source.labels) for i, size in enumerate(own[name].shape)]
        if list(given.shape) == shape and len(known):
            rows[name] = own[name].index_copy(axis, ours, given.index_select(axis, theirs).to(own[name].dtype))
    model.load_state_dict(rows, strict=False)
    return bool(rows)
