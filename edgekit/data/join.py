"""Several data sets as one: real recordings with synthetic keywords mixed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from edgekit.core.errors import BadConfigError, DataError
from edgekit.data.manifest import Manifest
from edgekit.data.mix import match_labels


def join_manifests(manifests: Sequence[Manifest]) -> Manifest:
    """All clips, in order; the labels and the root are the first one's.

    Labels of further sets that mean the same are renamed, and their silence and unknown words left out where the first
    has no such class, see :func:`edgekit.data.mix.match_labels`.

    Raises:
        BadConfigError: no manifest, or the first one is a share of a set (:func:`edgekit.data.mix.read_shared`).
        DataError: a further one has a label that the first has not, or two clips have the same id.
    """
    if not manifests:
        raise BadConfigError("no data set", where="--data", mend="name one")
    first = manifests[0]
    if first.helpers:
        mend = "name the set that is trained for first, and without @"
        raise BadConfigError("only further sets can be mixed in by a share", where=first.name, mend=mend)
    if len(manifests) == 1:
        return first
    manifests = [first, *(match_labels(other, first) for other in manifests[1:])]
    for other in manifests[1:]:
        unknown = sorted({clip.label for clip in other.clips} - set(first.labels))
        if unknown:
            raise DataError(
                f"{first.name} does not know the label {unknown[0]!r}",
                where=other.name,
                mend="name the data set with all labels first",
            )
    clips = tuple(clip for manifest in manifests for clip in manifest.clips)
    twice = [name for name, count in Counter(clip.id for clip in clips).items() if count > 1]
    if twice:
        raise DataError(
            f"{len(twice)} clips have the id of another data set's, for instance {min(twice)}",
            where=" + ".join(manifest.name for manifest in manifests),
            mend="put one of the sets into a folder of its own name, below its manifest",
        )
    rejected = tuple(item for manifest in manifests for item in manifest.rejected)
    helpers = frozenset().union(*(manifest.helpers for manifest in manifests))
    name = " + ".join(manifest.name for manifest in manifests)
    return replace(first, name=name, clips=clips, rejected=rejected, helpers=helpers)
