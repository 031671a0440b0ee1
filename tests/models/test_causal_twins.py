"""--causal for every student: its twin streams, or the error says why there is none and the pass names the layers."""

from __future__ import annotations

from pathlib import Path

import pytest
from streams import feature_stream, window_case

from edgekit.core.errors import BadConfigError
from edgekit.graph.streaming.runner import StreamRunner
from edgekit.graph.streaming.step import stream
from edgekit.graph.streaming.types import NotStreamableError
from edgekit.models.causal import causal_arguments
from edgekit.models.registry import build_model, causality

TWINS = {
    # model: its other arguments, (H, W), layout
    "ds-cnn": ({"channels": 8}, (49, 10), "time_freq"),
    "bc-resnet": ({"tau": 0.5}, (40, 119), "freq_time"),
    "ds-tcn": ({}, (30, 40), "time_freq"),
    "windowed-ast": ({"bins": 20, "width": 16, "heads": 2, "layers": 1, "window": 4}, (40, 20), "time_freq"),
    "kws-gru": ({"units": 8}, (12, 10), "time_freq"),
    "kws-lstm": ({"units": 8}, (12, 10), "time_freq"),
}
OTHERS = {
    "cp-mobile": ({}, (32, 40)),
    "cp-resnet": ({}, (64, 64)),
    "tf-sepnet": ({}, (64, 64)),
    "small-vit": ({"input_shape": (20, 30), "patch": 10, "layers": 1, "width": 16, "heads": 2}, (20, 30)),
}


def test_every_twin_that_a_student_offers_is_held_to_it_below() -> None:
    assert {name for name, said in causality().items() if not isinstance(said, str)} == set(TWINS)
    assert causal_arguments("ds-cnn", "time_freq") == {"causal": "height"}
    assert causal_arguments("ds-cnn", "freq_time") == {"causal": "width"}


@pytest.mark.parametrize("name", [*OTHERS, "keyword-mlp", "mobile-vit"])
def test_a_student_without_a_twin_says_why(name: str) -> None:
    with pytest.raises(BadConfigError, match=f"{name} has no causal twin: .*use one of bc-resnet, ds-cnn, "):
        causal_arguments(name, "time_freq")


def test_a_model_that_says_nothing_has_no_twin() -> None:
    with pytest.raises(BadConfigError, match=r"ecapa-tdnn has no causal twin \(use one of"):
        causal_arguments("ecapa-tdnn", "time_freq")


def test_bc_resnet_takes_frequency_in_height() -> None:
    with pytest.raises(BadConfigError, match="frequency in height"):
        causal_arguments("bc-resnet", "time_freq")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in ("bc-resnet", "ds-tcn") else name for name in TWINS]
)
def test_the_twin_of_a_student_streams(name: str, tmp_path: Path) -> None:
    arguments, shape, layout = TWINS[name]
    module = build_model(name, **arguments, **causal_arguments(name, layout))
    case = window_case(module, shape, 1 if layout == "time_freq" else 2, tmp_path)
    form = stream(case.graph, case.axis)
    frames = feature_stream(case, 2 * form.hop)
    outputs = StreamRunner(form).run(frames)
    assert outputs.reshape(2, -1).shape[1] == case.graph.tensor(case.graph.outputs[0]).elements


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_what_stands_in_the_way_of_the_others_is_named(name: str, tmp_path: Path) -> None:
    arguments, shape = OTHERS[name]
    case = window_case(build_model(name, **arguments), shape, 2, tmp_path)
    with pytest.raises(NotStreamableError) as caught:
        stream(case.graph, 2)
    names = {node.name for node in case.graph.nodes}
    assert caught.value.obstacles and all(item.layer in names for item in caught.value.obstacles)
