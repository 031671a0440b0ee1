"""Train a student by a recipe."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.training_clips import Data, read_data, split_clips
from edgekit.core.digest import digest_file
from edgekit.core.errors import BadConfigError
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    import torch

    from edgekit.data.cache import AudioCache
    from edgekit.data.manifest import Manifest, Rejected
    from edgekit.train.distillation.module import Teaching
    from edgekit.train.recipe import Recipe
    from edgekit.train.run_keeper import Watch
    from edgekit.train.stand_in import StandIn

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class TrainResult:
    """What a run left.

    Attributes:
        folder: the run folder.
        epoch: epoch of the kept weights.
        validation: "clips", "accuracy", "macro_accuracy", "log_loss" of the kept weights; None without any clips.
        clips: number of training and of validation clips.
        rejected: recordings that were left out.
        started: what the weights to start from gave (:class:`edgekit.train.start.Started`); None from scratch.
    """

    folder: Path
    epoch: int
    validation: dict[str, Any] | None
    clips: tuple[int, int]
    rejected: tuple[Rejected, ...]
    started: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {
            "run": str(self.folder),
            "epoch": self.epoch,
            "validation": self.validation,
            "train_clips": self.clips[0],
            "validation_clips": self.clips[1],
            "started": self.started,
            "rejected": [{"path": item.path, "reason": item.reason} for item in self.rejected],
        }


def train(
    recipe: str | Path | Recipe,
    data: Data,
    out: str | Path,
    *,
    train_select: str | None = None,
    valid_select: str | None = None,
    overrides: Sequence[str] = (),
    start: str | Path | None = None,
    causal: bool = False,
    kind: str = "auto",
    device: str = "auto",
    devices: int = 1,
    overwrite: bool = False,
    cache: Path | None = None,
    watch: Watch | None = None,
    tracker: str | None = None,
    progress: Progress = silent,
) -> TrainResult:
    """Train, or go on with, the run ``out``.

    Args:
        recipe: name, TOML file or :class:`Recipe`.
        data: manifest, or path of a data set, or a list of them, see :func:`edgekit.data.join.join_manifests`.
        out: run folder. A run that was interrupted here goes on, a finished one is left as it is.
        train_select: selection as in :mod:`edgekit.data.selector`; ``split=train`` by default, where there is one.
        valid_select: likewise, or "none"; ``split=validation`` by default, where there is one.
        overrides: ``a.b=value`` settings of the recipe.
        start: weights to fine-tune, as ``start.weights`` of the recipe: a run, its checkpoint, or a public one.
        causal: train the causal twin of the recipe's model, which streams exactly (docs/streaming.md).
        kind: kind of data set, see :func:`edgekit.data.datasets.read_manifest`.
        device: "auto", "cpu" or "cuda".
        devices: processes under Lightning's DDP.
        overwrite: throw away what ``out`` holds.
        cache: folder of decoded audio.
        watch: told after every validated epoch; what it raises ends the run there.
        tracker: "tensorboard" or "mlflow", told about every epoch, see :mod:`edgekit.train.tracking`.
        progress: told about decoding and training.

    Raises:
        EdgekitError: a bad recipe, no clips, a run folder of another run, a loss that is no longer finite.
    """
    resolved = resolve_recipe(recipe, overrides, start)
    resolved = causal_twin(resolved) if causal else resolved
    if not resolved.distillation.off:
        mend = "use 'edgekit distill', or --set distillation.logits=none --set distillation.features=none"
        raise BadConfigError("the recipe learns from a teacher", where=f"recipe {resolved.name}", mend=mend)
    manifest = read_data(data, kind)
    return run_training(
        resolved,
        manifest,
        split_clips(manifest, train_select, valid_select),
        Path(out),
        device=device,
        devices=devices,
        overwrite=overwrite,
        cache=cache,
        progress=progress,
        watch=watch,
        tracker=tracker,
    )


def run_training(
    recipe: Recipe,
    manifest: Manifest,
    clips: tuple[Manifest, Manifest | None],
    folder: Path,
    *,
    device: str,
    devices: int,
    overwrite: bool,
    cache: Path | None,
    progress: Progress,
    teach: Callable[[AudioCache], Teaching] | None = None,
    teachers: Sequence[str] = (),
    stand_in: StandIn | None = None,
    watch: Watch | None = None,
    tracker: str | None = None,
) -> TrainResult:
    """Decode, open the run folder and train; what :func:`train` and :func:`edgekit.api.distill.distill` share.

    Args:
        recipe: resolved.
        manifest: with all labels.
        clips: of training, and of validation or None.
        folder: of the run.
        teach: makes the teachers for the decoded training clips.
        teachers: their digests, which a resumed run must find again.
        stand_in: what is trained in place of the recipe's model.
        device: as for :func:`train`, like all that follow.
        devices: processes.
        overwrite: throw away what ``folder`` holds.
        cache: of decoded audio.
        progress: told about decoding and training.
        watch: told after every validated epoch.
        tracker: told about every epoch.
    """
    if device not in DEVICES:
        raise BadConfigError(f"unknown device {device!r}", mend=f"use one of {', '.join(DEVICES)}")
    require("lightning.pytorch", "train")
    from edgekit.data.cache import AudioCache
    from edgekit.train.loop import START, train_student
    from edgekit.train.provenance import note_provenance
    from edgekit.train.run_folder import open_run
    from edgekit.train.start import weights_file
    from edgekit.train.tracking import check_tracker

    check_tracker(tracker)

    rate = recipe.frontend.spec().sample_rate
    train_cache = AudioCache(clips[0], rate, cache, progress)
    valid_cache = AudioCache(clips[1], rate, cache, progress) if clips[1] else None
    kept_valid = valid_cache.manifest if valid_cache else None
    teaching = teach(train_cache) if teach else None  # before the folder is touched
    start = digest_file(weights_file(recipe.start)) if recipe.start.weights else None
    kept = train_cache.manifest
    open_run(folder, recipe, kept, kept_valid, overwrite=overwrite, teachers=teachers, start=start)
    note_provenance(folder, train_cache, valid_cache)
    metrics = train_student(
        recipe,
        train_cache,
        valid_cache,
        manifest.labels,
        folder,
        device=device,
        devices=devices,
        progress=progress,
        teaching=teaching,
        watch=watch,
        stand_in=stand_in,
        tracker=tracker,
    )
    return TrainResult(
        folder=folder,
        epoch=metrics["epoch"],
        validation=metrics["validation"],
        clips=(len(train_cache), len(valid_cache) if valid_cache else 0),
        started=json.loads((folder / START).read_text("utf-8")) if start else None,
        rejected=manifest.rejected + train_cache.rejected + (valid_cache.rejected if valid_cache else ()),
    )


def resolve_recipe(
    recipe: str | Path | Recipe, overrides: Sequence[str] = (), start: str | Path | None = None
) -> Recipe:
    """The recipe by name or from a file, overrides and the weights to start from applied.

    Raises:
        BadConfigError: no such recipe, a bad override, or overrides of a :class:`Recipe`.
    """
    from edgekit.train.recipe import Recipe
    from edgekit.train.recipe_file import load_recipe

    if isinstance(recipe, Recipe) and overrides:
        raise BadConfigError("overrides are for named recipes", mend="change the Recipe itself")
    if isinstance(recipe, Recipe):
        if start is None:
            return recipe
        return dataclasses.replace(recipe, start=dataclasses.replace(recipe.start, weights=str(start)))
    return load_recipe(recipe, overrides if start is None else [*overrides, f"start.weights={json.dumps(str(start))}"])


def causal_twin(recipe: Recipe) -> Recipe:
    """The recipe with the causal twin of its model in the model's place.

    Raises:
        BadConfigError: the model has none.
    """
    from edgekit.models.causal import causal_arguments

    own = causal_arguments(recipe.model.name, recipe.frontend.spec().layout)
    model = dataclasses.replace(recipe.model, arguments={**recipe.model.arguments, **own})
    return dataclasses.replace(recipe, model=model)


def pick_device(device: str) -> torch.device:
    """The device of that name; of "auto", CUDA where there is one.

    Raises:
        BadConfigError: an unknown name, or no CUDA device.
    """
    import torch

    if device not in DEVICES:
        raise BadConfigError(f"unknown device {device!r}", mend=f"use one of {', '.join(DEVICES)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise BadConfigError("torch finds no CUDA device", where="--device cuda", mend="use --device cpu")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
