import pytest

from edgekit.core.errors import DataError
from edgekit.data.datasets import read_manifest

ROWS = [
    ["filename", "fold", "target", "category", "esc10", "src_file", "take"],
    ["1-100032-A-0.wav", 1, 0, "dog", "True", 100032, "A"],
    ["2-5-A-14.wav", 2, 14, "chirping_birds", "False", 5, "A"],
    ["5-6-B-10.wav", 5, 10, "rain", "True", 6, "B"],
]


@pytest.fixture
def root(write_audio, write_csv, tmp_path):
    folder = tmp_path / "ESC-50-master"
    write_csv(folder / "meta" / "esc50.csv", ROWS)
    for row in ROWS[1:]:
        write_audio(folder / "audio" / str(row[0]))
    return tmp_path


def test_esc_50_has_its_labels_in_the_order_of_targets(root):
    found = read_manifest(root)
    assert (found.name, found.labels) == ("esc-50", ("dog", "rain", "chirping_birds"))
    first = found.clips[0]
    assert (first.id, first.fold, first.source) == ("audio/1-100032-A-0.wav", "1", "100032")


def test_esc_10_is_what_the_flag_says(root):
    found = read_manifest(root, "esc-10")
    assert (found.name, found.labels, len(found)) == ("esc-10", ("dog", "rain"), 2)


def test_a_name_that_leaves_the_folder_is_rejected(root, write_csv, tmp_path):
    rows = [*ROWS, ["../../x.wav", 1, 1, "x", "True", 1, "A"], ["short.wav", 1]]
    write_csv(tmp_path / "ESC-50-master" / "meta" / "esc50.csv", rows)
    found = read_manifest(root)
    assert len(found) == 3
    assert [item.path for item in found.rejected] == ["../../x.wav", "short.wav"]


def test_a_list_without_a_column_says_so(root, write_csv, tmp_path):
    write_csv(tmp_path / "ESC-50-master" / "meta" / "esc50.csv", [["filename", "fold"], ["a.wav", 1]])
    with pytest.raises(DataError, match="no column 'target'"):
        read_manifest(root)


def test_asking_for_it_where_it_is_not(tmp_path):
    with pytest.raises(DataError, match="of kind esc-10"):
        read_manifest(tmp_path, "esc-10")
