"""Weights of four bits: small whole numbers, their error made up for, kept by the twin, by files and by the C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from float_networks import FloatBuilder, clips, trained_a_little
from int8_oracles import tflm_outputs

from edgekit.core.errors import BadConfigError
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.features.quantized import quantize_features
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.packing import packed_layers
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize.compare import compare
from edgekit.quantize.int4 import marked_int4
from edgekit.quantize.ptq import PtqOptions, prepared, quantize_graph

INT4 = PtqOptions(weights="int4", observer="minmax")


def network() -> Graph:
    build = FloatBuilder(4)
    build.conv(16)
    build.conv(24)
    build.depthwise()
    build.add_node("mean", (24,), axes=(1, 2), keep_dims=False)
    build.dense(12)
    return build.graph()


def _weights(graph: Graph) -> list[np.ndarray]:
    return [np.asarray(graph.tensor(node.inputs[1]).data) for node in graph.nodes if len(node.inputs) > 1]


def test_large_layers_have_numbers_up_to_seven_and_small_ones_all_of_int8() -> None:
    stem, large, depthwise, dense = _weights(quantize_graph(network(), clips(), INT4))
    assert np.abs(stem).max() == np.abs(depthwise).max() == 127
    np.testing.assert_array_equal(np.abs(large).reshape(24, -1).max(axis=1), 7)  # a scale a channel
    assert np.abs(dense).max() == 7
    assert len(packed_layers(quantize_graph(network(), clips(), INT4), float("inf"))) == 1  # the other saves too little


def test_compensation_makes_up_for_some_of_the_rounding() -> None:
    graph, held_out = network(), clips(60, seed=5)
    errors = []
    for compensate in (True, False):
        options = PtqOptions(weights="int4", observer="minmax", compensate=compensate)
        errors.append(compare(graph, quantize_graph(graph, clips(), options), held_out).rms_error)
    assert errors[0] < 0.8 * errors[1]


def test_the_file_is_int8_and_tflm_computes_with_it(tmp_path: Path) -> None:
    integer = quantize_graph(network(), clips(), INT4)
    path = tmp_path / "m.tflite"
    path.write_bytes(tflite_bytes(integer))
    read = lower(load_graph(path))
    fed = quantize_features(clips(10, seed=1), *read.tensor(read.inputs[0]).scale_zero())
    np.testing.assert_array_equal(tflm_outputs(path.read_bytes(), fed).ravel(), run_integer(read, fed).ravel())
    assert sorted(int(np.abs(values).max()) for values in _weights(read)) == [7, 7, 127, 127]


def test_adaround_rounds_to_the_same_numbers() -> None:
    pytest.importorskip("torch")
    options = PtqOptions(weights="int4", observer="minmax", adaround=True, bias_correction=False)
    _, large, _, dense = _weights(quantize_graph(network(), clips(32), options))
    assert np.abs(large).max() == np.abs(dense).max() == 7


def test_the_twin_trains_numbers_up_to_seven() -> None:
    before, after = (_weights(graph)[1] for graph in trained_a_little(network(), INT4))
    assert np.abs(after).max() == 7 and np.any(before != after)


def test_a_codebook_beside_four_bits_is_refused() -> None:
    with pytest.raises(BadConfigError, match="sixteen"):
        prepared(network(), PtqOptions(weights="int4", cluster=16))


def test_a_model_of_small_layers_alone_is_refused() -> None:
    build = FloatBuilder(4)
    build.conv(4)
    with pytest.raises(BadConfigError, match="large enough"):
        marked_int4(build.graph())
