"""Adapt a frozen model to another task."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.train import resolve_recipe
from edgekit.api.training import TrainResult, run_training
from edgekit.api.training_clips import Data, read_data, split_clips
from edgekit.core import run_files
from edgekit.core.errors import BadConfigError
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent
from edgekit.train.session import Session

if TYPE_CHECKING:
    from edgekit.adapt.frozen import Adapted
    from edgekit.adapt.source import Source
    from edgekit.data.manifest import Manifest
    from edgekit.train.recipe import Recipe

ADAPTED = ("adapted-vit", "reprogrammed")
"""Models that have a source."""


@dataclass(frozen=True)
class AdaptResult:
    """What an adaptation left.

    Attributes:
        run: as of training; its checkpoint holds only what was trained.
        source: digest of the frozen weights, to which ``source.safetensors`` in the run folder points.
        trained_parameters: numbers that were trained, and those of them outside the head.
        frozen_parameters: numbers of the source that were not.
        stored_bytes: size of the run's checkpoint.
    """

    run: TrainResult
    source: str
    trained_parameters: tuple[int, int]
    frozen_parameters: int
    stored_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {
            **self.run.to_json(),
            "source": self.source,
            "trained_parameters": self.trained_parameters[0],
            "trained_parameters_without_head": self.trained_parameters[1],
            "frozen_parameters": self.frozen_parameters,
            "stored_bytes": self.stored_bytes,
        }


def adapt(
    recipe: str | Path | Recipe,
    source: str | Path,
    data: Data,
    out: str | Path,
    *,
    train_select: str | None = None,
    valid_select: str | None = None,
    overrides: Sequence[str] = (),
    kind: str = "auto",
    device: str = "auto",
    overwrite: bool = False,
    pictures: bool = False,
    cache: Path | None = None,
    progress: Progress = silent,
) -> AdaptResult:
    """Adapt ``source`` to the labels of ``data``: train the run ``out``, or go on with it.

    Args:
        recipe: name, TOML file or :class:`Recipe` whose model is one of :data:`ADAPTED`.
        source: run folder, checkpoint, or a classifier of pictures (:mod:`edgekit.adapt.source`).
        data: manifest, or path of a data set, or a list of them.
        out: run folder; evaluated and distilled from like any other as long as the source lies where it is.
        train_select: training clips, as for :func:`edgekit.api.train.train`.
        valid_select: validation clips, likewise.
        overrides: ``a.b=value`` settings of the recipe.
        kind: of data set.
        device: "auto", "cpu" or "cuda".
        overwrite: throw away what ``out`` holds.
        pictures: draw the trained programs into ``out``, if there are any.
        cache: folder of decoded audio.
        progress: told about decoding and training.

    Raises:
        EdgekitError: a recipe of another model, a source that cannot be adapted so, and what training raises.
    """
    require("lightning.pytorch", "train")
    from edgekit.adapt.source import read_source
    from edgekit.train.source_link import link_source
    from edgekit.train.stand_in import StandIn

    chosen = resolve_recipe(recipe, overrides)
    if chosen.model.name not in ADAPTED:
        text = f"model {chosen.model.name!r} has no source"
        raise BadConfigError(text, where=f"recipe {chosen.name}", mend=f"use {' or '.join(ADAPTED)}")
    manifest = read_data(data, kind)
    clips = split_clips(manifest, train_select, valid_select)
    model = read_source(Path(source))
    resolved = _with_source(chosen, model, clips[0], cache, progress)
    module = _module(resolved, model, len(manifest.labels))
    folder = Path(out)
    run = run_training(
        resolved,
        manifest,
        clips,
        folder,
        Session(device=device, overwrite=overwrite, cache=cache, progress=progress),
        stand_in=StandIn(module, resolved.model.name, lambda epoch: None),
    )
    link_source(folder, model.file)
    if pictures:
        _draw(folder, clips[0], cache)
    trained = module.trained_parameters()
    return AdaptResult(
        run,
        model.digest,
        (trained, module.trained_parameters(head=False)),
        sum(p.numel() for p in module.parameters()) - trained,
        (folder / run_files.CHECKPOINT).stat().st_size,
    )


def _draw(folder: Path, clips: Manifest, cache: Path | None) -> None:
    from edgekit.adapt.reprogram.model import Reprogrammed
    from edgekit.api.program_pictures import draw_programs
    from edgekit.train.checkpoint import load_checkpoint

    model = load_checkpoint(folder).build()
    if isinstance(model, Reprogrammed):
        draw_programs(folder, model, clips, cache)


def _with_source(chosen: Recipe, source: Source, train: Manifest, cache: Path | None, progress: Progress) -> Recipe:
    """The recipe with its source, and a front-end that fits it."""
    from edgekit.adapt.source import without_none
    from edgekit.train.recipe import FrontendChoice

    arguments = {**chosen.model.arguments, "source": source.mark()}
    if chosen.model.name == "adapted-vit":
        if source.frontend is None:
            raise BadConfigError("the source hears nothing", where="--source", mend="use a recipe that reprograms")
        frontend = FrontendChoice(fields=without_none(source.frontend.to_json()), normalise="spec")
    else:
        frontend = dataclasses.replace(chosen.frontend, normalise="spec")
        arguments["frontend"] = without_none(frontend.spec().to_json())
        if arguments.get("mapping") == "static" and not arguments.get("assignment"):
            arguments["assignment"] = list(_assignment(source, arguments, train, cache, chosen.seed, progress))
    model = dataclasses.replace(chosen.model, arguments=arguments)
    return dataclasses.replace(chosen, model=model, frontend=frontend)


def _assignment(
    source: Source, arguments: dict[str, Any], train: Manifest, cache: Path | None, seed: int, progress: Progress
) -> tuple[int, ...]:
    """The static map of classes, from what the untouched source says to the training clips."""
    from edgekit.adapt.reprogram.assign import assign_classes
    from edgekit.data.cache import AudioCache
    from edgekit.features.spec import from_json

    spec = from_json(dict(arguments["frontend"]))
    clips = AudioCache(train, spec.sample_rate, cache, progress)
    inner = tuple(arguments.get("inner", (0.75, 0.75)))
    return assign_classes(source, spec, clips, inner, seed)


def _module(recipe: Recipe, source: Source, classes: int) -> Adapted:
    """The adapted model with the source's weights and fresh ones of its own."""
    import torch

    from edgekit.adapt.frozen import Adapted
    from edgekit.models.registry import build_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        module = build_model(recipe.model.name, **{**recipe.model.arguments, "classes": classes})
    if not isinstance(module, Adapted):
        raise BadConfigError(f"{recipe.model.name} has no source", where=f"recipe {recipe.name}")
    module.load_source(source.weights())
    return module
