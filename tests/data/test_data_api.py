import numpy as np
import pytest

from edgekit.api import data
from edgekit.core.errors import DataError


@pytest.fixture
def folder(write_audio, write_csv, tmp_path):
    rows = [["path", "label", "split", "speaker"]]
    for number in range(6):
        label, split = ("yes", "no")[number % 2], "train" if number < 4 else "test"
        write_audio(tmp_path / f"{number}.wav", 0.1 * np.sin(np.arange(8000 * (number + 1)) / 9))
        rows.append([f"{number}.wav", label, split, f"s{number // 2}"])
    (tmp_path / "bad.wav").write_text("x")
    write_audio(tmp_path / "still.wav", np.zeros(100))
    write_csv(tmp_path / "manifest.csv", [*rows, ["bad.wav", "no", "train", ""], ["still.wav", "no", "train", ""]])
    return tmp_path


def test_inspection_counts_what_is_usable(folder):
    found = data.inspect_manifest(folder)
    assert found.counts == {
        "label": {"no": 3, "yes": 3},
        "split": {"test": 2, "train": 4},
        "speaker": {"s0": 2, "s1": 2, "s2": 2},
    }
    assert found.table == {"no": {"train": 2, "test": 1}, "yes": {"train": 2, "test": 1}}
    assert found.seconds == {"min": 0.5, "median": 1.75, "max": 3.0, "total": 10.5}
    assert found.sample_rates == {16_000: 6}
    assert [item.path for item in found.rejected] == ["bad.wav", "still.wav"]


def test_headers_alone_find_no_silence(folder):
    assert [item.path for item in data.inspect_manifest(folder, decode=False).rejected] == ["bad.wav"]


def test_a_selection_is_inspected(folder):
    assert data.inspect_manifest(folder, select="speaker=s0").counts["label"] == {"no": 1, "yes": 1}


def test_nothing_usable_is_an_error(folder):
    with pytest.raises(DataError, match="no usable clip"):
        data.inspect_manifest(folder, select="id=bad.wav")


def test_the_list_has_public_sets_and_what_lies_in_the_folder(tmp_path):
    (tmp_path / "gsc-v2").mkdir()
    (tmp_path / "mine").mkdir()
    rows = {row["name"]: row for row in data.list_datasets(folder=tmp_path)}
    assert rows["gsc-v2"]["path"] == str(tmp_path / "gsc-v2")
    assert rows["gsc-v1"]["path"] is None
    assert (rows["mine"]["fetchable"], rows["gsc-v2"]["fetchable"]) == (False, True)
    assert (rows["fsdd"]["checksum"], rows["gsc-v2"]["checksum"]) == (False, True)
