"""Stored logits as a teacher: found by clip id, checked against the clips' samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgekit.core.errors import BadConfigError, DataError, DigestMismatchError
from edgekit.data.cache import AudioCache
from edgekit.train.distillation.store import StoreIdentity, pcm_checksum, read_identity, read_shard, shard_of
from edgekit.train.distillation.teacher import label_order
from edgekit.train.distillation.views import ViewPlan


class StoredLogits:
    """Logits of every clip of one cache.

    Args:
        logits: float32 [clips, 1 + views, classes], in the cache's order of clips and the student's of labels.
        views: float64 [clips, 1 + views, 3].
        plan: of the views.
    """

    def __init__(self, logits: np.ndarray, views: np.ndarray, plan: ViewPlan) -> None:
        self.logits, self.views, self.plan = logits, views, plan


def read_stored(folders: Sequence[Path], cache: AudioCache, labels: tuple[str, ...]) -> StoredLogits:
    """The mean of one or more stores for the clips of ``cache``.

    Raises:
        DataError: a clip has no logits, or other labels.
        DigestMismatchError: a shard belongs to another store, a clip's samples are not those that the teacher heard, or
            the stores have different views.
        BadConfigError: a store at another sample rate.
        BadFileError: no or a damaged store.
    """
    parts, views, plan = [], np.zeros(0), ViewPlan()
    for number, folder in enumerate(folders):
        identity, shards = read_identity(folder)
        if identity.sample_rate != cache.sample_rate:
            text = f"logits of clips at {identity.sample_rate} Hz for a student at {cache.sample_rate} Hz"
            raise BadConfigError(text, where=str(folder), mend="store them again with this recipe")
        order = label_order(identity.labels, labels, str(folder)).numpy()
        logits, heard = _aligned(folder, identity, shards, cache)
        if number and (identity.plan != plan or not np.array_equal(heard, views)):
            mend = "store all of them with the same recipe and --views"
            raise DigestMismatchError(f"has other views than {folders[0]}", where=str(folder), mend=mend)
        views, plan = heard, identity.plan
        parts.append(logits[:, :, order])
    return StoredLogits(np.stack(parts).mean(axis=0), views, plan)


def _aligned(folder: Path, identity: StoreIdentity, shards: int, cache: AudioCache) -> tuple[np.ndarray, np.ndarray]:
    """Logits and views in the cache's order."""
    clips = cache.manifest.clips
    logits = np.empty((len(clips), 1 + identity.plan.views, len(identity.labels)), np.float32)
    views = np.empty((len(clips), 1 + identity.plan.views, 3))
    by_shard: dict[int, list[int]] = {}
    for index, clip in enumerate(clips):
        by_shard.setdefault(shard_of(clip.id, shards), []).append(index)
    missing: list[str] = []
    for number, indices in by_shard.items():
        shard = read_shard(folder, number, identity)
        rows = {} if shard is None else {name: row for row, name in enumerate(shard.ids)}
        for index in indices:
            row = rows.get(clips[index].id)
            if shard is None or row is None:
                missing.append(clips[index].id)
                continue
            if pcm_checksum(cache.clip(index)) != int(shard.pcm[row]):
                text = f"the teacher heard other samples under the id {clips[index].id}"
                raise DigestMismatchError(text, where=str(folder), mend="store the logits again")
            logits[index], views[index] = shard.logits[row], shard.views[row]
    if missing:
        raise DataError(
            f"no logits for {len(missing)} of {len(clips)} clips, for instance {min(missing)}",
            where=str(folder),
            mend="store them for this manifest and selection, with all of its workers",
        )
    return logits, views
