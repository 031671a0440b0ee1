"""What a training run leaves: weights in safetensors, everything else as text in the file's metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core import run_files
from edgekit.core.digest import canonical_json
from edgekit.core.errors import BadFileError, DigestMismatchError
from edgekit.core.files import atomic_path
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY, FRONTEND_KEY, LABELS_KEY, MODEL_KEY
from edgekit.core.optional import require
from edgekit.data.windows import START, WINDOWS_KEY, Windows, windows_from
from edgekit.features.spec import FrontendSpec, from_json
from edgekit.train.source_link import with_source

if TYPE_CHECKING:
    from torch import Tensor, nn

METRICS_KEY = "edgekit.metrics"
"""Metadata key: JSON object, what the run measured on its validation clips."""
RECIPE_KEY = "edgekit.recipe"
"""Metadata key: JSON object, the resolved recipe."""
_LARGEST_FILE = 2 << 30


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model and what made it.

    Attributes:
        model: registry name.
        arguments: the builder's keyword arguments, ``classes`` included.
        frontend: the spec whose features the model was trained on.
        labels: class names in the order of the outputs.
        weights: state dict, float32 (and int64 counters) on the CPU.
        metrics: numbers of the validation clips.
        recipe: the resolved recipe as plain values.
        windows: how a clip longer than the model's window is heard.
    """

    model: str
    arguments: Mapping[str, Any]
    frontend: FrontendSpec
    labels: tuple[str, ...]
    weights: Mapping[str, Tensor]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    windows: Windows = START

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels) or not self.labels:
            raise BadFileError("the labels are empty or not unique", where="checkpoint")
        if self.arguments.get("classes") != len(self.labels):
            raise BadFileError(
                f"{len(self.labels)} labels for {self.arguments.get('classes')} outputs", where="checkpoint"
            )

    @property
    def metadata(self) -> dict[str, str]:
        """Text that travels in every artifact (keys of ``graph/ops.py``)."""
        return {
            FRONTEND_KEY: self.frontend.canonical(),
            FRONTEND_DIGEST_KEY: self.frontend.digest,
            LABELS_KEY: json.dumps(list(self.labels), ensure_ascii=False),
            MODEL_KEY: canonical_json({"name": self.model, "arguments": dict(self.arguments)}),
            **({WINDOWS_KEY: self.windows.to_text()} if self.windows.hop_ms else {}),
        }

    def build(self) -> nn.Module:
        """The model with these weights, in evaluation mode: [N, 1, H, W] float32 → logits [N, classes].

        Raises:
            BadFileError: the weights are not those of this model.
        """
        import torch

        from edgekit.models.registry import build_model

        # On the meta device the arguments of a stranger's file allocate nothing before the shapes are compared.
        with torch.device("meta"):
            module = build_model(self.model, **self.arguments)
        wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
        given = {name: tuple(tensor.shape) for name, tensor in self.weights.items()}
        if wanted != given:
            odd = sorted(name for name in {*wanted, *given} if wanted.get(name) != given.get(name))
            raise BadFileError(
                f"weight {odd[0]!r} is {given.get(odd[0], 'missing')}, the model has {wanted.get(odd[0], 'none')}",
                where=f"model {self.model}",
                mend="use the checkpoint with the model that made it",
            )
        module.load_state_dict(dict(self.weights), assign=True)
        return module.eval().requires_grad_(False)


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write ``path`` (a ``.safetensors`` file) atomically."""
    safetensors = require("safetensors.torch", "train")
    metadata = {
        **checkpoint.metadata,
        METRICS_KEY: canonical_json(dict(checkpoint.metrics)),
        RECIPE_KEY: canonical_json(dict(checkpoint.recipe)),
    }
    with atomic_path(path) as temporary:
        safetensors.save_file({k: v.contiguous() for k, v in checkpoint.weights.items()}, temporary, metadata)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint: a run folder or its ``checkpoint.safetensors``. Runs no code from the file.

    An adapted model's frozen weights are read from beside it (train/source_link.py).

    Raises:
        BadFileError: missing, damaged, without edgekit's metadata, or inconsistent.
        DigestMismatchError: the digest in the file is not that of the front-end in the file, or other frozen weights.
    """
    torch_files = require("safetensors", "train")
    file = run_files.checkpoint_of(path)
    if not file.is_file():
        raise BadFileError("no checkpoint here", where=str(file), mend="name the folder that 'edgekit train -o' wrote")
    if file.stat().st_size > _LARGEST_FILE:
        raise BadFileError("larger than 2 GiB", where=str(file), mend="this is no edgekit checkpoint")
    try:
        with torch_files.safe_open(file, framework="pt") as stream:
            metadata = dict(stream.metadata() or {})
            weights = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a mapping
    except (torch_files.SafetensorError, OSError) as error:
        raise BadFileError(f"not a safetensors file: {error}", where=str(file), mend="train again") from error
    checkpoint = _from_metadata(metadata, weights, str(file))
    complete = with_source(checkpoint.arguments, weights, file.parent, str(file))
    return checkpoint if complete is weights else dataclasses.replace(checkpoint, weights=complete)


def is_checkpoint(file: Path) -> bool:
    """Whether a file is a checkpoint of edgekit, by the metadata of its header; False for anything unreadable."""
    torch_files = require("safetensors", "train")
    if file.suffix != ".safetensors":
        return False
    try:
        with torch_files.safe_open(file, framework="pt") as stream:
            return FRONTEND_KEY in (stream.metadata() or {})
    except (torch_files.SafetensorError, OSError):
        return False


def _from_metadata(metadata: Mapping[str, str], weights: Mapping[str, Tensor], where: str) -> Checkpoint:
    spec = from_json(_json(metadata, FRONTEND_KEY, dict, where))
    if metadata.get(FRONTEND_DIGEST_KEY) != spec.digest:
        raise DigestMismatchError(
            f"the file says front-end {metadata.get(FRONTEND_DIGEST_KEY)}, its front-end is {spec.digest}",
            where=where,
            mend="export or train again with this version",
        )
    model = _json(metadata, MODEL_KEY, dict, where)
    labels = _json(metadata, LABELS_KEY, list, where)
    if not isinstance(model.get("name"), str) or not isinstance(model.get("arguments"), dict):
        raise BadFileError("the model's name or arguments are missing", where=where, mend="train again")
    if not all(isinstance(label, str) for label in labels):
        raise BadFileError("a label is not text", where=where, mend="train again")
    return Checkpoint(
        model=model["name"],
        arguments=model["arguments"],
        frontend=spec,
        labels=tuple(labels),
        weights=weights,
        metrics=_json(metadata, METRICS_KEY, dict, where),
        recipe=_json(metadata, RECIPE_KEY, dict, where),
        windows=windows_from(metadata, where),
    )


def _json(metadata: Mapping[str, str], key: str, kind: type, where: str) -> Any:
    try:
        value = json.loads(metadata[key])
    except KeyError as error:
        raise BadFileError(f"no {key} in its metadata", where=where, mend="this is no edgekit checkpoint") from error
    except ValueError as error:
        raise BadFileError(f"{key} in its metadata is not JSON", where=where, mend="train again") from error
    if not isinstance(value, kind):
        raise BadFileError(f"{key} in its metadata is not a {kind.__name__}", where=where, mend="train again")
    return value
