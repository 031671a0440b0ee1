from pathlib import Path

import pytest

from edgekit.core.errors import BadConfigError, DataError
from edgekit.data.manifest import Clip, Manifest
from edgekit.data.selector import parse_selector, select_clips

SPEAKERS = tuple(
    Clip(f"{i}", Path("/x"), "a", speaker=f"spk{i:02d}", fold=str(i % 5 + 1), split="train" if i < 18 else "test")
    for i in range(26)
)
CLIPS = (*SPEAKERS, Clip("lonely", Path("/x"), "b"))
SET = Manifest("set", Path("/"), CLIPS, ("a", "b"))


def chosen(text: str) -> list[str]:
    return [clip.id for clip in CLIPS if parse_selector(text)(clip)]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("speaker=spk03", ["3"]),
        ("speaker=spk00..spk02", ["0", "1", "2"]),
        ("speaker=spk09..spk11,spk20", ["9", "10", "11", "20"]),
        (" speaker = spk03 , spk04 ", ["3", "4"]),
        ("label=b", ["lonely"]),
        ("split=test & fold=4", ["18", "23"]),
        ("fold=1..2 & speaker!=spk00..spk20", ["21", "25"]),
        ("split!=train & split!=test", ["lonely"]),
        ("id=7", ["7"]),
    ],
)
def test_selections(text, ids):
    assert chosen(text) == ids


def test_all_selects_everything():
    assert len(chosen("all")) == len(CLIPS)


def test_a_range_compares_numbers_and_not_text():
    clip = Clip("x", Path("/x"), "a", speaker="spk9")
    assert parse_selector("speaker=spk1..spk10")(clip)
    assert not parse_selector("speaker=spk10..spk100")(clip)


def test_a_range_does_not_reach_names_of_another_form():
    assert not parse_selector("speaker=spk0..spk99")(Clip("x", Path("/x"), "a", speaker="guest5"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speaker", "no selection"),
        ("", "no selection"),
        ("speeker=x", "did you mean 'speaker'"),
        ("speaker=a..b", "no range"),
        ("speaker=spk5..usr9", "no range"),
        ("speaker=spk9..spk5", "backwards"),
        ("speaker=a,,b", "empty value"),
        ("split=train & ", "no selection"),
    ],
)
def test_what_is_no_selection_says_how_to_write_one(text, message):
    with pytest.raises(BadConfigError, match=message):
        parse_selector(text)


def test_a_selection_of_nothing_lists_the_values_there_are():
    with pytest.raises(DataError, match=r"fold: 1, 2, 3, 4, 5"):
        select_clips(SET, "fold=9")


def test_a_selection_keeps_labels_of_the_whole_set():
    assert select_clips(SET, "label=b").labels == ("a", "b")


def test_the_protocol_of_the_real_set_by_speaker(data_root):
    from edgekit.data.datasets import read_manifest

    whole = read_manifest(data_root / "dspspeech")
    parts = [select_clips(whole, f"speaker={span}") for span in ("spk00..spk17", "spk18..spk20", "spk21..spk25")]
    assert sum(map(len, parts)) == len(whole)
    assert [len({c.speaker for c in part.clips}) for part in parts] == [18, 3, 5]
