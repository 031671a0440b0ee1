"""Causal twins: what they pad, which frames they see, and which recipe makes them."""

from __future__ import annotations

import pytest
import torch

from edgekit.api.train import causal_twin
from edgekit.core.errors import BadConfigError
from edgekit.models.causal import causal_arguments
from edgekit.models.registry import build_model
from edgekit.train.recipe import FrontendChoice, ModelChoice, Recipe

TWINS = {
    "ds-cnn": ({"causal": "width", "channels": 8}, (10, 49), 48),
    "bc-resnet": ({"causal": True, "tau": 0.5}, (40, 130), 117),
    "ds-tcn": ({"time": "width", "bins": 10}, (10, 40), 30),
    "windowed-ast": ({"time": "width", "bins": 10, "width": 8, "heads": 2, "layers": 2}, (10, 80), 60),
}
"""Model to (arguments, features (F, T), frames that one output looks at)."""


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_weighs_each_of_its_frames_and_looks_at_the_newest_ones_alike(name):
    arguments, shape, _ = TWINS[name]
    module = build_model(name, **arguments).eval()
    frames = torch.randn(1, 1, *shape, requires_grad=True)
    module(frames)[0, 0].backward()
    seen = frames.grad.abs().sum(dim=(0, 1, 2)) > 0
    # No frame between the first and the last that is read is left out: nothing is padded, the past is whole.
    places = torch.nonzero(seen).flatten()
    assert seen[places[0] : places[-1] + 1].all()
    assert len(seen) - 1 - int(places[-1]) <= 3  # at most what a stride leaves over at the end


@pytest.mark.parametrize("name", [name for name in TWINS if name != "ds-cnn"])  # it averages as many maps as there are
def test_a_window_shorter_than_what_a_twin_looks_at_is_refused(name):
    arguments, shape, frames = TWINS[name]
    module = build_model(name, **arguments).eval()
    module(torch.zeros(1, 1, shape[0], frames))
    with pytest.raises(BadConfigError, match=f"looks at {frames}"):
        module(torch.zeros(1, 1, shape[0], frames - 1))


def test_the_twin_s_axis_is_the_front_end_s():
    assert causal_arguments("ds-cnn", "time_freq") == {"causal": "height"}
    assert causal_arguments("ds-cnn", "freq_time") == {"causal": "width"}
    recipe = Recipe(
        name="r", model=ModelChoice(name="ds-cnn", arguments={"channels": 8}),
        frontend=FrontendChoice(preset="kws-mfcc-49x10"),
    )  # fmt: skip
    assert causal_twin(recipe).model.arguments == {"channels": 8, "causal": "height"}


def test_a_model_without_a_twin_says_which_have_one():
    with pytest.raises(BadConfigError, match=r"cp-mobile has no causal twin .*bc-resnet"):
        causal_arguments("cp-mobile", "time_freq")


def test_a_stream_has_no_peak_of_its_clip():
    with pytest.raises(BadConfigError, match="the peak of a clip is not known in a stream"):
        build_model("ds-cnn", causal="height", peak_range=4.0)
