"""Google Speech Commands v1 and v2 (Warden 2018): ``yes/0a7c2a8d_nohash_0.wav``, 16 kHz, up to one second.

Tasks: "35" every word there is (30 in v1), "10" the ten commands, "12" the ten commands, ``silence`` and ``unknown``.
The splits are the set's own ``validation_list.txt`` and ``testing_list.txt``; a speaker never crosses them. For the
12-word task each split gets, as in the authors' code, one tenth of its number of commands as unknown words and as
silence. Here both are drawn once and for all: unknown clips by the hash of their path, silence as one-second cuts of
``_background_noise_`` whose first 80 % serve train, the next 10 % validation and the last 10 % test.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterable
from pathlib import Path

from edgekit.core.errors import BadFileError, DataError
from edgekit.data.audio import probe
from edgekit.data.datasets.tables import read_list
from edgekit.data.manifest import Clip, Manifest, Rejected, clip_id, make_manifest

KINDS = {"gsc-12": "12", "gsc-10": "10", "gsc-35": "35"}
COMMANDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
SILENCE, UNKNOWN = "silence", "unknown"
NOISE = "_background_noise_"
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
SAMPLE_RATE = 16_000
EXTRA = 10  # unknown and silence, each in per cent of the commands of a split
REGIONS = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
GRID = 160  # silence starts on 10 ms steps
_SEED = 59_185  # the authors' RANDOM_SEED


def matches(path: Path) -> bool:
    """The folder with both lists."""
    return all((path / name).is_file() for name in LISTS.values())


def read(path: Path, task: str = "12") -> Manifest:
    """Read the set for a task, "10", "12" or "35".

    Labels are sorted words, for the 12-word task followed by silence and unknown (the order of MLPerf Tiny).

    Raises:
        DataError: no clip, or no background noise where the task needs it.
        BadFileError: a list is damaged.
    """
    if not matches(path):
        raise DataError("holds no Speech Commands", where=str(path), mend=f"expected {LISTS['test']} in it")
    splits = {name: split for split, file in LISTS.items() for name in read_list(path / file)}
    words = sorted(child.name for child in path.iterdir() if child.is_dir() and child.name[0] not in "._")
    version = "v2" if "visual" in words else "v1"
    clips = [clip for word in words for clip in _word(path, word, splits)]
    there = {clip.id for clip in clips}
    rejected = [Rejected(name, "in the set's lists but not there") for name in sorted(splits) if name not in there]
    name = f"gsc-{version}-{task}"
    if task == "35":
        return make_manifest(name, path, clips, rejected, words)
    commands = [clip for clip in clips if clip.label in COMMANDS]
    if task == "10":
        return make_manifest(name, path, commands, rejected, COMMANDS)
    others = [clip for clip in clips if clip.label not in COMMANDS]
    wanted = {split: _share(sum(clip.split == split for clip in commands)) for split in REGIONS}
    extra = [*_silence(path, wanted, rejected), *_unknown(others, wanted)]
    return make_manifest(name, path, [*commands, *extra], rejected, (*COMMANDS, SILENCE, UNKNOWN))


def _share(commands: int) -> int:
    return math.ceil(commands * EXTRA / 100)


def _word(root: Path, word: str, splits: dict[str, str]) -> Iterable[Clip]:
    for file in sorted((root / word).glob("*.wav")):
        relative = f"{word}/{file.name}"
        speaker, mark, _ = file.stem.partition("_nohash_")
        yield Clip(
            relative,
            file,
            word,
            split=splits.get(relative, "train"),
            speaker=speaker if mark else None,
            sample_rate=SAMPLE_RATE,
        )


def _unknown(others: list[Clip], wanted: dict[str, int]) -> Iterable[Clip]:
    """The ``wanted`` clips of each split with the smallest hashes: the same for everyone, spread over all words."""
    ranked = sorted(others, key=lambda clip: hashlib.sha256(f"{_SEED}:{clip.id}".encode()).digest())
    for split, count in wanted.items():
        chosen = [clip for clip in ranked if clip.split == split][:count]
        for clip in sorted(chosen, key=lambda clip: clip.id):
            yield Clip(
                clip.id,
                clip.path,
                UNKNOWN,
                split=split,
                speaker=clip.speaker,
                sample_rate=SAMPLE_RATE,
            )


def _silence(root: Path, wanted: dict[str, int], rejected: list[Rejected]) -> list[Clip]:
    """One-second cuts of the background noise, at starts drawn without replacement from each split's region."""
    lengths: dict[Path, int] = {}
    for file in sorted((root / NOISE).glob("*.wav")):
        try:
            info = probe(file)
        except BadFileError as error:
            rejected.append(Rejected(f"{NOISE}/{file.name}", error.what))
            continue
        if info.sample_rate != SAMPLE_RATE:
            rejected.append(Rejected(f"{NOISE}/{file.name}", f"{info.sample_rate} Hz, expected {SAMPLE_RATE} Hz"))
            continue
        lengths[file] = info.samples
    clips = []
    for split, (low, high) in REGIONS.items():
        places = [
            (file, start)
            for file, length in lengths.items()
            for start in range(math.ceil(low * length / GRID) * GRID, int(high * length) - SAMPLE_RATE + 1, GRID)
        ]
        if len(places) < wanted[split]:
            mend = "fetch the set again, or use the 10-word task: gsc-10:DIR"
            raise DataError(f"too little background noise for the {split} split", where=str(root / NOISE), mend=mend)
        for file, start in sorted(random.Random(f"{_SEED}:{split}").sample(places, wanted[split])):
            name = clip_id(f"{NOISE}/{file.name}", start)
            clips.append(
                Clip(
                    name,
                    file,
                    SILENCE,
                    split=split,
                    source=file.stem,
                    sample_rate=SAMPLE_RATE,
                    start=start,
                    samples=SAMPLE_RATE,
                )
            )
    return clips
