"""A look at every clip of a manifest: measured once, in parallel, with memory for a few clips."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from edgekit.core.progress import Progress, silent
from edgekit.data.audio import probe_manifest
from edgekit.data.inspect.duplicates import Duplicates, find_duplicates
from edgekit.data.inspect.fingerprint import MAX_CLIPS
from edgekit.data.inspect.leakage import Leak, find_leaks
from edgekit.data.inspect.measures import ClipMeasures, measure_clip
from edgekit.data.manifest import Clip, Manifest, Rejected

_THREADS = min(4, os.cpu_count() or 1)  # decoding and transforms run outside the interpreter's lock


@dataclass(frozen=True, eq=False)
class Survey:
    """What was found.

    Attributes:
        manifest: the usable clips, with lengths and rates; what is broken or silent is in its ``rejected``.
        measures: of each usable clip.
        duplicates: groups of clips that are one recording.
        searched_near: False when the set is too large for the search for near-duplicates.
        leaks: what lies on both sides of splits and folds.
    """

    manifest: Manifest
    measures: tuple[ClipMeasures, ...]
    duplicates: tuple[Duplicates, ...]
    searched_near: bool
    leaks: tuple[Leak, ...]


def survey_manifest(manifest: Manifest, progress: Progress = silent) -> Survey:
    """Decode and measure every clip; broken and silent ones are left out and named.

    Raises:
        DataError: no clip is usable.
    """
    probed = probe_manifest(manifest, progress)
    kept: list[ClipMeasures] = []
    rejected = []
    for done, (clip, found) in enumerate(_measured(probed.clips)):
        progress("measuring", done + 1, len(probed.clips))
        if isinstance(found, str):
            rejected.append(Rejected(clip.id, found))
        else:
            kept.append(found)
    usable = probed.without(rejected, {item.path for item in rejected}).require_clips()
    searched = len(probed) <= MAX_CLIPS
    duplicates = find_duplicates(usable.clips, kept, searched)
    leaks = find_leaks(usable.clips, duplicates)
    return Survey(usable, tuple(kept), duplicates, searched, leaks)


def _measured(clips: Sequence[Clip]) -> Iterator[tuple[Clip, ClipMeasures | str]]:
    """Each clip with its measures, in order, a few ahead at a time."""
    waiting: deque[tuple[Clip, Future[ClipMeasures | str]]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for clip in clips:
            waiting.append((clip, pool.submit(measure_clip, clip, len(clips) <= MAX_CLIPS)))
            if len(waiting) >= 4 * _THREADS:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()
