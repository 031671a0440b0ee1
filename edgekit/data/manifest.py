"""A manifest: one row a clip, and what was left out.

Reading a manifest opens no audio; :func:`edgekit.data.audio.probe_manifest` reads the headers and
:class:`edgekit.data.cache.AudioCache` the samples. Both move what is broken from ``clips`` to ``rejected``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from edgekit.core.errors import BadConfigError, DataError

Wanted = str | Collection[str] | None

SILENCE_LABELS = frozenset({"silence", "_silence_"})
"""Labels under which a silent clip is a clip and not a fault."""


@dataclass(frozen=True)
class Clip:
    """One stretch of one recording.

    Attributes:
        id: stable and unique in its manifest: the path relative to the root, plus ``@start`` when ``start`` > 0.
        path: absolute path of the recording.
        label: class name.
        split: "train", "validation", "test" where the data set says so.
        fold, device, speaker, source: groups that a fair split must not tear apart; None where unknown.
        sample_rate: of the recording, in Hz; 0 until a header was read, when the manifest does not state it.
        start: first sample, in samples of the recording's own rate.
        samples: number of samples per channel at that rate; 0 means to the end of the recording.
    """

    id: str
    path: Path
    label: str
    split: str | None = None
    fold: str | None = None
    device: str | None = None
    speaker: str | None = None
    source: str | None = None
    sample_rate: int = 0
    start: int = 0
    samples: int = 0

    def __post_init__(self) -> None:
        if not self.label:
            raise BadConfigError("a clip has no label", where=self.id)
        if min(self.sample_rate, self.start, self.samples) < 0:
            raise BadConfigError("sample_rate, start and samples must not be negative", where=self.id)


@dataclass(frozen=True)
class Rejected:
    """A recording or row that was left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Manifest:
    """A data set: its clips, its labels in the order of the model's outputs, and what was left out.

    Selections keep ``labels``, so that the outputs of a model trained on one split mean the same on another.
    ``helpers`` are ids of clips that come from another set to help in training: they never validate.
    """

    name: str
    root: Path
    clips: tuple[Clip, ...]
    labels: tuple[str, ...]
    rejected: tuple[Rejected, ...] = ()
    helpers: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        unknown = {clip.label for clip in self.clips} - set(self.labels)
        if unknown:
            raise DataError(
                f"{len(unknown)} labels of clips are not in the manifest's labels, for instance {min(unknown)!r}",
                where=self.name,
            )
        if len(set(self.labels)) != len(self.labels):
            raise DataError("a label is listed twice", where=self.name)

    def __len__(self) -> int:
        return len(self.clips)

    def where(self, predicate: Callable[[Clip], bool]) -> Manifest:
        """The clips for which ``predicate`` holds; labels and rejected stay."""
        return replace(self, clips=tuple(clip for clip in self.clips if predicate(clip)))

    def select(
        self,
        *,
        split: Wanted = None,
        fold: Wanted = None,
        speaker: Wanted = None,
        device: Wanted = None,
        label: Wanted = None,
    ) -> Manifest:
        """The clips whose groups equal the given value or lie in the given collection; None does not filter."""
        given = {"split": split, "fold": fold, "speaker": speaker, "device": device, "label": label}
        wanted = {key: {v} if isinstance(v, str) else set(v) for key, v in given.items() if v is not None}
        return self.where(lambda clip: all(getattr(clip, key) in values for key, values in wanted.items()))

    def without(self, rejected: Iterable[Rejected], ids: Collection[str]) -> Manifest:
        """The manifest less the clips named in ``ids``, with ``rejected`` added to what was left out."""
        kept = tuple(clip for clip in self.clips if clip.id not in ids)
        return replace(self, clips=kept, rejected=self.rejected + tuple(rejected))

    def require_clips(self) -> Manifest:
        """The manifest itself, if it holds at least one clip.

        Raises:
            DataError: it holds none; the message gives the first reason why a recording was left out.
        """
        if self.clips:
            return self
        if self.rejected:
            first = self.rejected[0]
            raise DataError(
                f"no usable clip: all {len(self.rejected)} were left out, the first, {first.path}: {first.reason}",
                where=str(self.root),
                mend="mend the recordings or the paths in the manifest",
            )
        raise DataError("no clip", where=str(self.root), mend="check the path and the selection")


def clip_id(relative: str, start: int = 0) -> str:
    """``"a/b.wav"``, or ``"a/b.wav@16000"`` for a stretch that starts later."""
    return f"{relative}@{start}" if start else relative


def make_manifest(
    name: str,
    root: Path,
    clips: Iterable[Clip],
    rejected: Iterable[Rejected] = (),
    labels: Iterable[str] | None = None,
) -> Manifest:
    """A manifest with unique ids; a second clip of the same id is rejected, missing files as well.

    Args:
        name: of the data set.
        root: folder to which ids are relative.
        clips: in manifest order.
        rejected: what the reader left out.
        labels: in data-set order; sorted names of the labels present when None.

    Raises:
        DataError: no clip is left.
    """
    kept: dict[str, Clip] = {}
    out = list(rejected)
    for clip in clips:
        if clip.id in kept:
            out.append(Rejected(clip.id, "listed twice"))
        elif not clip.path.is_file():
            out.append(Rejected(clip.id, "no such file"))
        else:
            kept[clip.id] = clip
    order = tuple(labels) if labels is not None else tuple(sorted({clip.label for clip in kept.values()}))
    return Manifest(name, root, tuple(kept.values()), order, tuple(out)).require_clips()
