import math

import pytest

from edgekit.core.errors import DataError
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.data.datasets.speech_commands import COMMANDS

OTHERS = ("bed", "cat", "visual")
SPEAKERS = tuple(f"{number:08x}" for number in range(20))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A small v2: 13 words, 20 speakers, each word once by each; speaker 0-1 validation, 2-4 test."""
    import numpy as np
    import soundfile

    folder = tmp_path_factory.mktemp("gsc")
    chance = np.random.default_rng(0)
    lists = {"validation": [], "testing": []}
    for word in COMMANDS + OTHERS:
        (folder / word).mkdir()
        for number, speaker in enumerate(SPEAKERS):
            name = f"{word}/{speaker}_nohash_0.wav"
            soundfile.write(folder / name, chance.normal(size=1600) * 0.1, 16_000)
            if number < 5:
                lists["validation" if number < 2 else "testing"].append(name)
    for split, names in lists.items():
        (folder / f"{split}_list.txt").write_text("\n".join(names) + "\n")
    (folder / "_background_noise_").mkdir()
    for name in ("hum", "tap"):
        soundfile.write(folder / "_background_noise_" / f"{name}.wav", chance.normal(size=60 * 16_000) * 0.1, 16_000)
    return folder


def counts(manifest, label):
    return {split: len(manifest.select(split=split, label=label)) for split in ("train", "validation", "test")}


def test_ten_words(root):
    found = read_manifest(root, "gsc-10")
    assert found.name == "gsc-v2-10"
    assert found.labels == tuple(sorted(COMMANDS))
    assert counts(found, COMMANDS) == {"train": 150, "validation": 20, "test": 30}


def test_every_word(root):
    found = read_manifest(root, "gsc-35")
    assert found.labels == tuple(sorted(COMMANDS + OTHERS))
    assert len(found) == 13 * 20


def test_speakers_never_cross_splits(root):
    found = read_manifest(root, "gsc-12")
    by_split = [{c.speaker for c in found.select(split=s).clips if c.speaker} for s in ("train", "validation", "test")]
    assert by_split[1] == {SPEAKERS[0], SPEAKERS[1]}
    assert not (by_split[0] & by_split[1] | by_split[0] & by_split[2] | by_split[1] & by_split[2])


def test_twelve_words_have_a_tenth_each_of_unknown_and_silence(root):
    found = read_manifest(root)
    assert found.labels == (*COMMANDS, "silence", "unknown")
    for label in ("silence", "unknown"):
        assert counts(found, label) == {s: math.ceil(n / 10) for s, n in counts(found, COMMANDS).items()}
    assert {clip.path.parent.name for clip in found.select(label="unknown").clips} <= set(OTHERS)


def test_the_draw_is_the_same_every_time(root):
    assert read_manifest(root).clips == read_manifest(root).clips


def test_silence_of_the_splits_comes_from_different_parts_of_the_noise(root):
    found = read_manifest(root)
    length = 60 * 16_000
    for split, low, high in (("train", 0, 0.8), ("validation", 0.8, 0.9), ("test", 0.9, 1)):
        for clip in found.select(split=split, label="silence").clips:
            assert clip.path.parent.name == "_background_noise_"
            assert low * length <= clip.start and clip.start + clip.samples <= high * length
            assert clip.samples == 16_000


def test_silence_decodes_as_the_stretch_it_names(root, tmp_path):
    import numpy as np
    import soundfile

    found = read_manifest(root).select(label="silence", split="test")
    cache = AudioCache(found, 16_000, tmp_path)
    for index, clip in enumerate(found.clips):
        whole, _ = soundfile.read(clip.path, dtype="int16")
        assert np.array_equal(cache.clip(index), whole[clip.start : clip.start + 16_000])


def test_a_listed_clip_that_is_missing_is_rejected(root):
    name = f"yes/{SPEAKERS[0]}_nohash_0.wav"
    path = root / name
    content = path.read_bytes()
    path.unlink()
    try:
        assert [item.path for item in read_manifest(root, "gsc-10").rejected] == [name]
    finally:
        path.write_bytes(content)


def test_without_noise_the_12_word_task_says_what_to_do(root):
    folder = root / "_background_noise_"
    folder.rename(root / "_hidden_")
    try:
        with pytest.raises(DataError, match=r"too little background noise.*gsc-10"):
            read_manifest(root)
    finally:
        (root / "_hidden_").rename(folder)
