"""AdaRound: weights stay on the grid, outputs come nearer than with rounding to nearest."""

from __future__ import annotations

import numpy as np
import pytest
from float_networks import FloatBuilder, clips

from edgekit.graph.graph import Graph
from edgekit.quantize.activations import activation_quantization
from edgekit.quantize.calibrate import calibrate
from edgekit.quantize.compare import compare
from edgekit.quantize.ptq import PtqOptions, apply_calibration
from edgekit.quantize.weights import quantize_weights

pytest.importorskip("torch")

from edgekit.quantize.adaround import AdaRound, adarounded


def coarse() -> Graph:
    """One convolution whose weights but one are smaller than six steps, so that rounding matters."""
    build = FloatBuilder(2)
    build.conv(6, 5, "relu")
    name = build.nodes[0].inputs[1]
    data = np.array(build.tensors[name].data)
    data[:, 0, 0, 0] = 25 * np.abs(data).max()
    build.tensors[name] = build.tensors[name].replace(data=data)
    return build.graph()


def test_outputs_come_nearer_than_with_rounding_to_nearest() -> None:
    graph = coarse()
    calibration = calibrate(graph, clips(), "minmax")
    quants = activation_quantization(graph, calibration.ranges)
    plain = PtqOptions(observer="mse", compensate=False, bias_correction=False)
    nearest = apply_calibration(graph, calibration, clips(), plain)
    rounded = adarounded(graph, quants, clips(), False, AdaRound(steps=300, clips=64))
    chosen = apply_calibration(rounded, calibration, clips(), plain)
    held_out = clips(50, seed=3)
    assert compare(graph, chosen, held_out).rms_error < 0.9 * compare(graph, nearest, held_out).rms_error


def test_weights_move_by_less_than_a_step_and_keep_their_scale() -> None:
    graph = coarse()
    quants = activation_quantization(graph, calibrate(graph, clips(), "minmax").ranges)
    rounded = adarounded(graph, quants, clips(), False, AdaRound(steps=40, clips=32))
    before, after = (g.tensor(g.nodes[0].inputs[1]) for g in (graph, rounded))
    bias, scale = np.asarray(graph.tensor(graph.nodes[0].inputs[2]).data), quants["x"].scalar()[0]
    grids = [quantize_weights(tensor, 0, True, scale, bias) for tensor in (before, after)]
    assert grids[0].quant is not None and grids[1].quant is not None
    np.testing.assert_allclose(grids[1].quant.scale, grids[0].quant.scale, rtol=1e-6)
    steps = np.asarray(before.data, np.float64) / grids[0].quant.scale.reshape(-1, 1, 1, 1)
    assert np.abs(np.asarray(grids[1].data) - steps).max() < 1.0 + 1e-6
    assert np.any(np.asarray(grids[1].data) != np.asarray(grids[0].data))
