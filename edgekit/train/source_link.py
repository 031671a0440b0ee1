"""The frozen weights of an adapted run, which lie outside its checkpoint: beside it, as ``source.safetensors``.

A checkpoint whose model arguments name a ``source`` holds only what was trained; the digest of the source's file stands
in the arguments, so that no other weights are taken for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.digest import digest_file
from edgekit.core.errors import BadFileError, DigestMismatchError
from edgekit.core.optional import require

if TYPE_CHECKING:
    from torch import Tensor, nn

SOURCE_FILE = "source.safetensors"
PREFIX = "source."
"""Of the source's tensors in an adapted model."""


def stored_tensors(model: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a checkpoint of ``model`` holds: all of ``weights``, or without those of a frozen source."""
    frozen = getattr(model, "frozen_names", None)
    return dict(weights) if frozen is None else {k: v for k, v in weights.items() if k not in frozen()}


def link_source(folder: Path, source: Path) -> None:
    """Let ``folder``'s ``source.safetensors`` point to ``source``; a relative link, so that both may move together."""
    link = folder / SOURCE_FILE
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(source.resolve(), folder.resolve()))


def with_source(
    arguments: Mapping[str, Any], weights: Mapping[str, Tensor], folder: Path, where: str
) -> Mapping[str, Tensor]:
    """``weights`` with those of the source under ``source.…``, where the model's arguments name one.

    What was trained wins over the source's tensor of the same name (a new head, biases).

    Raises:
        BadFileError: the source is not there, or is no safetensors file.
        DigestMismatchError: other weights lie there.
    """
    mark = arguments.get("source")
    if mark is None:
        return weights
    if not isinstance(mark, Mapping) or not isinstance(mark.get("digest"), str):
        raise BadFileError("the source of an adapted model has no digest", where=where, mend="adapt again")
    file = folder / SOURCE_FILE
    if not file.is_file():
        raise BadFileError(
            f"the frozen weights {mark['digest'][:19]}… are not beside the checkpoint",
            where=str(file),
            mend=f"copy or link the source's checkpoint there as {SOURCE_FILE}",
        )
    if digest_file(file) != mark["digest"]:
        raise DigestMismatchError(
            f"other weights than those that were adapted ({mark['digest'][:19]}…)",
            where=str(file),
            mend="put the source's own checkpoint there, or adapt again",
        )
    reader = require("safetensors", "train")
    loader = require("safetensors.torch", "train")
    try:
        frozen = loader.load_file(file, device="cpu")
    except (reader.SafetensorError, OSError) as error:
        raise BadFileError(f"not a safetensors file: {error}", where=str(file), mend="adapt again") from error
    return {**{PREFIX + name: tensor for name, tensor in frozen.items()}, **weights}
