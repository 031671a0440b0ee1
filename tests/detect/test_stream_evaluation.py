"""Outcomes by hand, intervals against scipy, and thresholds against the detector itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from edgekit.core.errors import DataError
from edgekit.detect.detector import Detector
from edgekit.detect.evaluation import (
    Truth,
    candidate_thresholds,
    events_above,
    match_events,
    poisson_interval,
    smoothed,
)
from edgekit.detect.operating_point import Trace, choose_point, detection_curve
from edgekit.detect.posterior import exponential_table, posteriors
from edgekit.detect.settings import DetectorSettings


def test_events_are_matched_once_within_the_tolerance() -> None:
    words = [Truth(1.0, 1.5, "20 dB"), Truth(3.0, 3.5, "5 dB"), Truth(9.0, 9.5, "5 dB")]
    told = match_events([0.5, 1.4, 2.0, 3.4, 6.0], words, seconds=1800.0)
    assert (told.words, told.hits, told.false_accepts) == (3, 2, 2)  # 0.5 and 6.0; 2.0 repeats the first word
    assert told.latencies == pytest.approx((-0.1, -0.1))
    assert told.groups == {"20 dB": (1, 1), "5 dB": (2, 1)}
    assert told.miss_rate == pytest.approx(1 / 3) and told.false_accepts_per_hour == 4.0


@pytest.mark.parametrize("count", [0, 1, 4, 30])
def test_bounds_of_a_rate_are_garwoods(count: int) -> None:
    low, high = poisson_interval(count, 2.0)
    assert low == pytest.approx(chi2.ppf(0.025, 2 * count) / 4.0 if count else 0.0, abs=1e-9)
    assert high == pytest.approx(chi2.ppf(0.975, 2 * count + 2) / 4.0)


@pytest.mark.parametrize(("smoothing", "refractory"), [(1, 0), (4, 2), (5, 20), (7, 7)])
def test_the_curve_fires_when_the_detector_does(smoothing: int, refractory: int) -> None:
    draw = np.random.default_rng(smoothing)
    walk = np.clip(np.cumsum(draw.normal(0, 25, (4000, 2)), axis=0) % 200 - 100, -128, 127).astype(np.int8)
    settings = DetectorSettings(
        outputs=2, keywords=(1,), thresholds=(26000,), smoothing=smoothing, refractory=refractory
    )
    detector = Detector(settings, 0.05)
    fired = [event.decision for logits in walk if (event := detector.decide(logits))]
    shares = posteriors(walk, exponential_table(0.05))[:, 1:]
    told = events_above(smoothed(shares, smoothing)[:, 0], 26000, smoothing, refractory)
    assert told.tolist() == fired and len(fired) > 20


def _trace(level: float, seed: int) -> Trace:
    draw = np.random.default_rng(seed)
    shares = draw.integers(0, 9000, 3600).astype(np.int32)
    for place in range(300, 3600, 600):
        shares[place : place + 6] = int(level * 32768)
    shares[100:106] = 20000  # something that sounds alike
    words = tuple(Truth((place - 8) / 10, place / 10) for place in range(300, 3600, 600))
    return Trace(shares, np.arange(3600) / 10.0, words, 360.0)


def test_the_operating_point_keeps_the_promise_and_misses_least() -> None:
    traces = [_trace(0.95, 1), _trace(0.9, 2)]
    curve = detection_curve(traces, smoothing=4, refractory=10)
    point = choose_point(curve, most_per_hour=1.0)
    assert point.outcome.false_accepts == 0 and point.outcome.hits == 12
    lower = [item for item in curve if item.threshold < point.threshold]
    assert lower[-1].outcome.false_accepts_per_hour > 1.0
    rates = [item.outcome.miss_rate for item in curve]
    assert rates == sorted(rates)


def test_a_promise_that_cannot_be_kept_is_said() -> None:
    loud = Trace(np.full(600, 32767, np.int32), np.arange(600) / 10.0, (), 60.0)
    with pytest.raises(DataError, match="no threshold keeps 1 false accepts an hour"):
        choose_point(detection_curve([loud], 3, 5), 1.0)


def test_thresholds_are_distinct_and_rise() -> None:
    values = candidate_thresholds()
    assert (np.diff(values) > 0).all() and values[0] >= 1 and values[-1] < 32768
