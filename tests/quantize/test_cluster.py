"""Weight clustering: few values a layer, near float, kept by the twin and by the file."""

from __future__ import annotations

import numpy as np
import pytest
from float_networks import FloatBuilder, clips, trained_a_little
from int8_oracles import tflm_outputs

from edgekit.core.errors import BadConfigError
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.features.quantized import quantize_features
from edgekit.graph.few_values import few_valued as _few_valued
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.tensor import Tensor
from edgekit.quantize.cluster import LEAST_WEIGHTS, codebook, marked, nearest
from edgekit.quantize.compare import compare
from edgekit.quantize.ptq import PtqOptions, prepared, quantize_graph


def few_valued(tensor: Tensor) -> bool:
    return tensor.dtype == "int8" and tensor.data is not None and _few_valued(tensor.data)


def network() -> Graph:
    build = FloatBuilder(4)
    build.conv(16)
    build.conv(24)
    build.add_node("mean", (24,), axes=(1, 2), keep_dims=False)
    build.dense(12)
    return build.graph()


def test_codebook_of_three_groups_is_their_means_and_the_ends() -> None:
    steps = np.concatenate([np.full(50, -40.2), np.full(50, 3.1), np.full(50, 60.4)])
    assert codebook(steps, 5).tolist() == [-127, -40, 3, 60, 127]


def test_nearest_value_of_a_codebook() -> None:
    assert nearest(np.array([-200.0, 1.0, 2.0, 90.0]), np.array([-127.0, 0.0, 3.0, 127.0])).tolist() == [
        -127,
        0,
        3,
        127,
    ]


def test_large_layers_have_few_values_and_small_ones_all_theirs(tmp_path: object) -> None:
    integer = quantize_graph(network(), clips(), PtqOptions(cluster=16))
    weights = {node.name: integer.tensor(node.inputs[1]) for node in integer.nodes if len(node.inputs) > 1}
    large = [name for name, tensor in weights.items() if tensor.elements >= LEAST_WEIGHTS]
    assert large and all(few_valued(weights[name]) for name in large)
    assert not few_valued(weights["conv2d0"])


def test_more_values_are_nearer_to_float() -> None:
    graph, held_out = network(), clips(60, seed=5)
    errors = [
        compare(graph, quantize_graph(graph, clips(), PtqOptions(cluster=values)), held_out).rms_error
        for values in (8, 16, 64)
    ]
    assert errors == sorted(errors, reverse=True)


def test_the_file_has_the_same_few_values(tmp_path: object) -> None:
    from pathlib import Path

    integer = quantize_graph(network(), clips(), PtqOptions(cluster=16))
    path = Path(str(tmp_path)) / "m.tflite"
    path.write_bytes(tflite_bytes(integer))
    read = lower(load_graph(path))
    assert sum(few_valued(tensor) for tensor in read.tensors.values() if tensor.constant and tensor.elements > 99) == 2
    fed = quantize_features(clips(10, seed=1), *read.tensor(read.inputs[0]).scale_zero())
    np.testing.assert_array_equal(tflm_outputs(path.read_bytes(), fed).ravel(), run_integer(integer, fed).ravel())


def test_the_twin_trains_weights_that_stay_in_their_codebook() -> None:
    graphs = trained_a_little(network(), PtqOptions(cluster=16))
    before, after = (graph.tensor(graph.nodes[1].inputs[1]) for graph in graphs)
    assert few_valued(after) and np.any(np.asarray(before.data) != np.asarray(after.data))


@pytest.mark.parametrize("values", [2, 200])
def test_values_out_of_range(values: int) -> None:
    with pytest.raises(BadConfigError, match="values"):
        marked(network(), values)


def test_adaround_and_a_codebook_contradict_each_other() -> None:
    with pytest.raises(BadConfigError, match="codebook"):
        prepared(network(), PtqOptions(cluster=16, adaround=True))
