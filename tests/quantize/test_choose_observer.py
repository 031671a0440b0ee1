"""The observer of each activation by the error behind it, and the entropy observer."""

from __future__ import annotations

import numpy as np
import pytest
from float_networks import FloatBuilder, clips
from test_observers import histogram, squared_error

from edgekit.graph.graph import Graph
from edgekit.quantize.calibrate import calibrate
from edgekit.quantize.observers import Range, entropy, min_max


def outliers(read: bool) -> Graph:
    """Channel 0 of a convolution is a hundred times the others; the next layer reads it alone, or all but it."""
    build = FloatBuilder(5)
    build.conv(8, activation="none")
    build.conv(4, 1, "none")
    large, reader = build.nodes[0].inputs[1], build.nodes[1].inputs[1]
    weights, reading = np.array(build.tensors[large].data), np.array(build.tensors[reader].data)
    weights[0] *= 100
    reading[..., 1:] *= 0.0 if read else 1.0
    reading[..., :1] *= 1.0 if read else 0.0
    build.tensors[large] = build.tensors[large].replace(data=weights)
    build.tensors[reader] = build.tensors[reader].replace(data=reading)
    return build.graph()


@pytest.mark.parametrize("read", [True, False])
def test_outliers_are_kept_where_the_next_layer_reads_them(read: bool) -> None:
    graph = outliers(read)
    name = graph.nodes[0].outputs[0]
    found = calibrate(graph, clips(), "each")
    seen = calibrate(graph, clips(), "minmax").ranges[name]
    kept = (found.ranges[name].high - found.ranges[name].low) / (seen.high - seen.low)
    assert kept > 0.8 if read else kept < 0.8


def test_graph_outputs_keep_their_whole_range() -> None:
    graph = outliers(True)
    output = graph.outputs[0]
    assert calibrate(graph, clips(), "each").ranges[output] == calibrate(graph, clips(), "minmax").ranges[output]


def test_entropy_keeps_the_whole_range_of_a_uniform_distribution() -> None:
    flat = np.random.default_rng(0).uniform(0, 1, 200_000)
    extent = entropy(histogram(flat))
    assert extent.high > 0.9


def test_entropy_clips_a_far_outlier() -> None:
    values = np.append(np.random.default_rng(0).normal(0, 1, 100_000), 40.0)
    found = entropy(histogram(values))
    assert found.high < 20.0
    assert squared_error(values[:-1], found) < squared_error(values[:-1], min_max(histogram(values)))


def test_entropy_of_an_activation_that_is_always_zero() -> None:
    assert entropy(histogram(np.zeros(100))) == Range(0.0, 0.0)
