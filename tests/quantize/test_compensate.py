"""Rounding with compensation: layers as matrix products, and outputs nearer than with rounding to nearest."""

from __future__ import annotations

import numpy as np
import pytest
from float_networks import FloatBuilder, clips, residual_classifier

from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.quantize.activations import activation_quantization
from edgekit.quantize.calibrate import HEADROOM, calibrate
from edgekit.quantize.choose_widths import NEAR, relative_error, with_widths
from edgekit.quantize.compare import compare
from edgekit.quantize.compensate import compensated, rounded_with_compensation
from edgekit.quantize.layer_rows import as_rows, from_rows, input_rows
from edgekit.quantize.ptq import PtqOptions, best_calibration, prepared, quantize_graph, quantize_prepared


def strided(op: str) -> Graph:
    """A layer with a stride, a dilation and pads that are not symmetric."""
    build = FloatBuilder(7)
    build.conv(6, 3, "none")
    attrs = {"stride": (2, 1), "dilation": (1, 2), "pad": ((0, 1), (2, 1)), "activation": "none"}
    if op == "conv2d":
        build.add_node(op, (8, 9, 4), (build.last, build.constant((4, 3, 3, 6), 0.3), ""), **attrs)
    else:
        build.add_node(op, (8, 9, 6), (build.last, build.constant((1, 3, 3, 6), 0.3), ""), multiplier=1, **attrs)
    return build.graph()


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d"])
def test_rows_of_inputs_and_weights_multiply_to_the_layers_outputs(op: str) -> None:
    graph = strided(op)
    node = graph.nodes[1]
    weights = np.asarray(graph.tensor(node.inputs[1]).data)
    values = run_float(graph, clips(3), all_tensors=True)
    inputs = input_rows(node, weights, values[node.inputs[0]], np.random.default_rng(0))
    rows = as_rows(node, weights)
    np.testing.assert_array_equal(from_rows(node, rows, weights.shape), weights)
    each = len(rows) // len(inputs)
    made = np.concatenate([x @ rows[i * each : (i + 1) * each].T for i, x in enumerate(inputs)], axis=1)
    np.testing.assert_allclose(made, values[node.outputs[0]].reshape(made.shape), atol=1e-4)


def test_two_equal_inputs_share_what_rounding_takes_from_one() -> None:
    """Both weights are 0.4 of a step: 0 and 0 gives 0, one of them rounded up keeps their sum within 0.2."""
    covariance = np.array([[1.0, 0.999], [0.999, 1.0]])
    steps = rounded_with_compensation(np.array([[0.4, 0.4]]), np.ones(1), covariance)
    assert steps.sum() == 1.0


def test_independent_inputs_are_rounded_to_nearest() -> None:
    rows = np.random.default_rng(0).normal(0, 30, (5, 8))
    np.testing.assert_array_equal(rounded_with_compensation(rows, np.ones(5), np.eye(8)), np.rint(rows))


def test_sums_come_nearer_than_with_rounding_to_nearest() -> None:
    """Inputs that are much alike, as neighbours in a map are."""
    generator = np.random.default_rng(3)
    x = generator.normal(0, 1, (4000, 1)) + generator.normal(0, 0.5, (4000, 24))
    rows = generator.normal(0, 3, (10, 24))
    steps = rounded_with_compensation(rows, np.ones(10), x.T @ x / len(x))
    compensating, plain = (np.square(x @ (rows - rounded).T).mean() for rounded in (steps, np.rint(rows)))
    assert compensating < 0.5 * plain


def test_quantized_models_come_nearer_to_float() -> None:
    graph, held_out = residual_classifier(3), clips(100, seed=9)
    errors = [
        compare(graph, quantize_graph(graph, clips(), PtqOptions(widths="all", compensate=choice)), held_out).rms_error
        for choice in (True, False)
    ]
    assert errors[0] < errors[1]


def test_weights_that_several_steps_share_stay() -> None:
    build = FloatBuilder(3)
    build.conv(8, 3)
    build.conv(8, 3)
    first, second = build.nodes[1], build.nodes[1].replace(name="again", inputs=("t9", *build.nodes[1].inputs[1:]))
    build.nodes[1] = first
    build.tensors["t9"] = build.tensors[first.outputs[0]].replace(name="t9")
    build.nodes[1] = first.replace(outputs=("t9",))
    build.nodes.append(second)
    graph = build.graph()
    quants = activation_quantization(graph, calibrate(graph, clips(40), "minmax").ranges)
    made = compensated(graph, quants, clips(40), False)
    assert made.nodes[1].inputs[1] == made.nodes[2].inputs[1] == first.inputs[1]
    assert made.nodes[0].inputs[1] != graph.nodes[0].inputs[1]


def test_outputs_have_headroom_but_not_beyond_zero() -> None:
    graph = residual_classifier()
    seen = run_float(graph, clips())
    found = calibrate(graph, clips(), "minmax").ranges[graph.outputs[0]]
    margin = HEADROOM * (seen.max() - seen.min())
    assert found.high == pytest.approx(seen.max() + margin, rel=1e-5)
    assert found.low == pytest.approx(seen.min() - margin, rel=1e-5)
    softmax = residual_classifier(softmax=True)
    assert calibrate(softmax, clips(), "minmax").ranges[softmax.outputs[0]].low == 0.0


def test_auto_is_no_worse_than_any_observer_on_the_clips_it_looked_at() -> None:
    graph, some = residual_classifier(), clips(64)
    chosen = best_calibration(graph, some)
    plain = PtqOptions(compensate=False, bias_correction=False)
    errors = {
        name: compare(graph, quantize_graph(graph, some, PtqOptions(**{**vars(plain), "observer": name})), some)
        for name in ("minmax", "percentile", "mse", "each")
    }
    least = min(errors.values(), key=lambda difference: difference.rms_error)
    assert errors[chosen.observer].rms_error == pytest.approx(least.rms_error)


def test_widths_are_chosen_by_the_error_of_the_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = residual_classifier()
    auto = PtqOptions(widths="auto", observer="minmax")
    narrow = prepared(graph, PtqOptions(observer="minmax"))
    error = relative_error(narrow, quantize_prepared(narrow, clips(128), PtqOptions(observer="minmax")), clips(128))
    monkeypatch.setattr("edgekit.quantize.choose_widths.NEAR", error * 1.01)
    assert with_widths(graph, clips(128), auto).widths == "norms"
    monkeypatch.setattr("edgekit.quantize.choose_widths.NEAR", error * 0.5)
    assert with_widths(graph, clips(128), auto).widths == "all"
    assert with_widths(graph, clips(128), PtqOptions(widths="none")).widths == "none"
    assert NEAR < 0.1
