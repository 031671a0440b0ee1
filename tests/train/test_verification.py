"""Equal error rate and minDCF against scikit-learn's curve and cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from edgekit.core.errors import DataError
from edgekit.report.det_figure import det_curve
from edgekit.train.evaluation.verification import all_pairs, error_rates, verify_trials


def test_rates_lie_on_scikit_learns_curve() -> None:
    draw = np.random.default_rng(1)
    same = draw.random(2000) < 0.2
    scores = draw.normal(0, 1, 2000) + 1.5 * same
    told = verify_trials(scores, same, p_target=0.05)
    false, hit, _ = roc_curve(same, scores, drop_intermediate=False)
    nearest = np.argmin(np.abs((1 - hit) - false))
    assert told.eer == pytest.approx((1 - hit[nearest] + false[nearest]) / 2, abs=0.003)
    assert told.min_dcf == pytest.approx(float(np.min(0.05 * (1 - hit) + 0.95 * false)) / 0.05)


def test_perfect_and_reversed_scores() -> None:
    same = np.array([True, True, False, False])
    assert verify_trials(np.array([4.0, 3, 2, 1]), same).eer == 0.0
    assert verify_trials(np.array([1.0, 2, 3, 4]), same).eer == 1.0
    assert verify_trials(np.zeros(4), same).eer == pytest.approx(0.5)
    assert verify_trials(np.zeros(4), same).min_dcf == pytest.approx(1.0)


def test_trials_of_one_kind_are_refused() -> None:
    with pytest.raises(DataError, match="are both needed"):
        verify_trials(np.ones(3), np.ones(3, bool))


def test_pairs_stay_within_a_set() -> None:
    groups, sets = np.array(["a", "a", "b", "a"]), np.array([0, 0, 0, 1])
    pairs, same = all_pairs(groups, sets, most=100)
    assert pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert same.tolist() == [True, False, False]
    assert len(all_pairs(groups, sets, most=2)[0]) == 2


def test_error_rates_count_both_kinds_at_every_threshold() -> None:
    scores, same = np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, True, False, True])
    thresholds, missed, false = error_rates(scores, same)
    assert thresholds.tolist() == [0.1, 0.4, 0.8]
    assert missed.tolist() == [0.0, 0.0, 0.5, 1.0]
    assert false.tolist() == [1.0, 0.5, 0.0, 0.0]


def test_the_trade_off_of_normal_scores_is_drawn_with_its_equal_error_rate() -> None:
    draw = np.random.default_rng(1)
    scores = np.concatenate([draw.normal(2.0, 1.0, 4000), draw.normal(0.0, 1.0, 4000)])
    same = np.arange(8000) < 4000
    told = verify_trials(scores, same)
    assert told.eer == pytest.approx(0.1587, abs=0.01)  # the normal distribution's share above one deviation
    _, missed, false = error_rates(scores, same)
    assert f"equal error rate {100 * told.eer:.1f} %" in det_curve(missed, false, told.eer)


def test_a_model_without_errors_is_drawn_too() -> None:
    _, missed, false = error_rates(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    assert "equal error rate 0.0 %" in det_curve(missed, false, 0.0)
