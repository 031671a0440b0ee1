"""What lies on both sides of a split: the same source, speaker, bytes, samples or near-duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from edgekit.data.inspect.duplicates import Duplicates
from edgekit.data.manifest import Clip

COLUMNS = ("split", "fold")
_EXAMPLES = 3


@dataclass(frozen=True)
class Leak:
    """One kind of thing that two sides of a split share.

    Attributes:
        column: "split" or "fold".
        sides: the two values of it.
        kind: "source", "speaker", "bytes", "audio" or "near".
        shared: how many sources, speakers or groups of duplicates are on both sides.
        clips: clips of the two sides that belong to them.
        examples: up to three of them: names, or ids of two clips.
    """

    column: str
    sides: tuple[str, str]
    kind: str
    shared: int
    clips: int
    examples: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return {**asdict(self), "sides": list(self.sides), "examples": list(self.examples)}


def find_leaks(clips: Sequence[Clip], duplicates: Sequence[Duplicates]) -> tuple[Leak, ...]:
    """All leaks between splits and between folds; clips without a split or fold are on no side.

    A clip without a source is its own: an augmented copy names its original's id as source, so that the two together
    are found. Duplicates count by their strictest kind only.
    """
    groups: dict[str, Mapping[str, Sequence[int]]] = {
        "source": _by([clip.source or clip.id for clip in clips]),
        "speaker": _by([clip.speaker for clip in clips]),
    }
    for kind in ("bytes", "audio", "near"):
        members = [item.clips for item in duplicates if item.kind == kind]
        groups[kind] = {f"{clips[group[0]].id} = {clips[group[1]].id}": group for group in members}
    out = []
    for column in COLUMNS:
        sides = [getattr(clip, column) for clip in clips]
        for kind, shared in groups.items():
            out += _between(column, sides, kind, shared)
    return tuple(out)


def _by(keys: Sequence[str | None]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        if key is not None:
            found[key].append(index)
    return found


def _between(column: str, sides: Sequence[str | None], kind: str, groups: Mapping[str, Sequence[int]]) -> list[Leak]:
    pairs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, members in groups.items():
        there = sorted({side for index in members if (side := sides[index]) is not None})
        for pair in combinations(there, 2):
            pairs[pair].append(name)
    out = []
    for pair, names in sorted(pairs.items()):
        clips = sum(sides[index] in pair for name in names for index in groups[name])
        out.append(Leak(column, pair, kind, len(names), clips, tuple(names[:_EXAMPLES])))
    return out
