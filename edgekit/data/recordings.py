"""Segments of one recording found again: TAU's ten one-second clips, and consecutive stretches of one file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from edgekit.core.errors import BadFileError
from edgekit.data.datasets.tau2022 import parse_name
from edgekit.data.manifest import Clip


def find_recordings(clips: Sequence[Clip]) -> list[tuple[int, ...]]:
    """Runs of at least two clips that follow each other in time, as indices, each run in order of time.

    TAU's file names tell (scene-city-location-segment-second-device); clips of other sets follow each other when they
    are stretches of one file and the next starts where the last one ended. Clips of different labels, splits or
    sample rates are never joined.
    """
    groups: dict[tuple[object, ...], list[tuple[int, int, int]]] = defaultdict(list)  # -> (start, end, index)
    for index, clip in enumerate(clips):
        key, start, end = _place(clip)
        groups[(*key, clip.label, clip.split, clip.fold, clip.sample_rate)].append((start, end, index))
    runs = [run for _, members in sorted(groups.items(), key=lambda item: repr(item[0])) for run in _runs(members)]
    return [run for run in runs if len(run) > 1]


def _place(clip: Clip) -> tuple[tuple[str | Path, ...], int, int]:
    """Which recording, and from where to where: in seconds by TAU's names, else in samples of the file."""
    try:
        name = parse_name(clip.path.name)
    except BadFileError:
        return ("file", clip.path), clip.start, clip.start + clip.samples
    return ("tau", name.scene, name.recording, name.device), name.second, name.second + 1


def _runs(members: list[tuple[int, int, int]]) -> list[tuple[int, ...]]:
    runs: list[list[int]] = []
    expected: int | None = None
    for start, end, index in sorted(members):
        if start != expected:
            runs.append([])
        runs[-1].append(index)
        expected = end
    return [tuple(run) for run in runs]
