"""Fill a store with teachers' logits: shard by shard, so that a kill costs one shard and workers share the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edgekit.core.progress import Progress
from edgekit.data.cache import AudioCache
from edgekit.train.distillation.store import (
    Shard,
    StoredTeacher,
    StoreIdentity,
    open_store,
    pcm_checksum,
    read_shard,
    shard_of,
    write_shard,
)
from edgekit.train.distillation.teacher import Teacher
from edgekit.train.distillation.views import ViewPlan, view_parameters, view_waveforms
from edgekit.train.hearing import FrontEnd, front_end

_BATCH = 64


@dataclass(frozen=True)
class Precomputed:
    """Clips of this worker: computed now, and found in the store."""

    computed: int
    found: int


def identify(teachers: Sequence[Teacher], labels: tuple[str, ...], sample_rate: int, plan: ViewPlan) -> StoreIdentity:
    """Identity of the store that these teachers fill."""
    marks = tuple(StoredTeacher(item.model_name, item.digest, item.spec.digest) for item in teachers)
    return StoreIdentity(labels, marks, sample_rate, plan)


def precompute(
    folder: Path,
    teachers: Sequence[Teacher],
    cache: AudioCache,
    identity: StoreIdentity,
    *,
    worker: tuple[int, int] = (0, 1),
    device: torch.device,
    progress: Progress,
) -> Precomputed:
    """Store the mean of the teachers' logits for every clip of ``cache`` and every view.

    Args:
        folder: the store; what it holds already is not computed again, unless the clip's samples changed.
        teachers: their outputs are in the order of ``identity.labels``.
        cache: the clips.
        identity: see :func:`identify`.
        worker: (k, n): this process is number k, from 0, of n that share the shards.
        device: where the teachers run.
        progress: told about the clips.

    Raises:
        DigestMismatchError, BadConfigError, BadFileError: see :func:`edgekit.train.distillation.store.open_store`.
    """
    shards = open_store(folder, identity, len(cache))
    mine: dict[int, list[int]] = {}
    for index, clip in enumerate(cache.manifest.clips):
        number = shard_of(clip.id, shards)
        if number % worker[1] == worker[0]:
            mine.setdefault(number, []).append(index)
    total, done, computed = sum(map(len, mine.values())), 0, 0
    frontends = [front_end(teacher.model, teacher.spec).to(device) for teacher in teachers]
    for teacher in teachers:
        teacher.to(device)
    for number, indices in sorted(mine.items()):
        present = read_shard(folder, number, identity)
        checks = {cache.manifest.clips[i].id: pcm_checksum(cache.clip(i)) for i in indices}
        kept = _unchanged(present, checks)
        missing = [i for i in indices if cache.manifest.clips[i].id not in kept]
        if missing:
            fresh = _speak(teachers, frontends, cache, np.array(missing), identity, checks, device)
            write_shard(folder, number, _merged(present, kept | _foreign(present, checks), fresh), identity)
            computed += len(missing)
        done += len(indices)
        progress("teaching", done, total)
    return Precomputed(computed, total - computed)


def _unchanged(shard: Shard | None, checks: dict[str, int]) -> set[str]:
    """Clips of the shard whose samples are those of ``checks``."""
    if shard is None:
        return set()
    return {name for name, check in zip(shard.ids, shard.pcm, strict=True) if checks.get(name) == int(check)}


def _foreign(shard: Shard | None, checks: dict[str, int]) -> set[str]:
    """Clips that another manifest put there."""
    return set(shard.ids) - checks.keys() if shard is not None else set()


def _speak(
    teachers: Sequence[Teacher],
    frontends: Sequence[FrontEnd],
    cache: AudioCache,
    indices: np.ndarray,
    identity: StoreIdentity,
    checks: dict[str, int],
    device: torch.device,
) -> Shard:
    """Every view of the clips ``indices``, heard by all teachers."""
    ids = tuple(cache.manifest.clips[i].id for i in indices)
    views = np.stack([view_parameters(identity.plan, cache, int(i)) for i in indices])
    rows = np.repeat(indices, views.shape[1])
    flat = views.reshape(-1, 3)
    parts = []
    for first in range(0, len(rows), _BATCH):
        part = slice(first, first + _BATCH)
        said = []
        for teacher, frontend in zip(teachers, frontends, strict=True):
            waves = view_waveforms(cache, rows[part], flat[part], teacher.spec.clip_samples, device)
            with torch.no_grad():
                said.append(teacher.logits(frontend(waves)))
        parts.append(torch.stack(said).mean(dim=0).cpu().numpy())
    logits = np.concatenate(parts).reshape(*views.shape[:2], -1).astype(np.float32)
    return Shard(ids, logits, views, np.array([checks[name] for name in ids], np.int64))


def _merged(old: Shard | None, kept: set[str], fresh: Shard) -> Shard:
    """The kept clips of ``old`` and ``fresh``, sorted by id: the same file however often it was interrupted."""
    rows = [] if old is None else [row for row, name in enumerate(old.ids) if name in kept]
    if old is None or not rows:
        ids, logits, views, pcm = fresh.ids, fresh.logits, fresh.views, fresh.pcm
    else:
        ids = tuple(old.ids[row] for row in rows) + fresh.ids
        logits = np.concatenate([old.logits[rows], fresh.logits])
        views = np.concatenate([old.views[rows], fresh.views])
        pcm = np.concatenate([old.pcm[rows], fresh.pcm])
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return Shard(tuple(ids[row] for row in order), logits[order], views[order], pcm[order])
