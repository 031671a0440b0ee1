"""Sensitivity: the formula of the signal-to-noise ratio, and that the layer at fault is found."""

from __future__ import annotations

import numpy as np
import pytest
from float_networks import FloatBuilder, clips, residual_classifier

from edgekit.quantize.ptq import PtqOptions, prepared, quantize_prepared
from edgekit.quantize.sensitivity import sensitivity, sqnr_db

pytest.importorskip("torch")


def test_rounding_a_full_scale_sine_gives_six_decibels_a_bit() -> None:
    """Bennett 1948: 6.02 n + 1.76 dB."""
    sine = np.sin(np.linspace(0, 1000, 100_000))
    for bits in (6, 8, 10):
        step = 2.0 / 2**bits
        assert sqnr_db(sine, np.round(sine / step) * step) == pytest.approx(6.02 * bits + 1.76, abs=0.25)


def test_the_layer_with_bad_weights_is_the_most_sensitive() -> None:
    build = FloatBuilder(7)
    build.conv(8)
    build.conv(8)
    build.conv(8)
    build.add_node("mean", (8,), axes=(1, 2), keep_dims=False)
    bad = build.nodes[1]
    data = np.array(build.tensors[bad.inputs[1]].data)
    data[:, 0, 0, 0] = 60 * np.abs(data).max()  # one tap takes almost all steps
    build.tensors[bad.inputs[1]] = build.tensors[bad.inputs[1]].replace(data=data)
    graph = prepared(build.graph(), PtqOptions())
    rows = sensitivity(graph, quantize_prepared(graph, clips(), PtqOptions(bias_correction=False)), clips())
    assert [row.layer for row in rows] == ["x", *(node.name for node in graph.nodes)]
    weighted = [row for row in rows if row.weight_sqnr_db is not None]
    assert min(weighted, key=lambda row: row.weight_sqnr_db or 0.0).layer == bad.name
    assert max(weighted, key=lambda row: row.alone_error).layer == bad.name


def test_one_layer_in_int8_harms_less_than_all_of_them() -> None:
    graph = residual_classifier()
    rows = sensitivity(graph, quantize_prepared(graph, clips()), clips())
    for row in rows:
        assert row.alone_error < 0.1
        assert 0.0 <= row.without_error < 0.1
    worst = max(row.without_error for row in rows)
    assert max(row.alone_error for row in rows) < 1.5 * worst
