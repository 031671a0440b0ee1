"""Source models: what is adapted, and stays as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core import run_files
from edgekit.core.digest import canonical_json, digest_file
from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.core.files import atomic_path
from edgekit.core.model_metadata import FRONTEND_KEY, LABELS_KEY, MODEL_KEY
from edgekit.core.optional import require
from edgekit.features.spec import FrontendSpec, from_json
from edgekit.models.registry import build_model

if TYPE_CHECKING:
    from torch import Tensor, nn

INPUT_KEY = "edgekit.input"
"""Metadata key of a source without a front-end: JSON list [C, H, W], what it takes."""
_LARGEST_FILE = 2 << 30


@dataclass(frozen=True)
class Source:
    """A trained model by file.

    Attributes:
        file: its safetensors file.
        digest: of the file.
        model: registry name.
        arguments: of the builder, ``classes`` included.
        labels: class names in the order of the outputs.
        shape: (C, H, W) of what it takes.
        frontend: of a model of audio; None for a model of pictures.
    """

    file: Path
    digest: str
    model: str
    arguments: Mapping[str, Any]
    labels: tuple[str, ...]
    shape: tuple[int, int, int]
    frontend: FrontendSpec | None

    def mark(self) -> dict[str, Any]:
        """Plain values from which an adapted model is built and recognises its source again."""
        plain: dict[str, Any] = {"model": self.model, "arguments": dict(self.arguments), "digest": self.digest}
        plain["shape"] = list(self.shape)
        if self.frontend is not None:
            plain["frontend"] = without_none(self.frontend.to_json())
        return plain

    def weights(self) -> dict[str, Tensor]:
        """Its tensors by name."""
        loaded: dict[str, Tensor] = require("safetensors.torch", "train").load_file(self.file, device="cpu")
        return loaded


def without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that say something: a recipe's TOML has no null, and a missing field is one."""
    return {name: value for name, value in fields.items() if value is not None}


def read_source(path: Path) -> Source:
    """The model in a run folder, a checkpoint, or a file of :func:`save_picture_source`. Runs no code from it.

    Raises:
        BadFileError: missing, damaged, without edgekit's metadata, or itself an adapted model.
    """
    reader = require("safetensors", "train")
    file = run_files.checkpoint_of(path)
    if not file.is_file():
        raise BadFileError("no source model here", where=str(file), mend="name a run folder or its checkpoint")
    if file.stat().st_size > _LARGEST_FILE:
        raise BadFileError("larger than 2 GiB", where=str(file), mend="this is no edgekit checkpoint")
    try:
        with reader.safe_open(file, framework="pt") as stream:
            metadata = dict(stream.metadata() or {})
    except (reader.SafetensorError, OSError) as error:
        raise BadFileError(f"not a safetensors file: {error}", where=str(file), mend="train it again") from error
    return _from_metadata(metadata, file)


def _from_metadata(metadata: Mapping[str, str], file: Path) -> Source:
    where = str(file)
    try:
        model, labels = json.loads(metadata[MODEL_KEY]), json.loads(metadata[LABELS_KEY])
        name, arguments = str(model["name"]), dict(model["arguments"])
        spec = from_json(metadata[FRONTEND_KEY], where=where) if FRONTEND_KEY in metadata else None
        shape = (1, *spec.input_shape[1:3]) if spec else tuple(int(size) for size in json.loads(metadata[INPUT_KEY]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadFileError(f"no source model: {error!r}", where=where, mend="name a run of edgekit") from error
    if len(shape) != 3 or min(shape) < 1 or not all(isinstance(label, str) for label in labels):
        raise BadFileError("its input shape or labels are damaged", where=where, mend="train it again")
    if "source" in arguments:
        raise BadFileError("is itself an adapted model", where=where, mend="adapt its source instead")
    return Source(file, digest_file(file), name, arguments, tuple(labels), shape, spec)


def save_picture_source(
    path: Path,
    name: str,
    arguments: Mapping[str, Any],
    labels: tuple[str, ...],
    shape: tuple[int, int, int],
    weights: Mapping[str, Tensor],
) -> None:
    """Write a classifier of pictures, which has no front-end, so that :func:`read_source` finds it.

    Args:
        path: a ``.safetensors`` file.
        name: of the registry.
        arguments: of its builder, ``classes`` included.
        labels: class names in the order of the outputs.
        shape: (C, H, W) of a picture, whose pixels have mean 0 and deviation 1.
        weights: state dict.
    """
    writer = require("safetensors.torch", "train")
    metadata = {
        MODEL_KEY: canonical_json({"name": name, "arguments": dict(arguments)}),
        LABELS_KEY: json.dumps(list(labels), ensure_ascii=False),
        INPUT_KEY: json.dumps(list(shape)),
    }
    with atomic_path(path) as temporary:
        writer.save_file({key: value.contiguous() for key, value in weights.items()}, temporary, metadata)


def build_source(mark: Mapping[str, Any]) -> nn.Module:
    """The source's architecture from :meth:`Source.mark`, its parameters at rest and in evaluation mode.

    Raises:
        BadConfigError: the mark is incomplete, or of an unknown model.
    """
    if not isinstance(mark.get("model"), str) or not isinstance(mark.get("arguments"), Mapping):
        raise BadConfigError("no source model", where="model.arguments.source", mend="give --source RUN")
    return build_model(mark["model"], **mark["arguments"]).eval().requires_grad_(False)
