"""Level normalisation inside a network: a gain in dB changes nothing, what lies too deep is gone."""

from __future__ import annotations

import pytest
import torch

from edgekit.core.errors import BadConfigError
from edgekit.models.level import PeakLevel
from edgekit.models.registry import build_model


def test_a_gain_changes_nothing() -> None:
    features = torch.randn(3, 1, 32, 61, generator=torch.Generator().manual_seed(1))
    gains = torch.tensor([-1.5, 0.25, 4.0]).reshape(3, 1, 1, 1)  # log features: a gain is a sum
    level = PeakLevel(2.0)
    torch.testing.assert_close(level(features + gains), level(features))


def test_the_peak_of_each_clip_is_the_range_and_the_rest_keeps_its_distance() -> None:
    features = torch.tensor([[1.0, 3.0, 2.5], [-9.0, -10.0, -8.0]]).reshape(2, 1, 1, 3)
    expected = torch.tensor([[0.0, 1.5, 1.0], [0.5, 0.0, 1.5]]).reshape(2, 1, 1, 3)
    torch.testing.assert_close(PeakLevel(1.5)(features), expected)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_range_that_is_none(value: float) -> None:
    with pytest.raises(BadConfigError, match="dynamic range"):
        PeakLevel(value)


def test_ds_cnn_with_a_peak_range_ignores_the_level() -> None:
    torch.manual_seed(0)
    model = build_model("ds-cnn", classes=4, channels=8, blocks=2, peak_range=2.0).eval()
    features = torch.randn(2, 1, 32, 49)
    torch.testing.assert_close(model(features + 3.0), model(features))
    assert not torch.allclose(build_model("ds-cnn", classes=4, channels=8).eval()(features + 3.0), model(features))
