"""A wake word from text, small: every file is there, and the detector's C decides as the trace says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgekit.api.wake import WakeConfig, evaluate_wake, wake
from edgekit.api.wake_data import WakeSet, read_selected, synthesise_set
from edgekit.api.wake_stream import stream_model
from edgekit.core.errors import BadConfigError, DataError
from edgekit.core.progress import silent
from edgekit.detect.posterior import exponential_table, posteriors
from edgekit.features.quantized import quantize_features
from edgekit.features.reference import features
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

CONFIG = WakeConfig(
    set=WakeSet(phrase="lantern", voices=10, takes=1, neighbours=20),
    overrides=("schedule.epochs=1", "schedule.ema_decay=0"),
    most_per_hour=100000.0,
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
    told = json.loads((made / "wake.json").read_text())
    assert detector["thresholds"] == [told["detector"]["thresholds"][0]]
    assert told["development"]["words"] == 10 and told["firmware"]["flash"] > 10_000
    header = (made / "firmware" / "wake_detector.h").read_text()
    assert f"{detector['thresholds'][0]} / 32768" in header


@pytest.mark.slow
def test_a_finished_detector_is_found_again(made: Path) -> None:
    before = (made / "model.int8.tflite").read_bytes()
    again = wake(CONFIG, made)
    assert (made / "model.int8.tflite").read_bytes() == before
    assert again.settings.thresholds == tuple(json.loads((made / "detector.json").read_text())["thresholds"])


@pytest.mark.slow
def test_windows_of_the_stream_are_those_of_clips(made: Path) -> None:
    """The stream's decisions equal the integer interpreter's on clips cut from it, but for rounding of the features."""
    draw = np.random.default_rng(1)
    pcm = np.clip(draw.normal(0, 3000, 40_000), -32768, 32767).astype(np.int16)
    graph = lower(load_graph(made / "model.int8.tflite"))
    given = graph.tensor(graph.inputs[0])
    with stream_model(made / "model.int8.tflite") as model:
        shares, ends = model.hear(pcm)
        spec = model.spec
        for row, end in zip(shares, ends, strict=True):
            clip = features(spec, pcm[end - spec.clip_samples : end]).astype(np.float32)
            inputs = quantize_features(clip[None], *given.scale_zero()).reshape(1, *given.dims[1:])
            wanted = posteriors(run_integer(graph, inputs).reshape(1, -1), exponential_table(model.scale))[0]
            assert np.abs(row - wanted).max() < 0.06 * 32768


@pytest.mark.slow
def test_it_is_judged_on_voices_it_never_heard(made: Path) -> None:
    outcome = evaluate_wake(made, CONFIG, [str(made / "words" / "manifest.csv") + "?label=silence"], hours=0.02)
    assert outcome.words == 10 and outcome.hours > 0.03


def test_a_phrase_of_no_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfigError, match="is no wake word"):
        synthesise_set(WakeSet(phrase=" "), tmp_path, silent)


def test_a_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_selected(str(tmp_path / "gone") + "?fold=1")
