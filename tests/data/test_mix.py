"""Sets mixed into another one's training: shares, labels, selections."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edgekit.api.training_clips import read_data, split_clips
from edgekit.core.errors import BadConfigError, DataError


def _write_set(folder: Path, labels: dict[str, int], splits: tuple[str, ...] = (), speaker: str = "s") -> Path:
    folder.mkdir()
    rows = ["path,label,split,speaker"]
    for label, count in labels.items():
        for number in range(count):
            name = f"{folder.name}-{label}-{number}.wav"
            (folder / name).write_bytes(b"")
            split = splits[number % len(splits)] if splits else ""
            rows.append(f"{name},{label},{split},{speaker}{number % 4:02d}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.csv"


@pytest.fixture
def real(tmp_path: Path) -> Path:
    return _write_set(tmp_path / "real", {"yes": 8, "no": 8})


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """As ``edgekit data synth`` leaves a set: splits by voice."""
    counts = {"yes": 30, "no": 60}
    return _write_set(tmp_path / "tts", counts, ("train", "train", "validation"), speaker="voice")


def test_a_share_is_of_the_training_clips_of_each_label(real: Path, spoken: Path) -> None:
    data = read_data([real, f"{spoken}@0.3"])
    helpers = Counter(clip.label for clip in data.clips if clip.id in data.helpers)
    assert helpers == {"yes": 6, "no": 12}  # of 20 and 40 training clips
    assert data.labels == ("no", "yes")
    again = read_data([real, f"{spoken}@0.3"])
    more = read_data([real, f"{spoken}@0.5"])
    assert again.helpers == data.helpers and data.helpers < more.helpers


def test_helpers_train_whatever_is_selected_and_never_validate(real: Path, spoken: Path) -> None:
    data = read_data([real, f"{spoken}@1"])
    training, validation = split_clips(data, "speaker=s00..s02", "speaker=s03")
    assert validation is not None
    assert Counter(clip.speaker[0] for clip in training.clips) == {"s": 12, "v": 60}
    assert {clip.speaker for clip in validation.clips} == {"s03"}
    training, validation = split_clips(data, "all", None)
    assert validation is None and len(training) == 16 + 60


def test_helpers_made_of_validation_clips_are_refused(real: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    rows = [f"copy-{number}.wav,yes,s{number:02d},real-yes-{number}.wav" for number in range(4)]
    for number in range(4):
        (copies / f"copy-{number}.wav").write_bytes(b"")
    (copies / "manifest.csv").write_text("\n".join(["path,label,speaker,source", *rows]) + "\n")
    with pytest.raises(DataError, match=r"1 clips of a set given with @ share a source .* copy-3\.wav"):
        split_clips(read_data([real, f"{copies}@1"]), "speaker=s00..s02", "speaker=s03")
    training, validation = split_clips(read_data([real, copies]), "speaker=s00..s02", "speaker=s03")
    assert validation is not None and {clip.speaker for clip in validation.clips} == {"s03"}
    assert sum(clip.id.startswith("copy") for clip in training.clips) == 3


def test_without_a_share_a_further_set_is_selected_from_as_the_first(real: Path, spoken: Path) -> None:
    training, validation = split_clips(read_data([real, spoken]), None, None)
    assert {clip.split for clip in training.clips} == {"train"} and len(training) == 60
    assert validation is not None and len(validation) == 30


def test_silence_unknown_and_digits_have_several_names(tmp_path: Path) -> None:
    commands = _write_set(tmp_path / "gsc", {"_silence_": 2, "_unknown_": 2, "Yes": 2, "7": 2})
    made = _write_set(tmp_path / "tts", {"silence": 3, "unknown": 3, "yes": 3, "seven": 3})
    data = read_data([commands, made])
    assert data.labels == ("7", "Yes", "_silence_", "_unknown_")
    assert Counter(clip.label for clip in data.clips) == dict.fromkeys(data.labels, 5)


def test_silence_and_unknown_are_left_out_where_there_is_no_such_class(tmp_path: Path) -> None:
    digits = _write_set(tmp_path / "fsdd", {str(digit): 1 for digit in range(10)})
    words = dict.fromkeys(("zero", "nine", "silence", "unknown"), 2)
    data = read_data([digits, f"{_write_set(tmp_path / 'tts', words)}@1"])
    assert Counter(clip.label for clip in data.clips)["9"] == 3 and len(data) == 14
    assert [item.path for item in data.rejected] == ["tts, 2 clips of 'silence'", "tts, 2 clips of 'unknown'"]
    assert len(data.helpers) == 4


def test_a_word_that_the_first_set_lacks_is_an_error(real: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="real does not know the label 'up'"):
        read_data([real, f"{_write_set(tmp_path / 'tts', {'up': 2})}@0.5"])


@pytest.mark.parametrize("share", ["0", "1.5", "30"])
def test_an_impossible_share_is_an_error(share: str, real: Path, spoken: Path) -> None:
    with pytest.raises(BadConfigError, match="a share of"):
        read_data([real, f"{spoken}@{share}"])


def test_the_first_set_is_whole(spoken: Path) -> None:
    with pytest.raises(BadConfigError, match="without @"):
        read_data(f"{spoken}@0.5")


def test_a_path_with_an_at_sign_is_a_path(tmp_path: Path) -> None:
    odd = _write_set(tmp_path / "set@0.5", {"yes": 2})
    assert len(read_data(str(odd.parent))) == 2
