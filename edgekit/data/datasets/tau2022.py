"""TAU Urban Acoustic Scenes 2022 Mobile, development set: DCASE Task 1 of 2022 to 2025.

``meta.csv`` (tab-separated: filename, scene_label, identifier, source_label), ``evaluation_setup/fold1_*.csv`` and
one-second clips ``audio/airport-barcelona-0-0-0-a.wav`` = scene-city-location-segment-second-device.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import BadFileError, DataError
from edgekit.data.datasets.csv_manifest import escapes
from edgekit.data.datasets.tables import read_columns
from edgekit.data.manifest import Clip, Manifest, Rejected, make_manifest

KINDS = {"tau2022": ""}
SETUP = "evaluation_setup"
# fold1_evaluate lists the clips of fold1_test once more, with labels.
SPLITS = {"train": "fold1_train.csv", "test": "fold1_test.csv"}
SAMPLE_RATE = 44_100
_NAME = re.compile(r"([a-z_]+)-([a-z]+)-(\d+)-(\d+)-(\d+)-([abcs]\d?)\.wav")


@dataclass(frozen=True)
class TauName:
    """What a clip's name says; ten clips that differ in ``second`` only are one 10 s recording."""

    scene: str
    city: str
    location: str
    segment: str
    second: int
    device: str

    @property
    def recording(self) -> str:
        """City, location and segment: the same moment, as heard by every device."""
        return f"{self.city}-{self.location}-{self.segment}"


def parse_name(name: str) -> TauName:
    """Read a file name such as ``audio/airport-barcelona-0-0-0-a.wav``.

    Raises:
        BadFileError: the name has another form.
    """
    match = _NAME.fullmatch(name.rsplit("/", 1)[-1])
    if match is None:
        raise BadFileError("the name is not scene-city-location-segment-second-device.wav", where=name)
    scene, city, location, segment, second, device = match.groups()
    return TauName(scene, city, location, segment, int(second), device)


def matches(path: Path) -> bool:
    """The folder that holds ``meta.csv`` and ``evaluation_setup``."""
    return (path / "meta.csv").is_file() and (path / SETUP).is_dir()


def read(path: Path, task: str = "") -> Manifest:
    """Read the set; ``split`` is fold 1's, None for clips outside of it, ``source`` the 10 s recording's place.

    Raises:
        DataError: a list or a column is missing, or no clip.
    """
    if not matches(path):
        raise DataError("holds no TAU 2022 Mobile", where=str(path), mend=f"expected meta.csv and {SETUP}/ in it")
    splits: dict[str, str] = {}
    for split, name in SPLITS.items():
        for _, row in _table(path / SETUP / name, ("filename",)):
            splits[row.get("filename", "")] = split
    clips: list[Clip] = []
    rejected: list[Rejected] = []
    for line, row in _table(path / "meta.csv", ("filename", "scene_label")):
        found = _clip(path, row, splits, line)
        clips.append(found) if isinstance(found, Clip) else rejected.append(found)
    return make_manifest("tau2022-mobile", path, clips, rejected)


def _table(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    if not path.is_file():
        raise DataError(
            "is missing", where=str(path), mend="fetch the set's meta archive: edgekit data fetch tau2022-mobile"
        )
    return list(read_columns(path, columns, mend="it must be separated by tabs", delimiter="\t"))


def _clip(root: Path, row: dict[str, str], splits: dict[str, str], line: int) -> Clip | Rejected:
    relative = row.get("filename", "")
    if escapes(relative) or relative.startswith("/"):
        return Rejected(relative, f"meta.csv line {line}: the path leaves the folder of the set")
    try:
        name = parse_name(relative)
    except BadFileError as error:
        return Rejected(relative or f"line {line}", f"meta.csv line {line}: {error.what}")
    scene = row.get("scene_label", "")
    if scene != name.scene:
        return Rejected(relative, f"meta.csv line {line}: the label {scene!r} contradicts the name")
    split = splits.get(relative)
    return Clip(
        relative,
        root / relative,
        scene,
        split=split,
        fold="1" if split else None,
        device=name.device,
        source=name.recording,
        sample_rate=SAMPLE_RATE,
    )
