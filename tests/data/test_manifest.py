from pathlib import Path

import pytest

from edgekit.core.errors import BadConfigError, DataError
from edgekit.data.datasets import read_manifest
from edgekit.data.manifest import Clip, Manifest, Rejected, clip_id, make_manifest


def clip(name: str, label: str = "a", **groups: str) -> Clip:
    return Clip(name, Path("/nowhere") / name, label, **groups)


def manifest(*clips: Clip) -> Manifest:
    return Manifest("set", Path("/nowhere"), clips, ("a", "b"))


def test_ids_name_the_stretch_only_when_it_starts_later():
    assert clip_id("a/b.wav") == "a/b.wav"
    assert clip_id("a/b.wav", 16000) == "a/b.wav@16000"


def test_select_takes_a_value_or_a_collection_and_keeps_the_labels():
    whole = manifest(clip("1", split="train"), clip("2", "b", split="test"), clip("3", split="validation"))
    assert [c.id for c in whole.select(split="train").clips] == ["1"]
    assert [c.id for c in whole.select(split={"train", "test"}).clips] == ["1", "2"]
    assert [c.id for c in whole.select(split=["train", "test"], label="b").clips] == ["2"]
    assert whole.select(split="train").labels == ("a", "b")


def test_a_clip_without_the_group_is_never_selected_by_it():
    assert not manifest(clip("1")).select(speaker="x").clips


def test_where_keeps_what_was_rejected():
    whole = Manifest("set", Path("/"), (clip("1"),), ("a",), (Rejected("x", "broken"),))
    assert whole.where(lambda c: False).rejected == (Rejected("x", "broken"),)


def test_a_clip_with_a_label_outside_of_the_manifest_is_an_error():
    with pytest.raises(DataError, match="'c'"):
        manifest(clip("1", "c"))


def test_a_clip_needs_a_label_and_no_negative_numbers():
    with pytest.raises(BadConfigError, match="no label"):
        clip("1", "")
    with pytest.raises(BadConfigError, match="negative"):
        Clip("1", Path("/x"), "a", start=-1)


def test_second_clip_of_an_id_and_missing_files_are_rejected_with_reasons(write_audio, tmp_path):
    path = write_audio(tmp_path / "a.wav")
    clips = [Clip("a.wav", path, "a"), Clip("a.wav", path, "a"), Clip("b.wav", tmp_path / "b.wav", "a")]
    made = make_manifest("set", tmp_path, clips)
    assert len(made) == 1
    assert made.rejected == (Rejected("a.wav", "listed twice"), Rejected("b.wav", "no such file"))


def test_no_usable_clip_is_an_error_that_names_the_first_reason(tmp_path):
    with pytest.raises(DataError, match=r"b\.wav: no such file"):
        make_manifest("set", tmp_path, [Clip("b.wav", tmp_path / "b.wav", "a")])


@pytest.mark.parametrize("path", ["missing", "missing.csv"])
def test_a_path_that_does_not_exist_says_what_to_give(path, tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        read_manifest(tmp_path / path)


def test_an_empty_folder_says_what_was_expected(tmp_path):
    with pytest.raises(DataError, match=r"holds no data set .*one folder of audio files for each class"):
        read_manifest(tmp_path)


def test_an_unknown_kind_suggests_the_right_one(tmp_path):
    with pytest.raises(BadConfigError, match="did you mean 'folder'"):
        read_manifest(tmp_path, "foldr")


def test_the_kind_can_be_written_before_the_path(write_audio, tmp_path):
    write_audio(tmp_path / "yes" / "1.wav")
    assert read_manifest(f"folder:{tmp_path}").labels == ("yes",)


@pytest.mark.parametrize(
    ("name", "clips", "labels", "speakers"), [("fsdd", 3000, 10, 6), ("dspspeech", 2136, 9, 26), ("esc10", 318, 10, 1)]
)
def test_real_sets_are_read_whole(data_root, name, clips, labels, speakers):
    found = read_manifest(data_root / name)
    assert (len(found), len(found.labels), found.rejected) == (clips, labels, ())
    assert len({c.speaker for c in found.clips}) == speakers
