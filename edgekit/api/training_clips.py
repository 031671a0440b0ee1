"""Which clips a command trains and validates on: data sets by path, joined, selected, helpers kept apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from edgekit.core.errors import DataError

if TYPE_CHECKING:
    from edgekit.data.manifest import Manifest

Data: TypeAlias = "str | Path | Manifest | Sequence[str | Path | Manifest]"
"""A data set, or several that are trained on together."""


def read_data(data: Data, kind: str = "auto") -> Manifest:
    """One manifest of one or more data sets; ``PATH@SHARE`` mixes a share of a further one into the training.

    Raises:
        EdgekitError: a data set that cannot be read, or several that do not go together.
    """
    from edgekit.data.join import join_manifests
    from edgekit.data.manifest import Manifest
    from edgekit.data.mix import read_shared

    parts = [data] if isinstance(data, str | Path | Manifest) else list(data)
    return join_manifests([item if isinstance(item, Manifest) else read_shared(item, kind) for item in parts])


def split_clips(manifest: Manifest, train: str | None, valid: str | None) -> tuple[Manifest, Manifest | None]:
    """Training and validation clips; the manifest's helpers train in any case and never validate.

    Raises:
        DataError: no selection and no splits, a clip in both, or a helper with the source of a validation clip.
    """
    from edgekit.data.selector import select_clips

    helpers = manifest.where(lambda clip: clip.id in manifest.helpers)
    manifest = manifest.where(lambda clip: clip.id not in manifest.helpers)
    splits = {clip.split for clip in manifest.clips}
    if train is None and "train" not in splits:
        raise DataError(
            "the manifest has no split 'train'",
            where=manifest.name,
            mend='say which clips to train on, for instance --train "speaker=spk00..spk17", or --train all',
        )
    if valid is None:
        valid = "split=validation" if "validation" in splits else "none"
    training = select_clips(manifest, train or "split=train")
    validation = None if valid == "none" else select_clips(manifest, valid)
    shared = {c.id for c in training.clips} & {c.id for c in validation.clips} if validation else set()
    if shared:
        raise DataError(
            f"{len(shared)} clips are selected for training and for validation, for instance {min(shared)}",
            where=manifest.name,
            mend="choose selections that do not overlap",
        )
    _check_helpers(helpers, validation)
    return dataclasses.replace(training, clips=training.clips + helpers.clips), validation


def _check_helpers(helpers: Manifest, validation: Manifest | None) -> None:
    """Refuse helpers that were cut from or made of what validates."""
    origins = {clip.source or clip.id for clip in validation.clips} if validation else set()
    made = [clip.id for clip in helpers.clips if (clip.source or clip.id) in origins]
    if made:
        raise DataError(
            f"{len(made)} clips of a set given with @ share a source with validation clips, for instance {made[0]}",
            where=helpers.name,
            mend="give that set without @: copies are then selected as their originals are",
        )
