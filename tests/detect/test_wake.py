"""A wake word from text, small: every file is there, and streams are decided as windows are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgekit.api.wake import WakeConfig, wake
from edgekit.api.wake_data import WakeSet, read_selected, synthesise_talk, synthesise_words, without_phrase
from edgekit.api.wake_judge import evaluate_wake, mistaken_recordings
from edgekit.api.wake_stream import stream_models
from edgekit.api.wake_train import resolve
from edgekit.core.errors import BadConfigError, DataError
from edgekit.core.progress import silent
from edgekit.data.datasets import read_manifest
from edgekit.detect.operating_point import Trace
from edgekit.detect.posterior import exponential_table, posteriors
from edgekit.detect.settings import DetectorSettings
from edgekit.features.quantized import quantize_features
from edgekit.features.reference import features
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

CONFIG = WakeConfig(
    set=WakeSet(phrase="lantern", voices=10, takes=1, neighbours=20, talk=1, languages=("en",)),
    overrides=("schedule.epochs=4", "schedule.batch_size=8", "model.arguments.channels=[32,32,32,32]"),
    most_per_hour=1e6,
    lesson_hours=0.05,
    hours=0.02,
    word_minutes=1,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("espeakng_loader", reason="pip install 'edgekit[synth]'")
    folder = tmp_path_factory.mktemp("wake")
    wake(CONFIG, folder)
    return folder


@pytest.mark.slow
def test_everything_that_was_promised_is_there(made: Path) -> None:
    detector = json.loads((made / "detector.json").read_text())
    staged = json.loads((made / "two_stages.json").read_text())
    told = json.loads((made / "wake.json").read_text())
    assert detector["thresholds"] == told["single"]["detector"]["thresholds"] and "first" not in detector
    assert staged["first"]["threshold"] == told["two_stages"]["detector"]["first"]["threshold"]
    assert told["single"]["development"]["words"] == 10
    assert min(told["firmware"][key] for key in ("word_flash", "first_flash", "word_macs_a_hop")) > 1_000
    assert (made / "firmware" / "first" / "c" / "firmware.elf").is_file()
    assert f"{detector['thresholds'][0]} / 32768" in (made / "firmware" / "wake_detector.h").read_text()
    assert f"{staged['first']['threshold']} / 32768" in (made / "firmware" / "wake_staged_detector.h").read_text()
    for picture in ("det", "false_accepts", "misses", "latency"):
        assert (made / f"development_{picture}.svg").read_text().startswith("<svg")


@pytest.mark.slow
def test_a_finished_detector_is_found_again(made: Path) -> None:
    before = (made / "model.int8.tflite").read_bytes()
    again = wake(CONFIG, made)
    assert (made / "model.int8.tflite").read_bytes() == before
    assert list(again.single.settings.thresholds) == json.loads((made / "detector.json").read_text())["thresholds"]


@pytest.mark.slow
def test_decisions_of_a_stream_are_the_integer_interpreters_on_its_windows(made: Path) -> None:
    """Heard in pieces of odd lengths; features by the reference, which rounds elsewhere: some units apart."""
    pcm = np.clip(np.random.default_rng(1).normal(0, 3000, 40_000), -32768, 32767).astype(np.int16)
    paths = [made / "first.int8.tflite", made / "model.int8.tflite"]
    with stream_models(paths, "lantern") as models:
        parts = [models.hear(part) for part in np.split(pcm, [100, 5000, 30_001])]
        spec = models.spec
    shares, ends = (np.concatenate(values) for values in zip(*parts, strict=True))
    heard = (spec.frames - 1) * spec.hop_length + spec.span
    padded = np.concatenate([pcm, np.zeros(spec.clip_samples, np.int16)])  # a clip may be longer than its frames
    assert len(ends) == (len(pcm) - spec.span) // spec.hop_length + 1 - (spec.frames - 1)
    for column, path in enumerate(paths):
        graph = lower(load_graph(path))
        given, scale = graph.tensor(graph.inputs[0]), float(graph.tensor(graph.outputs[0]).scale_zero()[0])
        for row in (0, 10, len(ends) - 1):
            clip = features(spec, padded[ends[row] - heard :][: spec.clip_samples]).astype(np.float32)
            inputs = quantize_features(clip[None], *given.scale_zero()).reshape(1, *given.dims[1:])
            wanted = posteriors(run_integer(graph, inputs).reshape(1, -1), exponential_table(scale))[0, 1]
            assert abs(int(shares[row, column]) - int(wanted)) < 0.03 * 32768


@pytest.mark.slow
def test_it_is_judged_on_voices_it_never_heard(made: Path) -> None:
    words = str(made / "words" / "manifest.csv")
    told = evaluate_wake(made, CONFIG, [f"{words}?label=unknown"], hours=0.02)
    for verdict in (told.single, told.staged):
        assert verdict.choice.point.outcome.words == 10 and verdict.choice.point.outcome.hours > 0.03
        assert verdict.to_json()["test"]["miss_rate_95"][1] > 0.1
    assert told.single.opened == 1.0 and 0.0 <= told.staged.opened <= 1.0
    assert (made / "test_det.svg").is_file()


@pytest.mark.slow
def test_general_speech_keeps_the_split_of_every_voice(made: Path) -> None:
    """A variant that says the word in testing says nothing in training, in any language."""
    plan = WakeSet(phrase="lantern", voices=10, talk=1, languages=("en", "de"))
    sets = [read_manifest(made / "words" / "manifest.csv"), *synthesise_talk(plan, made / "two", silent)]
    split: dict[str, set[str]] = {}
    for clip in (clip for item in sets for clip in item.clips):
        assert clip.speaker is not None and clip.split is not None
        split.setdefault(clip.speaker.split("+")[1], set()).add(clip.split)
    assert len(split) == 10 and all(len(found) == 1 for found in split.values())
    assert len(without_phrase(sets[2], "talk").clips) == len(sets[2].clips) - 10


def test_what_was_mistaken_for_the_word_is_named() -> None:
    shares = np.zeros(500, np.int32)
    shares[100:120] = shares[300:320] = shares[420:440] = 32000
    pieces = ((0.0, 1), (1.5, 0), (5.0, 2), (7.9, 0))
    trace = Trace(shares, np.arange(500) / 50, (), 10.0, pieces=pieces)
    settings = DetectorSettings(outputs=2, keywords=(1,), thresholds=(20000,), smoothing=5, refractory=20)
    assert mistaken_recordings(trace, settings, ("rain", "dog", "crow")) == (("rain", 2), ("crow", 1))


def test_a_phrase_of_no_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfigError, match=r"the wake word.*is no word"):
        synthesise_words(WakeSet(phrase=" "), tmp_path, silent)


def test_a_recipe_that_is_no_stream_is_refused() -> None:
    with pytest.raises(BadConfigError, match="learned on streams"):
        resolve(("frontend.fields.padding=zero",))


def test_a_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_selected(str(tmp_path / "gone") + "?fold=1")
