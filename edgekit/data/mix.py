"""Sets that are mixed into another one's training: ``PATH@SHARE``, and labels that mean the same under other names."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from edgekit.core.errors import BadConfigError
from edgekit.data.datasets import read_manifest
from edgekit.data.manifest import SILENCE_LABELS, Clip, Manifest, Rejected

_SHARED = re.compile(r"(?P<path>.+)@(?P<share>\d*\.?\d+)")

# Names of the two classes that keyword sets have besides their words.
_SILENCE = SILENCE_LABELS | {"_background_noise_", "background"}
_UNKNOWN = frozenset({"unknown", "_unknown_", "other", "_other_"})
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def read_shared(text: str | Path, kind: str = "auto") -> Manifest:
    """Read ``PATH``, or ``PATH@SHARE``: a share of a set that helps to train another one.

    Of a helping set only training clips count (its split "train", where it has splits), and of each label the given
    share of them, the same for everyone: by a hash of their ids. They train whatever selection the other set is given,
    and never validate.

    Raises:
        BadConfigError: a share that is not above 0 and at most 1.
        EdgekitError: see :func:`edgekit.data.datasets.read_manifest`.
    """
    match = _SHARED.fullmatch(str(text))
    if match is None or Path(text).exists():
        return read_manifest(text, kind)
    share = float(match["share"])
    if not 0.0 < share <= 1.0:
        raise BadConfigError(
            f"a share of {match['share']}", where=str(text), mend="use above 0 and up to 1, as in @0.3"
        )
    return helping(read_manifest(match["path"], kind), share)


def helping(manifest: Manifest, share: float) -> Manifest:
    """The manifest reduced to a share of its training clips, all of them marked as helpers."""
    training = manifest.select(split="train") if any(clip.split for clip in manifest.clips) else manifest
    by_label: dict[str, list[Clip]] = defaultdict(list)
    for clip in sorted(training.clips, key=lambda clip: hashlib.sha256(clip.id.encode()).digest()):
        by_label[clip.label].append(clip)
    kept = {clip.id for clips in by_label.values() for clip in clips[: max(1, round(share * len(clips)))]}
    chosen = training.where(lambda clip: clip.id in kept).require_clips()
    return replace(chosen, helpers=frozenset(kept))


def match_labels(other: Manifest, first: Manifest) -> Manifest:
    """``other`` under the labels of ``first``: silence, unknown and spelt digits are known by several names.

    Clips of silence or of unknown words are left out (and said to be, in ``rejected``) where ``first`` has no such
    class; other labels that it does not know stay as they are.
    """
    meaning = {_meaning(label): label for label in reversed(first.labels)}
    names = {label: label if label in first.labels else meaning.get(_meaning(label), label) for label in other.labels}
    extra = [name for name in other.labels if names[name] == name and name not in first.labels]
    dropped = {name for name in extra if _meaning(name) in ("silence", "unknown")}
    rejected = [
        Rejected(f"{other.name}, {count} clips of {name!r}", f"{first.name} has no such label")
        for name in sorted(dropped)
        if (count := sum(clip.label == name for clip in other.clips))
    ]
    clips = tuple(replace(clip, label=names[clip.label]) for clip in other.clips if clip.label not in dropped)
    labels = tuple(dict.fromkeys(names[name] for name in other.labels if name not in dropped))
    helpers = other.helpers & {clip.id for clip in clips}
    return replace(other, clips=clips, labels=labels, rejected=other.rejected + tuple(rejected), helpers=helpers)


def _meaning(label: str) -> str:
    """One name for all names of a class."""
    plain = label.lower()
    if plain in _SILENCE:
        return "silence"
    if plain in _UNKNOWN:
        return "unknown"
    return str(_DIGITS.index(plain)) if plain in _DIGITS else plain
