"""UrbanSound8K: rows in the form of the published list (columns and file names as in its README)."""

from __future__ import annotations

import pytest

from edgekit.core.errors import DataError
from edgekit.data.datasets import read_manifest

ROWS = [
    ["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"],
    ["100032-3-0-0.wav", 100032, 0.0, 0.317551, 1, 5, 3, "dog_bark"],
    ["100263-2-0-117.wav", 100263, 58.5, 62.5, 1, 5, 2, "children_playing"],
    ["99812-1-2-0.wav", 99812, 159.522205, 163.522205, 2, 7, 1, "car_horn"],
]


@pytest.fixture
def root(write_audio, write_csv, tmp_path):
    folder = tmp_path / "UrbanSound8K"
    write_csv(folder / "metadata" / "UrbanSound8K.csv", ROWS)
    for row in ROWS[1:]:
        write_audio(folder / "audio" / f"fold{row[5]}" / str(row[0]))
    return tmp_path


def test_it_is_found_one_folder_deep_with_labels_in_the_order_of_their_numbers(root):
    found = read_manifest(root)
    assert (found.name, found.labels) == ("urbansound8k", ("car_horn", "children_playing", "dog_bark"))
    first = found.clips[0]
    assert (first.id, first.fold, first.source, first.label) == (
        "audio/fold5/100032-3-0-0.wav", "5", "100032", "dog_bark"
    )  # fmt: skip


def test_it_is_read_by_name_and_folds_select(root):
    found = read_manifest(f"urbansound8k:{root}")
    assert [clip.label for clip in found.select(fold="7").clips] == ["car_horn"]


@pytest.mark.parametrize(
    "row", [["../../x.wav", 1, 0, 1, 1, 1, 0, "x"], ["x.wav", 1, 0, 1, 1, "../5", 0, "x"], ["short.wav", 1]]
)
def test_a_row_that_is_incomplete_or_leaves_the_folder_is_rejected_with_its_line(root, write_csv, row):
    write_csv(root / "UrbanSound8K" / "metadata" / "UrbanSound8K.csv", [*ROWS, row])
    found = read_manifest(root)
    assert len(found) == 3
    assert [item.path for item in found.rejected] == [row[0]]
    assert "line 5" in found.rejected[0].reason


def test_a_missing_column_is_named(root, write_csv):
    write_csv(root / "UrbanSound8K" / "metadata" / "UrbanSound8K.csv", [row[:5] for row in ROWS])
    with pytest.raises(DataError, match="fold"):
        read_manifest(root)
