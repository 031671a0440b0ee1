"""Several manifests as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.core.errors import DataError
from edgekit.data.join import join_manifests
from edgekit.data.manifest import Clip, Manifest, Rejected


def _manifest(name: str, clips: dict[str, str], labels: tuple[str, ...]) -> Manifest:
    rows = tuple(Clip(id=key, path=Path("/") / name / key, label=label) for key, label in clips.items())
    return Manifest(name, Path("/") / name, rows, labels, (Rejected(name, "odd"),))


def test_clips_follow_each_other_under_the_labels_of_the_first() -> None:
    real = _manifest("real", {"a.wav": "yes", "b.wav": "no"}, ("no", "yes"))
    made = _manifest("made", {"tts/a.wav": "yes"}, ("yes",))
    joined = join_manifests([real, made])
    assert [clip.id for clip in joined.clips] == ["a.wav", "b.wav", "tts/a.wav"]
    assert joined.labels == ("no", "yes") and joined.name == "real + made" and len(joined.rejected) == 2
    assert join_manifests([real]) is real


def test_what_does_not_go_together_is_refused() -> None:
    real = _manifest("real", {"a.wav": "yes"}, ("yes",))
    with pytest.raises(DataError, match=r"1 clips have the id of another data set's, for instance a\.wav"):
        join_manifests([real, _manifest("made", {"a.wav": "yes"}, ("yes",))])
    with pytest.raises(DataError, match="real does not know the label 'up'"):
        join_manifests([real, _manifest("made", {"c.wav": "up"}, ("up", "yes"))])
