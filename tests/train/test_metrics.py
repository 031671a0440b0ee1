"""Scores by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import DataError
from edgekit.train.evaluation.metrics import by_group, confusion_matrix, score, softmax
from edgekit.train.evaluation.wilson import wilson_interval

TARGETS = np.array([0, 0, 0, 1])
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])


def test_scores() -> None:
    scores = score(TARGETS, PROBABILITIES)
    assert (scores.clips, scores.accuracy) == (4, 0.5)
    assert scores.macro_accuracy == pytest.approx((2 / 3 + 0) / 2)
    assert scores.log_loss == pytest.approx(-(np.log(0.7) + np.log(0.6) + np.log(0.1) + np.log(0.3)) / 4)


def test_certain_and_wrong_is_finite() -> None:
    assert score(np.array([1]), np.array([[1.0, 0.0]])).log_loss == pytest.approx(-np.log(1e-15))


def test_confusion_has_true_classes_in_rows() -> None:
    assert confusion_matrix(TARGETS, PROBABILITIES).tolist() == [[2, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_groups_leave_out_clips_without_one() -> None:
    groups = by_group(TARGETS, PROBABILITIES, ["b", "a", None, "b"])
    assert list(groups) == ["a", "b"]
    assert (groups["a"].accuracy, groups["b"].accuracy, groups["b"].clips) == (1.0, 0.5, 2)


def test_softmax_of_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3.0)]])), [[0.5, 0.5], [0.25, 0.75]])


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(DataError):
        score(np.zeros(0, int), np.zeros((0, 3)))


@pytest.mark.parametrize(("right", "clips"), [(0, 5), (5, 5), (3, 9), (450, 500)])
def test_interval_of_a_share_is_the_score_interval(right: int, clips: int) -> None:
    expected = pytest.importorskip("scipy.stats").binomtest(right, clips).proportion_ci(method="wilson")
    assert wilson_interval(right, clips) == pytest.approx((expected.low, expected.high))


def test_no_share_has_no_interval() -> None:
    with pytest.raises(DataError, match="no share"):
        wilson_interval(3, 2)
