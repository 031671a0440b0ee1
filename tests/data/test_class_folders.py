import pytest

from edgekit.core.errors import DataError
from edgekit.data.datasets import read_manifest
from edgekit.data.manifest import Rejected


def test_each_subfolder_is_a_class(write_audio, tmp_path):
    for name in ("yes/1.wav", "yes/deep/2.flac", "no/3.ogg", "_background_noise_/4.wav", ".hidden/5.wav"):
        write_audio(tmp_path / name)
    (tmp_path / "yes" / "notes.txt").write_text("no audio")
    found = read_manifest(tmp_path)
    assert found.labels == ("no", "yes")
    assert [(clip.id, clip.label) for clip in found.clips] == [
        ("no/3.ogg", "no"),
        ("yes/1.wav", "yes"),
        ("yes/deep/2.flac", "yes"),
    ]


def test_folders_of_splits_hold_the_classes_one_level_lower(write_audio, tmp_path):
    for name in ("train/yes/1.wav", "val/yes/2.wav", "test/no/3.wav"):
        write_audio(tmp_path / name)
    found = read_manifest(tmp_path)
    assert [(clip.label, clip.split) for clip in found.clips] == [
        ("no", "test"),
        ("yes", "train"),
        ("yes", "validation"),
    ]


def test_an_empty_class_folder_is_listed(write_audio, tmp_path):
    write_audio(tmp_path / "yes" / "1.wav")
    (tmp_path / "no").mkdir()
    found = read_manifest(tmp_path)
    assert found.labels == ("yes",)
    assert found.rejected == (Rejected("no", "the class folder holds no audio file"),)


def test_folders_without_audio_are_no_data_set(tmp_path):
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "1.txt").write_text("x")
    with pytest.raises(DataError, match="holds no data set"):
        read_manifest(tmp_path)
