"""The first stage and the choice of a detector: masks against the detector itself, C against Python, bounds kept."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgekit.core.errors import BadConfigError, DataError
from edgekit.deploy.detector.generate import generate_detector
from edgekit.detect.choice import choose_detector, choose_two_stages, open_share, outcome_of
from edgekit.detect.detector import Detector
from edgekit.detect.evaluation import Truth, events_above, poisson_interval
from edgekit.detect.operating_point import Trace, choose_point, detection_curve, detector_sums
from edgekit.detect.posterior import exponential_table, posteriors
from edgekit.detect.settings import ONE, DetectorSettings, FirstStage, settings_from

SCALE, FIRST_SCALE = 0.05, 0.07
STAGE = FirstStage(outputs=3, keyword=2, threshold=9000, smoothing=2, hold=12)
SETTINGS = DetectorSettings(outputs=2, keywords=(1,), thresholds=(17000,), smoothing=4, refractory=15, first=STAGE)


def _walks(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits that wander, of the first stage and of the word's model: int8 [count, 3], [count, 2]."""
    draw = np.random.default_rng(seed)
    first, word = np.zeros(3), np.zeros(2)
    out = []
    for _ in range(count):
        first = np.clip(first * 0.97 + draw.normal(0, 12, 3), -128, 127)
        word = np.clip(word * 0.9 + draw.normal(0, 20, 2), -128, 127)
        out.append((first.astype(np.int8), word.astype(np.int8)))
    return np.stack([a for a, _ in out]), np.stack([b for _, b in out])


def _python(first: np.ndarray, word: np.ndarray) -> tuple[list[int], list[bool]]:
    detector = Detector(SETTINGS, SCALE, FIRST_SCALE)
    fired, opened = [], []
    for a, b in zip(first, word, strict=True):
        opened.append(detector.first(a))
        event = detector.decide(b) if opened[-1] else None
        fired += [event.decision] if event else []
    return fired, opened


def test_the_curve_of_two_stages_fires_when_the_detector_does() -> None:
    first, word = _walks(5, 6000)
    fired, opened = _python(first, word)
    trace = Trace(
        shares=posteriors(word, exponential_table(SCALE))[:, 1],
        times=np.arange(6000) / 50.0,
        words=(),
        seconds=120.0,
        first=posteriors(first, exponential_table(FIRST_SCALE))[:, 2],
    )
    assert trace.open(STAGE).tolist() == opened and 0.1 < np.mean(opened) < 0.9
    told = events_above(detector_sums(trace, 4, STAGE), 17000, 4, 15)
    assert told.tolist() == fired and len(fired) > 40
    assert open_share([trace], STAGE) == pytest.approx(np.mean(opened))
    assert outcome_of([trace], SETTINGS).false_accepts == len(fired)


def test_the_c_of_two_stages_decides_as_the_python_does(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("install gcc")
    sources = generate_detector(SETTINGS, SCALE, ("other", "word"), "w", FIRST_SCALE)
    assert "opens from a mean probability of 9000 / 32768" in sources.header
    for name, text in sources.files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "size.c").write_text(
        '#include "w_detector.h"\nsize_t size(void);\nsize_t size(void) { return sizeof(w_detector); }\n'
    )
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    checks = ["-fsanitize=undefined", "-fno-sanitize-recover=all", "-O1", "-shared", "-fPIC"]
    subprocess.run(["gcc", *warnings, *checks, "-o", "w.so", "w_detector.c", "size.c"], cwd=tmp_path, check=True)
    library = ctypes.CDLL(str(tmp_path / "w.so"))
    state = ctypes.create_string_buffer(library.size())
    library.w_detector_init(state)
    first, word = _walks(6, 6000)
    fired, opened = [], []
    for number, (a, b) in enumerate(zip(first, word, strict=True)):
        opened.append(bool(library.w_detector_first(state, a.ctypes.data_as(ctypes.c_void_p))))
        if opened[-1] and library.w_detector_decide(state, b.ctypes.data_as(ctypes.c_void_p), 1, None) == 1:
            fired.append(number)
    assert (fired, opened) == _python(first, word) and len(fired) > 40


def test_a_first_stage_survives_json_and_is_asked_only_where_it_is() -> None:
    assert settings_from(SETTINGS.to_json()) == SETTINGS
    plain = DetectorSettings(outputs=2, keywords=(1,), thresholds=(17000,))
    assert "first" not in plain.to_json()
    with pytest.raises(BadConfigError, match="first stage"):
        Detector(plain, SCALE).first(np.zeros(3, np.int8))
    with pytest.raises(BadConfigError, match="keyword is 3"):
        FirstStage(outputs=3, keyword=3, threshold=1)


def _stream(seed: int, hours: float, words: int, disturbed: int, sure: float) -> Trace:
    """A decision every 20 ms: low noise, words at ``sure``, moments at 0.8 that the first stage sees through."""
    draw = np.random.default_rng(seed)
    count = round(hours * 180_000)
    shares = draw.integers(0, 3000, count).astype(np.int32)
    first = draw.integers(0, 1500, count).astype(np.int32)
    places = np.linspace(1000, count - 1000, words + disturbed).astype(int)
    truth = []
    for number, place in enumerate(draw.permutation(places)):
        length = slice(place, place + 25)
        shares[length] = round((sure if number < words else 0.8) * ONE)
        if number < words:
            first[length] = ONE // 2
            truth.append(Truth((place - 30) / 50, place / 50, "10 dB"))
    return Trace(shares, np.arange(count) / 50, tuple(sorted(truth, key=lambda w: w.start)), hours * 3600, first)


def test_a_first_stage_that_sees_through_disturbances_saves_the_words_below_them() -> None:
    traces = [_stream(1, 4.0, 0, 30, 0.0), _stream(2, 0.5, 40, 0, 0.7)]
    settings = DetectorSettings(outputs=2, keywords=(1,), thresholds=(1,), refractory=60)
    single = choose_detector(traces, settings, 1.0)
    stage = FirstStage(outputs=2, keyword=1, threshold=1)
    staged = choose_two_stages(traces, settings, stage, 1.0)
    assert single.point.outcome.hits == 0 and staged.point.outcome.hits == 40
    assert staged.settings.first is not None and staged.settings.first.threshold > 1500
    assert staged.settings.thresholds[0] < 0.7 * ONE < single.settings.thresholds[0]
    assert open_share(traces[:1], staged.settings.first) == 0.0


def test_the_bound_needs_hours() -> None:
    """No false accept in an hour: the rate is 0, the upper end of its interval 3.7."""
    traces = [_stream(3, 1.0, 10, 0, 0.9)]
    curve = detection_curve(traces, 5, 60)
    assert choose_point(curve, 1.0).outcome.hits == 10
    assert poisson_interval(0, 1.0)[1] == pytest.approx(3.689, abs=1e-3)
    with pytest.raises(DataError, match=r"upper bound of the best is 3\.69"):
        choose_point(curve, 1.0, bound=True)
    assert choose_point(curve, 4.0, bound=True).outcome.hits == 10
