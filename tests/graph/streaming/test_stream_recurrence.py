"""Recurrences in streams: one cell with its state instead of a window's steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from streams import carried_windows, feature_stream, int8_frames, quantized, window_case, windows_of_hops

from edgekit.bench.host_stream import host_stream
from edgekit.deploy.generate_stream import generate_stream
from edgekit.deploy.target import find_target
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.streaming.recurrence import fold_recurrences
from edgekit.graph.streaming.runner import StreamRunner
from edgekit.graph.streaming.step import stream
from edgekit.models.registry import build_model

STEPS, FIRST_STATE = 12, "/recurrent/GRU/0/hidden:0"


@pytest.fixture(scope="module")
def gru(tmp_path_factory):
    """(case, int8 window graph, float frames) of a GRU over twelve frames."""
    module = build_model("kws-gru", units=8, features=6, classes=4)
    case = window_case(module, (STEPS, 6), 1, tmp_path_factory.mktemp("gru"))
    frames = feature_stream(case, 400)
    return case, quantized(case, frames), frames


@pytest.mark.parametrize("layers", [1, 2])
def test_a_float_gru_equals_pytorch_over_the_whole_stream(layers, tmp_path):
    module = build_model("kws-gru", units=8, features=6, classes=4, layers=layers)
    case = window_case(module, (STEPS, 6), 1, tmp_path)
    form = stream(case.graph, 1)
    frames = feature_stream(case, 300)
    with torch.no_grad():
        states, _ = module.recurrent(torch.from_numpy(frames[None]))
        expected = module.dense(states[0]).numpy()
    found = StreamRunner(form).run(frames[..., None]).reshape(expected.shape)
    assert form.since_start and [state.kind for state in form.states] == ["hidden"] * layers
    assert np.abs(found - expected).max() <= 1e-5 < 0.1 < np.ptp(expected)


def test_an_int8_gru_equals_windows_that_go_on_from_each_others_state(gru):
    _, graph, frames = gru
    form = stream(graph, 1)
    given = int8_frames(graph, frames)
    expected, places = carried_windows(graph, given, FIRST_STATE)
    found = StreamRunner(form).run(given[..., None]).reshape(len(given), -1)
    assert len(np.unique(expected, axis=0)) > 5
    assert np.array_equal(found[places], expected)
    with host_stream(generate_stream(form, None, find_target("cpu"), "m")) as listening:
        assert np.array_equal(listening.step(given), found)
        listening.restart()
        assert np.array_equal(listening.step(given), found)


def test_a_gru_that_begins_anew_with_every_window_gives_the_window_s_bytes(gru):
    case, graph, frames = gru
    form = stream(graph, 1, "window")
    given = int8_frames(graph, frames[:60])
    windows, hops = windows_of_hops(case, form, given)
    expected = run_integer(graph, windows)
    found = StreamRunner(form).run(given[..., None])[hops].reshape(expected.shape)
    assert not form.since_start and np.array_equal(found, expected)


def test_steps_that_are_not_alike_stay_as_they_are(gru):
    _, graph, _ = gru
    node = next(node for node in graph.nodes if node.name.endswith("/5/fed_back"))
    weights = graph.tensor(node.inputs[1])
    other = weights.replace(name="other", data=-np.asarray(weights.data))
    changed = [n.replace(inputs=(n.inputs[0], "other", *n.inputs[2:])) if n is node else n for n in graph.nodes]
    broken = graph.rebuild(changed, [other])
    assert fold_recurrences(broken) is broken
    assert len(fold_recurrences(graph).nodes) < 20 < len(graph.nodes)
