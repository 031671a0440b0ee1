"""verify_features fails when an implementation is off, and says what it compared."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import edgekit
from edgekit.api.features import describe_spec
from edgekit.api.verify_features import verify_features
from edgekit.core.errors import BadConfigError, DataError
from edgekit.features.compare import Comparison, Tally
from edgekit.features.presets import PRESETS
from edgekit.features.signals import synthetic_clips

SPEC = PRESETS["kws-logmel-40"]


def test_synthetic_signals_pass_for_both_implementations() -> None:
    report = edgekit.verify_features("kws-mfcc-49x10")
    assert report.passed
    assert report.exit_code == 0
    assert [c.implementation for c in report.comparisons] == ["torch", "c"]
    assert report.source == "synthetic signals"
    assert json.loads(json.dumps(report.to_json()))["schema_version"] == 1


def test_a_wrong_implementation_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from edgekit.deploy.frontend import host

    right = host.HostFrontend.clip
    monkeypatch.setattr(host.HostFrontend, "clip", lambda self, pcm: right(self, np.roll(pcm, 1)))
    report = verify_features(SPEC, implementations=["c"])
    assert not report.passed
    assert report.exit_code == 1


def test_given_clips_are_compared_and_limited() -> None:
    clips = list(synthetic_clips(16_000, 9_000).values())
    assert verify_features(SPEC, clips, implementations=["c"]).comparisons[0].clips == len(clips)
    assert verify_features(SPEC, clips, implementations=["c"], limit=3).comparisons[0].clips == 3
    with pytest.raises(DataError, match="no clip"):
        verify_features(SPEC, [])


@pytest.mark.parametrize("options", [{"implementations": ["rust"]}, {"implementations": []}, {"limit": 0}])
def test_bad_options_are_refused(options: dict) -> None:
    with pytest.raises(BadConfigError):
        verify_features(SPEC, **options)


def test_nan_never_passes() -> None:
    tally = Tally("torch", SPEC)
    zeros = np.zeros((2, 2))
    tally.add("a", zeros, zeros, zeros.astype(np.int8), zeros.astype(np.int8))
    tally.add("b", zeros, np.full((2, 2), np.nan), zeros.astype(np.int8), zeros.astype(np.int8))
    comparison = tally.comparison()
    assert not comparison.passed
    assert comparison.worst_clip == "b"
    json.dumps(comparison.to_json(), allow_nan=False)


GOOD = Comparison("c", 1, 1000, 1e-3, 0.0, 1e-3, "a", 0.999, 1)


@pytest.mark.parametrize("change", [{"max_difference": 1.01e-3}, {"int8_equal": 0.9989}, {"int8_steps": 2}])
def test_each_limit_counts(change: dict) -> None:
    assert GOOD.passed
    assert not dataclasses.replace(GOOD, **change).passed


def test_difference_is_counted_in_natural_logarithms() -> None:
    """One dB off is 0.23 nepers of power; the output's normalisation is undone."""
    tally = Tally("c", SPEC.replace(log="db", std=2.0))
    zeros, halves = np.zeros((1, 2)), np.full((1, 2), 0.5)
    tally.add("a", zeros, halves, zeros.astype(np.int8), zeros.astype(np.int8))
    assert tally.comparison().max_difference == pytest.approx(np.log(10) / 10)


def test_description_counts_empty_triangles() -> None:
    assert describe_spec(SPEC)["empty_mel_bins"] == 0
    assert describe_spec(SPEC.replace(mel_bins=200))["empty_mel_bins"] > 0
