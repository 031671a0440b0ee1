import pytest

from edgekit.core.errors import BadFileError, DataError
from edgekit.data.datasets import read_manifest


def test_all_columns_are_read_and_unknown_ones_ignored(write_audio, write_csv, tmp_path):
    write_audio(tmp_path / "x" / "1.wav")
    header = [
        "take",
        "path",
        "label",
        "split",
        "fold",
        "device",
        "speaker",
        "source",
        "sample_rate",
        "start",
        "samples",
    ]
    row = [7, "x/1.wav", "yes", "train", 3, "mic", "ann", "s1", 16000, 100, 4000]
    write_csv(tmp_path / "manifest.csv", [header, row])
    (clip,) = read_manifest(tmp_path).clips
    assert clip.id == "x/1.wav@100"
    assert clip.path == tmp_path / "x" / "1.wav"
    assert (clip.label, clip.split, clip.fold, clip.device, clip.speaker, clip.source) == (
        "yes",
        "train",
        "3",
        "mic",
        "ann",
        "s1",
    )
    assert (clip.sample_rate, clip.start, clip.samples) == (16000, 100, 4000)


def test_path_and_label_are_enough(write_audio, write_csv, tmp_path):
    write_audio(tmp_path / "1.wav")
    path = write_csv(tmp_path / "mine.csv", [["path", "label"], ["1.wav", "yes"]])
    found = read_manifest(path)
    assert (found.name, found.root, len(found)) == ("mine", tmp_path, 1)
    assert (found.clips[0].split, found.clips[0].sample_rate) == (None, 0)


@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_the_delimiter_is_found(mark, write_audio, tmp_path):
    write_audio(tmp_path / "1.wav")
    (tmp_path / "m.csv").write_text(f"﻿path{mark}label\n1.wav{mark}yes\n", encoding="utf-8")
    assert read_manifest(tmp_path / "m.csv").labels == ("yes",)


def test_an_absolute_path_is_taken_as_it_is(write_audio, write_csv, tmp_path):
    audio = write_audio(tmp_path / "elsewhere" / "1.wav")
    path = write_csv(tmp_path / "set" / "manifest.csv", [["path", "label"], [audio, "yes"]])
    assert read_manifest(path).clips[0].path == audio


@pytest.mark.parametrize("name", ["../1.wav", "a/../../1.wav", ".."])
def test_a_path_that_leaves_the_folder_is_rejected_by_line(name, write_audio, write_csv, tmp_path):
    write_audio(tmp_path / "1.wav")
    write_audio(tmp_path / "set" / "2.wav")
    path = write_csv(tmp_path / "set" / "manifest.csv", [["path", "label"], [name, "a"], ["2.wav", "a"]])
    found = read_manifest(path)
    assert [clip.id for clip in found.clips] == ["2.wav"]
    assert found.rejected[0].reason == "manifest.csv line 2: the path leaves the folder of the manifest"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["1.wav", "", "16000"], "line 2: no label"),
        (["", "yes", "16000"], "line 2: no path"),
        (["1.wav", "yes", "16 kHz"], "line 2: sample_rate '16 kHz' is not a whole number"),
        (["1.wav", "yes", "-5"], "line 2: sample_rate '-5' is not a whole number"),
        (["1.wav", "yes", "9" * 30], "is not a whole number"),
        (["gone.wav", "yes", "16000"], "no such file"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_and_the_rest_stays(row, reason, write_audio, write_csv, tmp_path):
    write_audio(tmp_path / "1.wav")
    write_audio(tmp_path / "2.wav")
    write_csv(tmp_path / "manifest.csv", [["path", "label", "sample_rate"], row, ["2.wav", "yes", "16000"]])
    found = read_manifest(tmp_path)
    assert [clip.id for clip in found.clips] == ["2.wav"]
    assert reason in found.rejected[0].reason


@pytest.mark.parametrize(("header", "missing"), [("path,class", "label"), ("file,label", "path")])
def test_a_missing_column_is_named_with_those_that_are_there(header, missing, tmp_path):
    (tmp_path / "manifest.csv").write_text(f"{header}\n1.wav,yes\n")
    with pytest.raises(DataError, match=f"no column '{missing}'.*it names"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"path,label,path\n", "'path' is there twice"),
        (b"\xff\xfe\x00path", "not UTF-8"),
        (b"path,label\n\0,yes\n", "NUL"),
        (b"path,label\n" + b"x" * 20_000 + b",yes\n", "line 2"),
    ],
)
def test_what_is_no_table_is_a_bad_file(content, message, tmp_path):
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(BadFileError, match=message):
        read_manifest(tmp_path)


def test_a_header_alone_has_no_clip(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,label\n")
    with pytest.raises(DataError, match="no clip"):
        read_manifest(tmp_path)
