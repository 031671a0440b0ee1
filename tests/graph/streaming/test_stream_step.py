"""The streaming pass: hop by hop it gives what the window gives."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from streams import SHAPES, feature_stream, int8_frames, quantized, stream_case, window_case, windows_of_hops
from torch import nn
from torch.nn import functional

from edgekit.core.errors import BadConfigError
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.streaming.runner import StreamRunner
from edgekit.graph.streaming.step import stream
from edgekit.graph.streaming.types import NotStreamableError
from edgekit.models.registry import build_model


@pytest.fixture(scope="module")
def case_of(tmp_path_factory):
    """Makes each model of SHAPES once."""
    return cache(lambda name: stream_case(name, tmp_path_factory.mktemp(name)))


@pytest.mark.parametrize("name", SHAPES)
def test_float_stream_equals_pytorch_on_every_window(name, case_of):
    case = case_of(name)
    form = stream(case.graph, case.axis)
    frames = feature_stream(case, case.frames + 40)
    windows, hops = windows_of_hops(case, form, frames)
    with torch.no_grad():
        expected = case.module(torch.from_numpy(np.moveaxis(windows, 3, 1).copy())).numpy()
    found = StreamRunner(form).run(frames[..., None])[hops].reshape(expected.shape)
    assert len(expected) >= 8 and np.ptp(expected) > 0.1
    assert np.abs(found - expected).max() <= 1e-5


@pytest.mark.parametrize("name", SHAPES)
def test_int8_stream_equals_the_window_byte_for_byte(name, case_of):
    case = case_of(name)
    frames = feature_stream(case, case.frames + 40)
    graph = quantized(case, frames)
    form = stream(graph, case.axis)
    given = int8_frames(graph, frames)
    windows, hops = windows_of_hops(case, form, given)
    expected = run_integer(graph, windows)
    found = StreamRunner(form).run(given[..., None])[hops]
    assert len(np.unique(expected, axis=0)) > 5
    assert np.array_equal(found.reshape(expected.shape), expected)


def test_the_hop_is_the_product_of_the_strides_and_the_window_what_is_read(case_of):
    form = stream(case_of("ds-cnn").graph, 1)
    # 49 frames, stem of 10 with stride 2: the last frame is never read.
    assert (form.hop, form.window, form.unused, form.warmup) == (2, 48, 1, 24)
    assert not form.since_start


class Causal(nn.Module):
    """Left-padded convolutions, one with a stride; the newest frames are averaged and classified."""

    def __init__(self, pooled: int) -> None:
        super().__init__()
        self.pooled = pooled
        self.first = nn.Conv2d(1, 6, (5, 8))
        self.second = nn.Conv2d(6, 6, (3, 1), (2, 1), dilation=(2, 1))
        self.dense = nn.Linear(6, 3)

    def forward(self, x):
        x = functional.relu(self.first(functional.pad(x, (0, 0, 4, 0))))
        x = functional.relu(self.second(functional.pad(x, (0, 0, 3, 0))))
        return self.dense(x[:, :, -self.pooled :].mean((2, 3)))


@pytest.mark.parametrize(("pooled", "since_start"), [(1, False), (6, True)])
def test_causal_padding_streams_from_the_first_frame_on(pooled, since_start, tmp_path):
    module = Causal(pooled)
    case = window_case(module, (12, 8), 1, tmp_path)
    form = stream(case.graph, 1)
    frames = feature_stream(case, 60)
    found = StreamRunner(form).run(frames[..., None])
    # With six frames pooled the padding of the window's start reaches its output: a stream has its own past there.
    assert form.since_start == since_start and form.hop == 2
    for hop in range(pooled - 1, 30):
        with torch.no_grad():
            expected = module(torch.from_numpy(frames[: 2 * hop + 2])[None, None]).numpy()
        assert np.abs(found[hop].reshape(-1) - expected.reshape(-1)).max() <= 1e-5


def test_same_padding_is_named_layer_by_layer(tmp_path):
    case = window_case(build_model("ds-cnn", channels=8), (49, 10), 1, tmp_path)
    with pytest.raises(NotStreamableError) as caught:
        stream(case.graph, 1)
    assert [item.op for item in caught.value.obstacles] == ["conv2d"] + ["depthwise_conv2d"] * 4
    assert "pads 5 frames before and 5 behind the window" in str(caught.value) and "--causal" in str(caught.value)


class Squeeze(nn.Module):
    """Squeeze and excitation over the whole window."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate, self.last = nn.Conv2d(1, 4, (3, 8)), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, (3, 1))

    def forward(self, x):
        x = self.conv(x)
        x = x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        return self.last(x).mean((2, 3))


class Coded(nn.Module):
    """Codes of position in time."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, (3, 8))
        self.codes = nn.Parameter(torch.randn(1, 4, 10, 1))

    def forward(self, x):
        return (self.conv(x) + self.codes).relu().mean((2, 3))


def test_squeeze_and_excitation_over_the_window_is_named(tmp_path):
    case = window_case(Squeeze(), (12, 8), 1, tmp_path)
    with pytest.raises(NotStreamableError, match="computed from the whole window"):
        stream(case.graph, 1)


def test_codes_of_position_behind_the_last_convolution_stay_exact(tmp_path):
    module = Coded()
    case = window_case(module, (12, 8), 1, tmp_path)
    form = stream(case.graph, 1)
    frames = feature_stream(case, 40)
    windows, hops = windows_of_hops(case, form, frames)
    with torch.no_grad():
        expected = module(torch.from_numpy(np.moveaxis(windows, 3, 1).copy())).numpy()
    found = StreamRunner(form).run(frames[..., None])[hops].reshape(expected.shape)
    assert np.abs(found - expected).max() <= 1e-5


def test_attention_over_the_whole_window_is_named(tmp_path):
    module = build_model("small-vit", input_shape=(20, 30), patch=10, layers=1, width=16, heads=2, classes=3)
    case = window_case(module, (20, 30), 2, tmp_path)
    with pytest.raises(NotStreamableError, match="in the way of streaming"):
        stream(case.graph, case.axis)


def test_a_hop_of_the_wrong_size_is_refused(case_of):
    case = case_of("ds-tcn")
    runner = StreamRunner(stream(case.graph, 1))
    with pytest.raises(BadConfigError, match="is no hop"):
        runner.step(np.zeros((2, 40, 1), np.float32))


def test_a_short_window_for_a_causal_model_says_how_many_frames_it_needs():
    with pytest.raises(BadConfigError, match="looks at 117"):
        build_model("bc-resnet", causal=True)(torch.zeros(1, 1, 40, 101))
