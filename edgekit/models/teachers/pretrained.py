"""Public PaSST, AST, timm ViT and EfficientAT checkpoints into our models, by tensor name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.models.teachers.checkpoint_file import read_tensors
from edgekit.models.teachers.checkpoint_names import NAME_MAPS, PREFIXES, QKV, NameMap
from edgekit.models.teachers.large_vit import LargeVit
from edgekit.models.teachers.mobilenet_v3 import MobileNetV3
from edgekit.models.teachers.position_codes import JOINT, SPLIT, fit_codes

_PATCHES = "patch_embed.proj.weight"
_HEADS = ("head.", "classifier.5.")
"""Layers of the classes: kept as they are in the model where the checkpoint has other classes."""


@dataclass(frozen=True)
class Loaded:
    """What a checkpoint gave.

    Attributes:
        family: of the checkpoint ("PaSST", …).
        fresh: the model's parameters that the checkpoint did not have: they keep their initial values.
        resized: positional codes that were fitted to another grid or form.
    """

    family: str
    fresh: tuple[str, ...]
    resized: tuple[str, ...]


def load_pretrained(model: nn.Module, path: Path, *, time: str = "crop") -> Loaded:
    """Put a public checkpoint's weights into ``model`` in place: :func:`put_tensors` of a file.

    Args:
        model: a "large-vit" (any layout) or a "mobilenet-v3" of the checkpoint's width.
        path: ``.safetensors``, or ``.pt`` with plain tensors.
        time: as of :func:`put_tensors`.

    Raises:
        BadFileError: an unreadable file, and what :func:`put_tensors` raises.
        BadConfigError: a model that has no public checkpoints.
    """
    return put_tensors(model, read_tensors(path), str(path), time=time)


def put_tensors(model: nn.Module, tensors: Mapping[str, Tensor], where: str, *, time: str = "crop") -> Loaded:
    """Put the tensors of a public checkpoint into ``model`` in place.

    Args:
        model: a "large-vit" (any layout) or a "mobilenet-v3" of the checkpoint's width.
        tensors: by the checkpoint's names.
        where: the file, for messages.
        time: how positional codes over time are fitted: "crop" (a second stays as many columns) or "interpolate".

    Raises:
        BadFileError: no known layout, a tensor that is missing or of another shape, or one that nobody needs.
        BadConfigError: a model that has no public checkpoints.
    """
    if not isinstance(model, LargeVit | MobileNetV3):
        raise BadConfigError(
            f"no public checkpoint fits a {type(model).__name__}", mend="use large-vit or mobilenet-v3"
        )
    family, given = rename(tensors, where)
    own = model.state_dict()
    resized: tuple[str, ...] = ()
    if isinstance(model, LargeVit):
        given, resized = _for_transformer(model, given, family, time)
    weights: dict[str, Tensor] = {}
    fresh: list[str] = []
    for name, tensor in own.items():
        source = given.pop(name, None)
        if source is not None and source.shape == tensor.shape:
            weights[name] = source.to(tensor.dtype)
        elif _optional(name, source):
            fresh.append(name)
        else:
            shape = "missing" if source is None else tuple(source.shape)
            raise BadFileError(
                f"{name} is {shape} in the {family.family} checkpoint, the model has {tuple(tensor.shape)}",
                where=where,
                mend="build the model with the checkpoint's width, layers and patch",
            )
    _refuse_rest([name for name in given if not name.startswith(_HEADS) and name != "dist_token"], where)
    model.load_state_dict(weights, strict=False)
    return Loaded(family.family, tuple(fresh), resized)


def rename(tensors: Mapping[str, Tensor], where: str) -> tuple[NameMap, dict[str, Tensor]]:
    """The family that the names show, and the tensors under our names.

    Raises:
        BadFileError: no known family.
    """
    for names in NAME_MAPS:
        for prefix in PREFIXES:
            if prefix + names.signature in tensors:
                plain = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
                return names, _renamed(names, plain, where)
    raise BadFileError(
        "the tensor names are of no known layout",
        where=where,
        mend=f"known are {', '.join(names.family for names in NAME_MAPS)}",
    )


def _renamed(names: NameMap, tensors: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if any(re.fullmatch(pattern, name) for pattern in names.ignored):
            continue
        for pattern, replacement in names.renames:
            if re.fullmatch(pattern, name):
                name = re.sub(pattern, replacement, name)
                break
        found[name] = tensor
    return _stacked(found, where)


def _stacked(tensors: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Separate projections ``a.qkv/query.weight``, … as one ``a.qkv.weight``."""
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        base, slash, rest = name.partition("/")
        if not slash:
            found[name] = tensor
            continue
        kind = rest.partition(".")[2]
        parts = [tensors.get(f"{base}/{part}.{kind}") for part in QKV]
        if any(part is None or part.shape != tensor.shape for part in parts):
            raise BadFileError(f"{base} lacks one of {', '.join(QKV)}", where=where, mend="download it again")
        found[f"{base}.{kind}"] = torch.cat([part for part in parts if part is not None])
    return found


def _for_transformer(
    model: LargeVit, given: Mapping[str, Tensor], family: NameMap, time: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """One input channel and positional codes of the model's grid."""
    ready = {name: tensor for name, tensor in given.items() if name not in (JOINT, *SPLIT)}
    patches = ready.get(_PATCHES)
    if patches is not None and patches.dim() == 4 and patches.shape[1] == 3:
        ready[_PATCHES] = patches.sum(dim=1, keepdim=True)  # a grey picture shows every colour the same value
    codes = fit_codes(model, given, family.rows, time)
    resized = tuple(name for name in codes if name not in given or given[name].shape != codes[name].shape)
    return {**ready, **codes}, resized


def _optional(name: str, source: Tensor | None) -> bool:
    """Whether the model may keep its own: the layers of the classes, counters, a token that older families lack."""
    return name.startswith(_HEADS) or (source is None and name.endswith(("dist_token", "num_batches_tracked")))


def _refuse_rest(names: list[str], where: str) -> None:
    if names:
        raise BadFileError(
            f"{len(names)} tensors that the model lacks, such as {names[0]}",
            where=where,
            mend="build the model with the checkpoint's layers",
        )
