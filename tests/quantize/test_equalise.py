"""Cross-layer equalisation: the same function, weights of equal ranges, fewer wasted steps."""

from __future__ import annotations

import numpy as np
from float_networks import FloatBuilder, clips, residual_classifier

from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.quantize.compare import compare
from edgekit.quantize.equalise import equalised
from edgekit.quantize.ptq import PtqOptions, quantize_graph


def lopsided(activation: str = "relu") -> Graph:
    """conv, depthwise, pointwise; channels of the first are up to 300 times apart and the second makes up for it."""
    build = FloatBuilder(1)
    build.conv(8, activation=activation)
    build.depthwise()
    build.conv(8, 1, "none")
    factors = np.geomspace(1, 300, 8).astype(np.float32)
    first, second = build.nodes[0], build.nodes[1]
    for name, scale in ((first.inputs[1], factors[:, None, None, None]), (first.inputs[2], factors)):
        build.tensors[name] = build.tensors[name].replace(data=np.asarray(build.tensors[name].data) * scale)
    weights = build.tensors[second.inputs[1]]
    build.tensors[weights.name] = weights.replace(data=np.asarray(weights.data) / factors)
    return build.graph()


def test_the_function_stays() -> None:
    for graph in (lopsided(), residual_classifier()):
        before, after = run_float(graph, clips(20)), run_float(equalised(graph), clips(20))
        np.testing.assert_allclose(after, before, atol=2e-4 * np.abs(before).max())


def test_both_layers_have_the_same_range_in_each_channel() -> None:
    graph = equalised(lopsided())
    first, second = (np.abs(np.asarray(graph.tensor(node.inputs[1]).data)) for node in graph.nodes[:2])
    np.testing.assert_allclose(first.max(axis=(1, 2, 3)), second.max(axis=(0, 1, 2)), rtol=0.02)


def test_lopsided_channels_lose_less_in_int8() -> None:
    graph = lopsided()
    errors = [
        compare(graph, quantize_graph(graph, clips(), PtqOptions(equalise=choice)), clips(50, seed=1)).rms_error
        for choice in (False, True)
    ]
    assert errors[1] < 0.5 * errors[0]


def test_layers_behind_a_clipped_activation_are_left_alone() -> None:
    graph = lopsided("relu6")
    first = equalised(graph).nodes[0]
    np.testing.assert_array_equal(
        np.asarray(equalised(graph).tensor(first.inputs[1]).data), np.asarray(graph.tensor(first.inputs[1]).data)
    )
