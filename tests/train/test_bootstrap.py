"""Intervals against SciPy's bootstrap and a normal approximation; McNemar against SciPy's binomial test."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import BadConfigError, DataError
from edgekit.train.evaluation.bootstrap import bootstrap_macro_accuracy, bootstrap_mean, paired_bootstrap
from edgekit.train.evaluation.mcnemar import mcnemar

stats = pytest.importorskip("scipy.stats")


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(3)


def test_accuracy_has_the_interval_that_scipy_gives(draw: np.random.Generator) -> None:
    correct = draw.random(400) < 0.8
    found = bootstrap_mean(correct, resamples=20_000)
    expected = stats.bootstrap(
        (correct.astype(float),), np.mean, method="percentile", n_resamples=20_000, batch=2000, rng=1
    ).confidence_interval
    assert found.value == correct.mean() and found.units == 400
    assert found.low == pytest.approx(expected.low, abs=0.003) and found.high == pytest.approx(expected.high, abs=0.003)


def test_losses_have_the_interval_that_scipy_gives(draw: np.random.Generator) -> None:
    losses = draw.exponential(1.0, 300)
    found = bootstrap_mean(losses, resamples=20_000, level=0.9)
    expected = stats.bootstrap(
        (losses,), np.mean, method="percentile", confidence_level=0.9, n_resamples=20_000, batch=2000, rng=1
    ).confidence_interval
    assert found.low == pytest.approx(expected.low, abs=0.01) and found.high == pytest.approx(expected.high, abs=0.01)


def test_paired_answers_have_the_interval_that_scipy_gives(draw: np.random.Generator) -> None:
    hard = draw.random(500) < 0.2
    first, second = ~hard | (draw.random(500) < 0.1), ~hard | (draw.random(500) < 0.3)
    found = paired_bootstrap(first, second, resamples=20_000)
    expected = stats.bootstrap(
        (first.astype(float), second.astype(float)),
        lambda a, b, axis=-1: np.mean(b, axis=axis) - np.mean(a, axis=axis),
        paired=True, method="percentile", n_resamples=20_000, batch=2000, rng=1,
    ).confidence_interval  # fmt: skip
    assert found.value == pytest.approx(second.mean() - first.mean())
    assert found.low == pytest.approx(expected.low, abs=0.004) and found.high == pytest.approx(expected.high, abs=0.004)


def test_a_model_against_itself_does_not_differ(draw: np.random.Generator) -> None:
    correct = draw.random(100) < 0.5
    found = paired_bootstrap(correct, correct)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_clips_that_fail_together_widen_the_interval_by_the_root_of_the_group_size(draw: np.random.Generator) -> None:
    """Ten clips a speaker that are all right or all wrong hold the information of one: σ grows by √10."""
    speakers = np.repeat([f"s{i}" for i in range(100)], 10)
    correct = np.repeat(draw.random(100) < 0.7, 10)
    alone, together = bootstrap_mean(correct), bootstrap_mean(correct, list(speakers))
    assert together.units == 100
    ratio = (together.high - together.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(np.sqrt(10), rel=0.12)


def test_groups_of_unequal_size_give_a_ratio_of_sums() -> None:
    """Two groups, (1 of 1) and (0 of 3): resamples are 1, 1/4 and 0 with chances 1/4, 1/2 and 1/4."""
    found = bootstrap_mean(np.array([1, 0, 0, 0]), ["a", "b", "b", "b"], level=0.2)
    assert (found.value, found.low, found.high) == (0.25, 0.25, 0.25)
    wide = bootstrap_mean(np.array([1, 0, 0, 0]), ["a", "b", "b", "b"], level=0.8)
    assert (wide.low, wide.high) == (0.0, 1.0)


def test_macro_accuracy_is_resampled_class_by_class(draw: np.random.Generator) -> None:
    targets = np.repeat([0, 1], [300, 30])
    correct = np.concatenate([draw.random(300) < 0.9, draw.random(30) < 0.5])
    found = bootstrap_macro_accuracy(correct, targets, resamples=4000)
    shares = [correct[targets == c].mean() for c in (0, 1)]
    assert found.value == pytest.approx(np.mean(shares))
    # Normal approximation: variance of the mean of two independent shares.
    sigma = 0.5 * np.sqrt(shares[0] * (1 - shares[0]) / 300 + shares[1] * (1 - shares[1]) / 30)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * sigma, rel=0.1)


def test_the_seed_decides_the_draws(draw: np.random.Generator) -> None:
    losses = draw.exponential(1.0, 50)
    assert bootstrap_mean(losses, seed=4) == bootstrap_mean(losses, seed=4) != bootstrap_mean(losses, seed=5)


def test_what_cannot_be_resampled() -> None:
    with pytest.raises(DataError, match="no clip"):
        bootstrap_mean(np.zeros(0))
    with pytest.raises(DataError, match="not finite"):
        bootstrap_mean(np.array([1.0, np.nan]))
    with pytest.raises(DataError, match="all clips belong to 'a'"):
        bootstrap_mean(np.ones(3), ["a", "a", "a"])
    with pytest.raises(DataError, match="2 groups for 3 clips"):
        bootstrap_mean(np.ones(3), ["a", "b"])
    with pytest.raises(DataError, match="same clips"):
        paired_bootstrap(np.ones(3), np.ones(4))
    with pytest.raises(BadConfigError, match="level"):
        bootstrap_mean(np.ones(3), level=95)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (3, 9), (10, 10), (40, 71), (2000, 2150)])
def test_mcnemar_is_the_binomial_test_of_the_disagreements(only_a: int, only_b: int) -> None:
    first = np.repeat([True, False, True], [only_a, only_b, 5])
    second = np.repeat([False, True, True], [only_a, only_b, 5])
    found = mcnemar(first, second)
    assert (found.only_a, found.only_b) == (only_a, only_b)
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert found.p_value == pytest.approx(expected, rel=1e-9)


def test_mcnemar_needs_the_same_clips() -> None:
    with pytest.raises(DataError, match="same clips"):
        mcnemar(np.ones(3, bool), np.ones(2, bool))
