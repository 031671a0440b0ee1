"""Train a student by a recipe."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.api.training import TrainResult, run_training
from edgekit.api.training_clips import Data, read_data, split_clips
from edgekit.core.errors import BadConfigError
from edgekit.core.progress import Progress, silent
from edgekit.train.session import Session

if TYPE_CHECKING:
    from edgekit.train.recipe import Recipe
    from edgekit.train.run_keeper import Watch


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
    session = Session(
        device=device,
        devices=devices,
        overwrite=overwrite,
        cache=cache,
        progress=progress,
        watch=watch,
        tracker=tracker,
    )
    return run_training(resolved, manifest, split_clips(manifest, train_select, valid_select), Path(out), session)


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
