"""Random networks without padding in time: kernels, strides, dilations, pools, shortcuts and joins in any order."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from streams import feature_stream, int8_frames, quantized, window_case, windows_of_hops
from torch import nn

from edgekit.bench.host_stream import host_stream
from edgekit.deploy.generate_stream import generate_stream
from edgekit.deploy.target import find_target
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.streaming.runner import StreamRunner
from edgekit.graph.streaming.step import stream


class Layer(nn.Module):
    """One layer over time [N, C, T, F]; a shortcut or a branch keeps the frames from a random place on."""

    def __init__(self, channels: int, random: np.random.Generator) -> None:
        super().__init__()
        self.kind = random.choice(["conv", "depthwise", "max", "average", "shortcut", "join"])
        kernel, dilation = int(random.integers(1, 5)), int(random.integers(1, 3))
        stride = int(random.choice([1, 1, 1, 2, 3])) if self.kind in ("conv", "depthwise", "max", "average") else 1
        self.lag = int(random.integers(0, (kernel - 1) * dilation + 1))
        pad = int(random.integers(0, 2))
        groups = channels if self.kind != "conv" else 1
        if self.kind in ("max", "average"):
            pool = nn.MaxPool2d if self.kind == "max" else nn.AvgPool2d
            self.body: nn.Module = pool((kernel, 1), (stride, 1))
        else:
            self.body = nn.Conv2d(
                channels, channels, (kernel, 1 + 2 * pad), (stride, 1), (0, pad), (dilation, 1), groups=groups
            )
        self.mix = nn.Conv2d(2 * channels, channels, 1) if self.kind == "join" else None

    def forward(self, x):
        y = self.body(x)
        if self.kind not in ("shortcut", "join"):
            return torch.relu(y)
        other = x[:, :, self.lag : self.lag + y.shape[2]]
        return torch.relu(y + other) if self.mix is None else torch.relu(self.mix(torch.cat((y, other), 1)))


class Network(nn.Module):
    """Random layers, then the mean, the newest moment or all moments of what is left."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        random = np.random.default_rng(seed)
        self.turned = bool(random.integers(2))
        channels = int(random.integers(2, 6))
        self.stem = nn.Conv2d(1, channels, (int(random.integers(1, 4)), 3), (int(random.choice([1, 1, 2])), 1))
        self.layers = nn.Sequential(*(Layer(channels, random) for _ in range(int(random.integers(1, 6)))))
        self.head = str(random.choice(["mean", "newest", "flat"]))
        self.dense = nn.LazyLinear(3)

    def forward(self, x):
        x = self.stem(x.transpose(2, 3) if self.turned else x)
        x = self.layers(x)
        if self.head == "mean":
            x = x.mean(dim=(2, 3))
        return self.dense((x[:, :, -1] if self.head == "newest" else x).flatten(1))


def long_enough(seed: int) -> tuple[Network, int]:
    """A network and a window that its strides leave something of; its dense layer has learned its size."""
    for frames in (48, 96, 192, 384):
        module = Network(seed)
        try:
            module(torch.zeros(1, 1, *((6, frames + seed % 5) if module.turned else (frames + seed % 5, 6))))
        except RuntimeError:  # a kernel is longer than what is left of the window
            continue
        return module, frames + seed % 5
    raise AssertionError("no window is long enough")


def held_against_windows(seed: int, folder) -> None:
    module, frames = long_enough(seed)
    shape = (6, frames) if module.turned else (frames, 6)
    case = window_case(module, shape, 2 if module.turned else 1, folder, seed)
    given = feature_stream(case, frames + 40, seed)
    form = stream(case.graph, case.axis)
    windows, hops = windows_of_hops(case, form, given)
    expected = run_float(case.graph, windows)
    found = StreamRunner(form).run(given[..., None])[hops].reshape(expected.shape)
    assert np.abs(found - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())
    graph = quantized(case, given)
    form = stream(graph, case.axis)
    given = int8_frames(graph, given)
    windows, hops = windows_of_hops(case, form, given)
    expected = run_integer(graph, windows).reshape(len(windows), -1)
    whole = given[: len(given) // form.hop * form.hop].reshape(-1, form.hop * case.bins)
    assert np.array_equal(StreamRunner(form).run(given[..., None])[hops].reshape(expected.shape), expected)
    with host_stream(generate_stream(form, None, find_target("cpu"), "m")) as listening:
        assert np.array_equal(listening.step(whole)[hops], expected)


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_give_the_window_s_output_in_python_and_c(seed, tmp_path):
    held_against_windows(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_more_random_networks(seed, tmp_path):
    held_against_windows(seed, tmp_path)
