"""Augment a data set offline: copies of its clips as files, with a manifest that keeps their groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.augment_jobs import Job, Workshop, make_jobs
from edgekit.core.errors import BadConfigError, DataError
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.augment.offline.plan import Plan
    from edgekit.data.manifest import Manifest, Rejected
    from edgekit.data.responses import Responses

_THREADS = 4  # libsndfile, soxr and numpy's transforms run outside the interpreter's lock


@dataclass(frozen=True)
class Augmented:
    """What an offline augmentation left.

    Attributes:
        folder: of the set.
        plan: its name.
        clips: that this call made, and those that were there already.
        there: how many of ``clips`` were there already.
        total: clips of all shards together.
        manifest: path of the manifest; None while shards are missing.
        missing: shards that have not been made.
        rejected: sources that could not be used, and why.
    """

    folder: Path
    plan: str
    clips: int
    there: int
    total: int
    manifest: Path | None
    missing: tuple[int, ...]
    rejected: tuple[Rejected, ...]

    def to_json(self) -> dict[str, Any]:
        """The output of ``edgekit data augment --format json``."""
        return {
            "schema_version": 1,
            "folder": str(self.folder),
            "plan": self.plan,
            "clips": self.clips,
            "there": self.there,
            "total": self.total,
            "manifest": str(self.manifest) if self.manifest else None,
            "missing_shards": list(self.missing),
            "rejected": [{"path": item.path, "reason": item.reason} for item in self.rejected],
        }


def augment(
    data: str | Path | Manifest,
    plan: str | Path | Plan,
    out: str | Path,
    *,
    select: str | None = None,
    seed: int = 0,
    shard: tuple[int, int] = (1, 1),
    rate: int | None = None,
    audio_format: str = "flac",
    kind: str = "auto",
    changes: dict[str, Any] | None = None,
    progress: Progress = silent,
) -> Augmented:
    """Write the copies that a plan asks for into ``out``; interrupted, it goes on when called again.

    A copy's bytes depend on the seed, the id of its source clip and the plan only: not on shards, threads or resuming.
    It keeps its source's label, split, fold, speaker and ``source`` (the source clip's id where it has none), so that
    splits that keep sources apart keep copies apart as well.

    Args:
        data: manifest, or path of a data set.
        plan: name, TOML file or :class:`Plan`.
        out: folder; one that holds another set is refused.
        select: which clips, see :mod:`edgekit.data.selector`; ``split=train`` by default.
        seed: of everything that is drawn.
        shard: (number from 1, of how many); each makes its part, the last to end writes the manifest.
        rate: of the copies, in Hz; each clip's own when None.
        audio_format: "flac" or "wav", 16 bits.
        kind: of the data set, see :func:`edgekit.data.datasets.read_manifest`.
        changes: keys of the plan that are replaced.
        progress: told about copies.

    Raises:
        BadConfigError: a bad plan, shard, format or rate.
        DataError: no split "train" and no selection; nothing to do; no responses; the folder holds another set.
        BadFileError: the folder cannot be written; what was written is whole, and the next call goes on.
    """
    from edgekit.augment.offline.plan import Plan, load_plan
    from edgekit.data.audio import RATES
    from edgekit.data.write import FORMATS

    if not 1 <= shard[0] <= shard[1]:
        raise BadConfigError(f"{shard[0]}/{shard[1]} is no shard", where="--shard", mend="write 1/4 to 4/4")
    if audio_format not in FORMATS:
        raise BadConfigError(f"unknown format {audio_format!r}", mend=f"use {' or '.join(FORMATS)}")
    if rate is not None and not RATES[0] <= rate <= RATES[1]:
        raise BadConfigError(f"{rate} Hz are not possible", where="--rate", mend=f"use {RATES[0]} to {RATES[1]} Hz")
    chosen = plan if isinstance(plan, Plan) else load_plan(plan, **(changes or {}))
    clips, rejected = _clips(data, kind, select, progress)
    responses = _responses(chosen)
    jobs = make_jobs(chosen, clips, len(responses(0)) if chosen.needs_responses else 0, seed, audio_format)
    workshop = Workshop(Path(out), chosen, clips, seed, audio_format, rate, responses)
    return _make(workshop, jobs, shard, rejected, progress)


def _clips(
    data: str | Path | Manifest, kind: str, select: str | None, progress: Progress
) -> tuple[Manifest, tuple[Rejected, ...]]:
    """The clips to copy, with lengths and rates; only those of training unless somebody says which."""
    from edgekit.data.audio import probe_manifest
    from edgekit.data.datasets import read_manifest
    from edgekit.data.manifest import Manifest
    from edgekit.data.selector import select_clips

    manifest = data if isinstance(data, Manifest) else read_manifest(data, kind)
    if select is None and not any(clip.split == "train" for clip in manifest.clips):
        mend = 'say which clips are for training, for instance --select "speaker=spk00..spk17", or --select all'
        raise DataError("the manifest has no split 'train'", where=manifest.name, mend=mend)
    probed = probe_manifest(select_clips(manifest, select or "split=train"), progress).require_clips()
    return probed, probed.rejected


def _responses(plan: Plan) -> Callable[[int], Responses]:
    """The plan's responses at a rate (0: at any), read once a rate."""
    from edgekit.data.responses import load_responses, responses_folder

    @lru_cache(maxsize=8)
    def at(rate: int) -> Responses:
        return load_responses(responses_folder(plan.responses), rate or 16_000)

    return at


def _make(
    workshop: Workshop,
    jobs: Sequence[Job],
    shard: tuple[int, int],
    rejected: tuple[Rejected, ...],
    progress: Progress,
) -> Augmented:
    """Make one shard's copies, and the manifest when all shards are there."""
    own = [job for job in jobs if job.shard(shard[1]) == shard[0]]
    with workshop.open(jobs, shard):
        done, there, faults = 0, 0, list(rejected)
        rows: list[dict[str, object]] = []
        for row, was_there, fault in _rows(workshop, own):
            done, there = done + 1, there + was_there
            faults += [fault] if fault else []
            rows += [row] if row else []
            progress("augmenting", done, len(own))
        missing = workshop.close_shard(rows, shard)
    manifest = None if missing else workshop.folder / "manifest.csv"
    return Augmented(workshop.folder, workshop.plan.name, len(rows), there, len(jobs), manifest, missing, tuple(faults))


def _rows(workshop: Workshop, jobs: Sequence[Job]) -> Iterator[tuple[dict[str, object] | None, bool, Rejected | None]]:
    """The manifest's row of each job, in order; a few jobs ahead are worked on at a time."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_THREADS) as pool:
        for first in range(0, len(jobs), 4 * _THREADS):
            yield from pool.map(workshop.make, jobs[first : first + 4 * _THREADS])
