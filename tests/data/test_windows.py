"""Where a model listens in longer clips, against placements counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.data.windows import (
    START,
    WINDOWS_KEY,
    TrainingStarts,
    Windows,
    audible_starts,
    evaluation_windows,
    windows_from,
)

RATE = 8000
SECOND = RATE


@pytest.fixture
def cache(tmp_path: Path) -> AudioCache:
    """a: 2 s of sound; b: 0.4 s; c: half a second of sound and 2.5 s of zeros."""
    draw = np.random.default_rng(0)
    sounds = {"a": 2 * SECOND, "b": 3200, "c": SECOND // 2}
    for name, length in sounds.items():
        pcm = draw.integers(-9000, 9000, length).astype(np.int16)
        if name == "c":
            pcm = np.concatenate([pcm, np.zeros(5 * SECOND // 2, np.int16)])
        (tmp_path / "set" / name).mkdir(parents=True)
        soundfile.write(tmp_path / "set" / name / "1.wav", pcm, RATE, subtype="PCM_16")
    return AudioCache(read_manifest(tmp_path / "set"), RATE, tmp_path / "cache")


def test_without_a_hop_every_clip_has_the_window_at_its_start(cache: AudioCache) -> None:
    heard = evaluation_windows(cache, np.array([2, 0]), SECOND, START)
    assert heard.clips.tolist() == [2, 0] and heard.offsets.tolist() == [0, 0] and heard.rows.tolist() == [0, 1]


def test_windows_step_through_a_clip_and_the_last_ends_with_it(cache: AudioCache) -> None:
    heard = evaluation_windows(cache, np.array([0, 1]), SECOND, Windows(hop_ms=300))
    assert heard.offsets[heard.rows == 0].tolist() == [0, 2400, 4800, 7200, 8000]
    assert heard.offsets[heard.rows == 1].tolist() == [0]  # shorter than a window: the rest is zeros


def test_windows_of_digital_silence_are_left_out(cache: AudioCache) -> None:
    # Of clip c, windows at 0, 0.25 s and 0.5 s hold 10, 5 and 0 audible blocks of 20.
    every = evaluation_windows(cache, np.array([2]), SECOND, Windows(hop_ms=250, audible_share=0.0))
    loud = evaluation_windows(cache, np.array([2]), SECOND, Windows(hop_ms=250, audible_share=0.2))
    assert len(every) == 9 and loud.offsets.tolist() == [0, 2000]


def test_a_clip_without_enough_sound_keeps_its_best_windows(cache: AudioCache) -> None:
    heard = evaluation_windows(cache, np.array([2]), SECOND, Windows(hop_ms=250, audible_share=0.9))
    assert heard.offsets.tolist() == [0]


def test_four_steps_from_zero_are_silence_and_five_are_not() -> None:
    starts = np.array([0, 4000])
    pcm = np.zeros(8000, np.int16)
    pcm[5000] = -5
    assert audible_starts(pcm, RATE, starts, 4000, 0.1).tolist() == [4000]
    pcm[5000] = 4
    assert audible_starts(pcm, RATE, starts, 4000, 0.1).tolist() == [0, 4000]  # nothing sounds: all are as good


def test_the_mean_weighs_every_window_of_a_clip_alike(cache: AudioCache) -> None:
    heard = evaluation_windows(cache, np.array([0, 1, 2]), SECOND, Windows(hop_ms=500))
    assert np.bincount(heard.rows).tolist() == [3, 1, 1]
    values = np.array([[1, 0], [0, 1], [0.5, 0.5], [0.2, 0.8], [0.3, 0.7]])
    np.testing.assert_allclose(heard.mean(values), [[0.5, 0.5], [0.2, 0.8], [0.3, 0.7]])


def test_training_windows_start_a_block_apart_where_there_is_sound(cache: AudioCache) -> None:
    starts = TrainingStarts(cache, SECOND, Windows(per_clip=4, audible_share=0.25))
    assert starts.of(0).tolist() == list(range(0, 8001, 400))
    assert starts.of(1).tolist() == [0]
    assert starts.of(2).tolist() == [0, 400, 800, 1200, 1600, 2000]  # at 0.25 s five of twenty blocks sound


def test_drawn_starts_are_those_of_each_clip(cache: AudioCache) -> None:
    starts = TrainingStarts(cache, SECOND, Windows(per_clip=4))
    indices = np.tile([2, 0, 1], 300)
    drawn = starts.draw(indices, np.random.default_rng(0))
    for index in range(3):
        assert set(drawn[indices == index].tolist()) == set(starts.of(index).tolist())


def test_windows_travel_in_a_models_metadata() -> None:
    given = Windows(hop_ms=250, audible_share=0.3)
    assert windows_from({WINDOWS_KEY: given.to_text()}, "m") == given
    assert windows_from({}, "m") == START


@pytest.mark.parametrize("text", ["", "[]", '{"hop_ms": 1}', '{"hop_ms": -5, "audible_share": 0.2}'])
def test_damaged_metadata_is_refused(text: str) -> None:
    with pytest.raises(BadFileError, match="is damaged"):
        windows_from({WINDOWS_KEY: text}, "m")


@pytest.mark.parametrize("values", [{"hop_ms": 0.5}, {"hop_ms": float("nan")}, {"audible_share": 1.5}])
def test_impossible_windows_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(BadConfigError):
        Windows(**values)
