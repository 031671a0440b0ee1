"""Recordings that are there twice: the same bytes, the same samples, or copies that were processed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from edgekit.data.inspect.fingerprint import find_alike
from edgekit.data.inspect.measures import ClipMeasures
from edgekit.data.manifest import Clip

Kind = Literal["bytes", "audio", "near"]


@dataclass(frozen=True)
class Duplicates:
    """Clips that are one recording.

    Attributes:
        kind: "bytes", "audio" (other bytes, the same samples) or "near" (other samples, the same fingerprint).
        clips: indices, at least two, in order.
        labels: in order of name; more than one is a contradiction in the labels.
        likeness: the smallest correlation of fingerprints that holds the group together; 1 for "bytes" and "audio".
    """

    kind: Kind
    clips: tuple[int, ...]
    labels: tuple[str, ...]
    likeness: float = 1.0

    def to_json(self, ids: Sequence[str]) -> dict[str, Any]:
        """Plain dictionary, clips by their ``ids``."""
        return {
            "kind": self.kind,
            "clips": [ids[index] for index in self.clips],
            "labels": list(self.labels),
            "likeness": round(self.likeness, 4),
        }


def find_duplicates(clips: Sequence[Clip], measures: Sequence[ClipMeasures], near: bool) -> tuple[Duplicates, ...]:
    """Groups of duplicates.

    Args:
        clips: of a set.
        measures: of each clip; with fingerprints, where ``near`` is set.
        near: compare all fingerprints, too.
    """
    files = [item.file_digest for item in measures]
    audio = [item.audio_digest for item in measures]
    found = [_group("bytes", members, clips) for members in _same(files)]
    for members in _same(audio):
        if len({files[index] for index in members}) > 1:
            found.append(_group("audio", members, clips))
    if near and clips:
        prints = np.stack([item.fingerprint for item in measures])
        seconds = np.array([item.sounding for item in measures])
        pairs = find_alike(prints, seconds, audio)
        found += [_group("near", members, clips, weakest) for members, weakest in _linked(pairs)]
    return tuple(found)


def _group(kind: Kind, members: Iterable[int], clips: Sequence[Clip], likeness: float = 1.0) -> Duplicates:
    ordered = tuple(sorted(members))
    return Duplicates(kind, ordered, tuple(sorted({clips[index].label for index in ordered})), likeness)


def _same(keys: Sequence[str]) -> list[list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        places[key].append(index)
    return [members for members in places.values() if len(members) > 1]


def _linked(pairs: Sequence[tuple[int, int, float]]) -> list[tuple[set[int], float]]:
    """Connected components of the pairs, each with its weakest link."""
    parent: dict[int, int] = {}

    def root(index: int) -> int:
        while parent.setdefault(index, index) != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for i, j, _ in pairs:
        parent[root(i)] = root(j)
    members: dict[int, set[int]] = defaultdict(set)
    weakest: dict[int, float] = defaultdict(lambda: 1.0)
    for i, j, likeness in pairs:
        members[root(i)] |= {i, j}
        weakest[root(i)] = min(weakest[root(i)], likeness)
    return [(group, weakest[key]) for key, group in sorted(members.items())]
