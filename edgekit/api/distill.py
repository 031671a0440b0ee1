"""Train a student under teachers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.api.train import resolve_recipe
from edgekit.api.training import TrainResult, run_training
from edgekit.api.training_clips import Data, read_data, split_clips
from edgekit.core import run_files
from edgekit.core.digest import digest_file, digest_json
from edgekit.core.errors import BadConfigError
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent
from edgekit.train.session import Session

if TYPE_CHECKING:
    from edgekit.data.cache import AudioCache
    from edgekit.train.distillation.module import Teaching
    from edgekit.train.recipe import Recipe
    from edgekit.train.run_keeper import Watch


def distill(
    recipe: str | Path | Recipe,
    teachers: Sequence[str | Path],
    data: Data,
    out: str | Path,
    *,
    train_select: str | None = None,
    valid_select: str | None = None,
    overrides: Sequence[str] = (),
    start: str | Path | None = None,
    kind: str = "auto",
    device: str = "auto",
    devices: int = 1,
    overwrite: bool = False,
    cache: Path | None = None,
    watch: Watch | None = None,
    tracker: str | None = None,
    progress: Progress = silent,
) -> TrainResult:
    """Train, or go on with, the run ``out`` under ``teachers``.

    Args:
        recipe: name, TOML file or :class:`Recipe`; one without ``[distillation]`` gets Hinton's loss as it stands there
            by default.
        teachers: run folders, which are asked in every step, or folders of stored logits
            (:func:`edgekit.api.logits.store_logits`); of several, the mean counts.
        data: as for :func:`edgekit.api.train.train`, like all that follow.
        out: run folder.
        train_select: training clips.
        valid_select: validation clips.
        overrides: settings of the recipe.
        start: weights to fine-tune.
        kind: of data set.
        device: where it trains.
        devices: processes.
        overwrite: throw away what ``out`` holds.
        cache: of decoded audio.
        watch: told after every validated epoch.
        tracker: told about every epoch.
        progress: told about decoding and training.

    Raises:
        EdgekitError: whatever :func:`edgekit.api.train.train` raises; a teacher of other labels, rate or digest; a clip
            without stored logits.
    """
    resolved = resolve_recipe(recipe, overrides, start)
    if resolved.distillation.off:
        choice = dataclasses.replace(resolved.distillation, logits="hinton")
        resolved = dataclasses.replace(resolved, distillation=choice)
    manifest = read_data(data, kind)
    clips = split_clips(manifest, train_select, valid_select)
    require("lightning.pytorch", "train")
    paths = [Path(path) for path in teachers]

    def teach(training: AudioCache) -> Teaching:
        return open_teaching(paths, training, manifest.labels)

    session = Session(
        device=device,
        devices=devices,
        overwrite=overwrite,
        cache=cache,
        progress=progress,
        watch=watch,
        tracker=tracker,
    )
    digests = teacher_digests(paths, resolved)
    return run_training(resolved, manifest, clips, Path(out), session, teach=teach, teachers=digests)


def teacher_digests(paths: Sequence[Path], recipe: Recipe) -> list[str]:
    """What the run's identity says of its teachers.

    Raises:
        BadConfigError: no teacher, runs and stores mixed, or a loss that needs what these cannot give.
    """
    from edgekit.train.distillation.store import is_store, read_identity

    if not paths:
        raise BadConfigError("no teacher", where="--teacher", mend="name a run folder or stored logits")
    stores = [is_store(path) for path in paths]
    if any(stores) and not all(stores):
        mend = "store the run's logits as well"
        raise BadConfigError("runs and stored logits cannot be mixed", where="--teacher", mend=mend)
    if all(stores):
        return [digest_json(read_identity(path)[0].to_json()) for path in paths]
    files = [run_files.checkpoint_of(path) for path in paths]
    for file in files:
        if not file.is_file():
            mend = "name a folder of 'edgekit train -o' or of 'edgekit distill --store'"
            raise BadConfigError("neither a run nor stored logits", where=str(file.parent), mend=mend)
    return [digest_file(file) for file in files]


def open_teaching(paths: Sequence[Path], training: AudioCache, labels: tuple[str, ...]) -> Teaching:
    """The teachers, runs or stored logits, for these training clips."""
    from edgekit.train.distillation.store import is_store
    from edgekit.train.distillation.stored import read_stored
    from edgekit.train.distillation.teacher import open_teacher

    if is_store(paths[0]):
        return read_stored(paths, training, labels)
    return tuple(open_teacher(path, labels, training.sample_rate) for path in paths)
