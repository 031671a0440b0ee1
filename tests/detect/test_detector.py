"""The detector: by hand in small cases, and its C equal to it on long random streams under sanitizers."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgekit.core.errors import BadConfigError
from edgekit.deploy.detector.generate import generate_detector
from edgekit.detect.detector import Detector, GainState, GateState
from edgekit.detect.posterior import exponential_table, posteriors
from edgekit.detect.settings import ONE, DetectorSettings, Gain, VoiceGate, settings_from

SCALE = 0.08
SETTINGS = DetectorSettings(
    outputs=4, keywords=(1, 3), thresholds=(20000, 14000), smoothing=3, refractory=5, gate=VoiceGate(), gain=Gain()
)


def test_posteriors_are_the_softmax_within_one_part_in_a_thousand() -> None:
    logits = np.random.default_rng(1).integers(-128, 128, (500, 6)).astype(np.int8)
    told = posteriors(logits, exponential_table(SCALE)) / ONE
    real = np.exp(SCALE * logits.astype(float))
    np.testing.assert_allclose(told, real / real.sum(axis=1, keepdims=True), atol=1e-3)


def _logits(sure: int) -> np.ndarray:
    out = np.full(4, -100, np.int8)
    out[sure] = 100
    return out


def test_an_event_needs_a_full_average_and_is_followed_by_rest() -> None:
    detector = Detector(SETTINGS, SCALE)
    told = [detector.decide(_logits(1)) for _ in range(20)]
    numbers = [event.decision for event in told if event]
    assert numbers == [2, 8, 14]  # three to fill, then five of rest, during which the average fills again
    assert all(event.output == 1 and event.score > 32000 for event in told if event)


def test_words_below_their_threshold_and_other_outputs_are_no_events() -> None:
    detector = Detector(SETTINGS, SCALE)
    assert not any(detector.decide(_logits(0)) for _ in range(10))
    one_of_three = [_logits(3), _logits(0), _logits(0)] * 4
    assert not any(detector.decide(item) for item in one_of_three)
    two_of_three = [_logits(3), _logits(3), _logits(0)]
    assert any(detector.decide(item) for item in two_of_three)


def test_a_closed_gate_lets_nothing_through() -> None:
    detector = Detector(SETTINGS, SCALE)
    assert not any(detector.decide(_logits(1), open_gate=False) for _ in range(9))
    assert detector.decide(_logits(1)) is not None


def test_the_gate_opens_above_the_floor_and_hangs_over() -> None:
    gate = GateState(VoiceGate(ratio=64, least=100, hangover=3))
    draw = np.random.default_rng(2)
    quiet = [draw.integers(-30, 30, 160).astype(np.int16) for _ in range(200)]
    loud = draw.integers(-3000, 3000, 160).astype(np.int16)
    assert not any(gate.hear(hop) for hop in quiet)
    assert gate.hear(loud)
    assert [gate.hear(quiet[0]) for _ in range(5)] == [True, True, True, False, False]


def test_the_gain_brings_a_soft_voice_up_and_a_loud_one_down() -> None:
    gain = GainState(Gain(peak=16000, most=4096))
    tone = (1500 * np.sin(0.3 * np.arange(160))).astype(np.int16)
    for _ in range(1500):
        out = gain.apply(tone)
    assert 15000 < np.abs(out).max() < 16100
    for _ in range(60):
        out = gain.apply((30000 * np.sin(0.3 * np.arange(160))).astype(np.int16))
    assert 15000 < np.abs(out).max() < 16500
    assert not gain.apply(np.zeros(160, np.int16)).any()


def test_settings_survive_json_and_refuse_what_is_wrong() -> None:
    assert settings_from(SETTINGS.to_json()) == SETTINGS
    plain = SETTINGS.to_json()
    with pytest.raises(BadConfigError, match="unknown key 'smooth'"):
        settings_from({**plain, "smooth": 3})
    with pytest.raises(BadConfigError, match="threshold is 40000"):
        settings_from({**plain, "thresholds": [40000, 1]})
    with pytest.raises(BadConfigError, match="not among the 4 outputs"):
        settings_from({**plain, "keywords": [1, 4]})


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if shutil.which("gcc") is None:
        pytest.skip("install gcc")
    folder = tmp_path_factory.mktemp("detector")
    sources = generate_detector(SETTINGS, SCALE, ("a", "yes */", "c", "no"), "word")
    for name, text in sources.files.items():
        (folder / name).write_text(text)
    (folder / "size.c").write_text(
        '#include "word_detector.h"\nsize_t state_bytes(void);\n'
        "size_t state_bytes(void) { return sizeof(word_detector); }\n"
    )
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    checks = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
    command = ["gcc", *warnings, *checks, "-O1", "-shared", "-fPIC", "-o", "word.so", "word_detector.c", "size.c"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "word.so"))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_c_decides_as_the_python_does(library: ctypes.CDLL, seed: int) -> None:
    draw = np.random.default_rng(seed)
    state = ctypes.create_string_buffer(library.state_bytes())
    library.word_detector_init(state)
    detector = Detector(SETTINGS, SCALE)
    score = ctypes.c_int32(0)
    events = 0
    walk = np.zeros(4)
    for _ in range(5000):
        walk = np.clip(walk * 0.95 + draw.normal(0, 30, 4), -128, 127)
        logits = walk.astype(np.int8)
        is_open = bool(draw.random() < 0.9)
        told = library.word_detector_decide(state, logits.ctypes.data_as(ctypes.c_void_p), is_open, ctypes.byref(score))
        event = detector.decide(logits, open_gate=is_open)
        assert told == (event.output if event else -1)
        if event:
            events += 1
            assert score.value == event.score
    assert events > 50


def test_gate_and_gain_in_c_are_those_in_python(library: ctypes.CDLL) -> None:
    draw = np.random.default_rng(3)
    state = ctypes.create_string_buffer(library.state_bytes())
    library.word_detector_init(state)
    gate, gain = GateState(VoiceGate()), GainState(Gain())
    level = 100.0
    for _ in range(3000):
        level = float(np.clip(level * draw.choice([0.5, 0.9, 1.0, 1.1, 3.0]), 1, 32767))
        pcm = np.clip(draw.normal(0, level, 160), -32768, 32767).astype(np.int16)
        told = library.word_detector_hear(state, pcm.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(160))
        assert bool(told) == gate.hear(pcm)
        wanted = gain.apply(pcm)
        library.word_detector_gain(state, pcm.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(160))
        np.testing.assert_array_equal(pcm, wanted)


def test_headers_hold_the_operating_point() -> None:
    header = generate_detector(SETTINGS, SCALE, ("a", "yes */", "c", "no"), "word").header
    assert "20000 / 32768" in header and "#define WORD_DETECTOR_REFRACTORY 5" in header
    assert "yes */," not in header


def test_the_c_library_path_is_clean(tmp_path: Path) -> None:
    plain = DetectorSettings(outputs=2, keywords=(1,), thresholds=(16384,))
    text = generate_detector(plain, SCALE, ("other", "word"), "w").source
    assert "float" not in text and "gain" not in text and "floor" not in text
