"""What all commands that train share: decode, open the run folder, train."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.device import check_device
from edgekit.core import run_files
from edgekit.core.digest import digest_file
from edgekit.core.optional import require

if TYPE_CHECKING:
    from edgekit.data.cache import AudioCache
    from edgekit.data.manifest import Manifest, Rejected
    from edgekit.train.distillation.module import Teaching
    from edgekit.train.recipe import Recipe
    from edgekit.train.session import Session
    from edgekit.train.stand_in import StandIn


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


def run_training(
    recipe: Recipe,
    manifest: Manifest,
    clips: tuple[Manifest, Manifest | None],
    folder: Path,
    session: Session,
    *,
    teach: Callable[[AudioCache], Teaching] | None = None,
    teachers: Sequence[str] = (),
    stand_in: StandIn | None = None,
) -> TrainResult:
    """Train the run ``folder``, or go on with it.

    Args:
        recipe: resolved.
        manifest: with all labels.
        clips: of training, and of validation or None.
        folder: of the run.
        session: where and how.
        teach: makes the teachers for the decoded training clips.
        teachers: their digests, which a resumed run must find again.
        stand_in: what is trained in place of the recipe's model.
    """
    check_device(session.device)
    require("lightning.pytorch", "train")
    from edgekit.data.cache import AudioCache
    from edgekit.train.loop import train_student
    from edgekit.train.provenance import note_provenance
    from edgekit.train.run_folder import open_run
    from edgekit.train.start import weights_file
    from edgekit.train.tracking import check_tracker

    check_tracker(session.tracker)
    rate = recipe.frontend.spec().sample_rate
    train = AudioCache(clips[0], rate, session.cache, session.progress)
    valid = AudioCache(clips[1], rate, session.cache, session.progress) if clips[1] else None
    teaching = teach(train) if teach else None  # before the folder is touched
    start = digest_file(weights_file(recipe.start)) if recipe.start.weights else None
    kept = valid.manifest if valid else None
    open_run(folder, recipe, train.manifest, kept, overwrite=session.overwrite, teachers=teachers, start=start)
    note_provenance(folder, train, valid)
    metrics = train_student(recipe, train, valid, manifest.labels, folder, session, teaching, stand_in)
    return TrainResult(
        folder=folder,
        epoch=metrics["epoch"],
        validation=metrics["validation"],
        clips=(len(train), len(valid) if valid else 0),
        started=json.loads((folder / run_files.START).read_text("utf-8")) if start else None,
        rejected=manifest.rejected + train.rejected + (valid.rejected if valid else ()),
    )
