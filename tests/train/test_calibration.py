"""Calibration error by hand and by scikit-learn's reliability curve, Brier score by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import DataError
from edgekit.train.evaluation.calibration import BINS, calibration

DRAW = np.random.default_rng(7)
PROBABILITIES = DRAW.dirichlet(np.full(5, 0.4), 600)
TARGETS = np.array([DRAW.choice(5, p=row**0.6 / (row**0.6).sum()) for row in PROBABILITIES])
CONFIDENCE = PROBABILITIES.max(axis=1)
RIGHT = PROBABILITIES.argmax(axis=1) == TARGETS


def test_error_of_four_clips_by_hand() -> None:
    """Confidences .95 .95 (bin 15: one right), .62 (bin 10: right), .60 (bin 9, whose upper end it is: wrong)."""
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.38, 0.62], [0.6, 0.4]])
    found = calibration(np.array([0, 1, 1, 1]), probabilities)
    assert found.ece == pytest.approx((2 * abs(0.5 - 0.95) + abs(1 - 0.62) + abs(0 - 0.6)) / 4)
    # Four clips in 15 bins of equal numbers: one a bin.
    assert found.adaptive_ece == pytest.approx((0.05 + 0.95 + 0.38 + 0.6) / 4)
    assert found.brier == pytest.approx(2 * (0.05**2 + 0.95**2 + 0.38**2 + 0.6**2) / 4)
    assert [(number, b.clips) for number, b in enumerate(found.bins, 1) if b.clips] == [(9, 1), (10, 1), (15, 2)]
    assert found.bins[0].confidence is None and found.bins[14].accuracy == 0.5


def test_reliability_bins_are_those_of_scikit_learn() -> None:
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    bins = [b for b in calibration(TARGETS, PROBABILITIES).bins if b.clips]
    accuracy, confidence = curve(RIGHT, CONFIDENCE, n_bins=BINS, strategy="uniform")
    np.testing.assert_allclose([b.accuracy for b in bins], accuracy)
    np.testing.assert_allclose([b.confidence for b in bins], confidence)


def test_adaptive_error_is_that_of_scikit_learns_quantile_bins() -> None:
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    accuracy, confidence = curve(RIGHT, CONFIDENCE, n_bins=BINS, strategy="quantile")  # 600 clips: 40 a bin
    found = calibration(TARGETS, PROBABILITIES).adaptive_ece
    assert found == pytest.approx(np.abs(accuracy - confidence).mean(), abs=0.004)  # a clip may lie on either side


def test_brier_score_is_that_of_scikit_learn() -> None:
    brier = pytest.importorskip("sklearn.metrics").brier_score_loss
    expected = sum(brier(c == TARGETS, PROBABILITIES[:, c]) for c in range(5))
    assert calibration(TARGETS, PROBABILITIES).brier == pytest.approx(expected)


def test_a_calibrated_model_has_a_small_error_and_a_boastful_one_a_large() -> None:
    draw = np.random.default_rng(1)
    confidence = draw.uniform(0.5, 1.0, 20_000)
    targets = (draw.random(20_000) > confidence).astype(int)
    honest = calibration(targets, np.stack([confidence, 1 - confidence], axis=1))
    assert honest.ece < 0.02
    boastful = calibration(targets, np.stack([np.full(20_000, 0.999), np.full(20_000, 0.001)], axis=1))
    assert boastful.ece == pytest.approx(0.999 - 0.75, abs=0.01)


def test_nothing_to_calibrate_on_is_an_error() -> None:
    with pytest.raises(DataError):
        calibration(np.zeros(0, int), np.zeros((0, 3)))
