"""Structured pruning of float edge graphs: what is tied together goes together, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from float_networks import FloatBuilder, clips, residual_classifier
from int8_oracles import tflm_outputs

from edgekit.core.errors import BadConfigError
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.features.quantized import quantize_features
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.channel_sets import channel_sets
from edgekit.quantize.prune import pruned
from edgekit.quantize.ptq import PtqOptions, quantize_graph


def separable() -> FloatBuilder:
    """Stem, depthwise, pointwise, shortcut, mean, dense: a DS-CNN with a residual."""
    build = FloatBuilder(1)
    stem = build.conv(16)
    build.depthwise()
    branch = build.conv(16, 1, "none")
    build.add_node("add", (16, 10, 16), (stem, branch), activation="relu")
    build.conv(24, 1)
    build.add_node("mean", (24,), axes=(1, 2), keep_dims=False)
    build.dense(10)
    return build


def silenced(build: FloatBuilder, channels: dict[int, list[int]]) -> Graph:
    """The graph with output channels of some nodes made zero, weights and biases."""
    for place, dead in channels.items():
        node = build.nodes[place]
        for name, axis in ((node.inputs[1], 3 if node.op == "depthwise_conv2d" else 0), (node.inputs[2], 0)):
            data = np.moveaxis(np.array(build.tensors[name].data), axis, 0)
            data[dead] = 0
            build.tensors[name] = build.tensors[name].replace(data=np.ascontiguousarray(np.moveaxis(data, 0, axis)))
    return build.graph()


def test_channels_that_a_sum_ties_are_one_set() -> None:
    sets = channel_sets(separable().graph())
    assert sorted(sets.size[number] for number in sets.removable()) == [16, 24]


def test_silent_channels_go_and_the_outputs_stay() -> None:
    dead = [1, 5, 6, 11]
    graph = silenced(separable(), {0: dead, 1: dead, 2: dead, 4: [0, 2, 9, 17, 20, 23]})
    smaller = pruned(graph, 0.25)
    assert [smaller.tensor(node.outputs[0]).dims[-1] for node in smaller.nodes] == [12, 12, 12, 12, 20, 20, 10]
    # 24 · 0.75 = 18 is rounded up to 20: two of the six silent channels are still there.
    np.testing.assert_allclose(run_float(smaller, clips(9)), run_float(graph, clips(9)), atol=1e-5)


def test_a_pruned_graph_becomes_integers_that_tflm_runs() -> None:
    integer = quantize_graph(separable().graph(), clips(), PtqOptions(prune=0.5))
    fed = quantize_features(clips(20, seed=2), *integer.tensor(integer.inputs[0]).scale_zero())
    outputs = tflm_outputs(tflite_bytes(integer), fed).reshape(20, -1)
    np.testing.assert_array_equal(outputs, run_integer(integer, fed).reshape(20, -1))


def test_what_a_reshape_mixes_stays_whole() -> None:
    graph = residual_classifier()
    assert not channel_sets(graph).removable()
    with pytest.raises(BadConfigError, match="no channel"):
        pruned(graph, 0.25)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_share_out_of_range(share: float) -> None:
    with pytest.raises(BadConfigError, match="above 0 and below 1"):
        pruned(separable().graph(), share)
