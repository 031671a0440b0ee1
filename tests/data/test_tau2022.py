import pytest

from edgekit.core.errors import BadFileError, DataError
from edgekit.data.datasets import read_manifest
from edgekit.data.datasets.tau2022 import TauName, parse_name

NAMES = [
    "airport-barcelona-0-0-0-a",
    "street_pedestrian-prague-1166-44792-9-s1",
    "metro_station-lisbon-12-34-3-s6",
    "park-vienna-1-2-3-b",
]


def scene(name: str) -> str:
    return name.split("-")[0]


@pytest.fixture
def root(write_audio, tmp_path):
    folder = tmp_path / "TAU-urban-acoustic-scenes-2022-mobile-development"
    for name in NAMES:
        write_audio(folder / "audio" / f"{name}.wav", rate=44_100)
    rows = [f"audio/{n}.wav\t{scene(n)}\t{'-'.join(n.split('-')[1:3])}\t{n.split('-')[-1]}" for n in NAMES]
    (folder / "meta.csv").write_text("\n".join(["filename\tscene_label\tidentifier\tsource_label", *rows]) + "\n")
    setup = folder / "evaluation_setup"
    setup.mkdir()
    (setup / "fold1_train.csv").write_text(f"filename\tscene_label\naudio/{NAMES[0]}.wav\tairport\n")
    (setup / "fold1_test.csv").write_text(f"filename\naudio/{NAMES[2]}.wav\n")
    return folder


def test_meta_split_and_name_come_together(root):
    found = read_manifest(root.parent)
    assert found.name == "tau2022-mobile"
    assert [(c.label, c.split, c.fold, c.device, c.source) for c in found.clips] == [
        ("airport", "train", "1", "a", "barcelona-0-0"),
        ("street_pedestrian", None, None, "s1", "prague-1166-44792"),
        ("metro_station", "test", "1", "s6", "lisbon-12-34"),
        ("park", None, None, "b", "vienna-1-2"),
    ]


def test_parse_name():
    expected = TauName("airport", "barcelona", "203", "6129", 7, "s3")
    assert parse_name("audio/airport-barcelona-203-6129-7-s3.wav") == expected
    assert expected.recording == "barcelona-203-6129"
    with pytest.raises(BadFileError, match="scene-city-location-segment-second-device"):
        parse_name("audio/airport-barcelona-203-6129-s3.wav")


def test_rows_that_contradict_or_leave_the_folder_are_rejected(root):
    with (root / "meta.csv").open("a") as meta:
        meta.write("audio/park-vienna-1-2-4-b.wav\tbus\tx\tb\n../../park-vienna-1-2-5-b.wav\tpark\tx\tb\nodd\tpark\n")
    found = read_manifest(root)
    assert len(found) == len(NAMES)
    reasons = [item.reason for item in found.rejected]
    assert "contradicts" in reasons[0]
    assert "leaves the folder" in reasons[1]
    assert "the name is not" in reasons[2]


def test_a_missing_list_says_how_to_get_it(root):
    (root / "evaluation_setup" / "fold1_test.csv").unlink()
    with pytest.raises(DataError, match="edgekit data fetch tau2022-mobile"):
        read_manifest(root)
