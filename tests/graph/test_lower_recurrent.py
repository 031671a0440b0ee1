"""LSTM and GRU of ONNX in the edge dialect: the values of ONNX Runtime, and refusals that say why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from recurrent_models import STEPS, recurrent_model, walking_clips

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.passes.gru_cell import Fed, GruWeights, gru_cell
from edgekit.graph.passes.lower import lower
from edgekit.graph.passes.onnx_builder import Builder
from edgekit.graph.readers.load import load_graph


def expected(path: Path, clips: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(path)
    return np.concatenate([session.run(None, {"x": clip.transpose(2, 0, 1)[None]})[0] for clip in clips])


@pytest.mark.parametrize("read", ["last", "final", "mean"])
@pytest.mark.parametrize(
    ("op", "attrs"), [("LSTM", {}), ("GRU", {"linear_before_reset": 1}), ("GRU", {"linear_before_reset": 0})]
)
def test_the_layer_gives_what_onnx_runtime_gives(op: str, attrs: dict[str, Any], read: str, tmp_path: Path) -> None:
    path = recurrent_model(tmp_path / "m.onnx", op, read=read, **attrs)
    clips = walking_clips(5)
    np.testing.assert_allclose(run_float(lower(load_graph(path)), clips), expected(path, clips), atol=2e-6)


@pytest.mark.parametrize("read", ["last", "final", "mean"])
@pytest.mark.parametrize("direction", ["reverse", "bidirectional"])
@pytest.mark.parametrize(
    ("op", "attrs"), [("LSTM", {}), ("GRU", {"linear_before_reset": 1}), ("GRU", {"linear_before_reset": 0})]
)
def test_backward_and_both(op: str, attrs: dict[str, Any], direction: str, read: str, tmp_path: Path) -> None:
    path = recurrent_model(tmp_path / "m.onnx", op, read=read, direction=direction, **attrs)
    clips = walking_clips(5)
    np.testing.assert_allclose(run_float(lower(load_graph(path)), clips), expected(path, clips), atol=2e-6)


def test_all_steps_share_one_set_of_weights(tmp_path: Path) -> None:
    graph = lower(load_graph(recurrent_model(tmp_path / "m.onnx", "GRU", linear_before_reset=1)))
    dense = [node for node in graph.nodes if node.op == "fully_connected"]
    assert len(dense) == 2 * (STEPS - 1) + 3  # fed twice for all steps at once, back twice a step, logits
    assert len({node.inputs[1] for node in dense}) == 5


def test_a_state_that_nothing_reads_is_not_joined(tmp_path: Path) -> None:
    last = lower(load_graph(recurrent_model(tmp_path / "m.onnx", "GRU", read="last")))
    assert not [node for node in last.nodes if node.op == "concat"]
    whole = lower(load_graph(recurrent_model(tmp_path / "m.onnx", "GRU", read="mean", steps=25)))
    assert max(len(node.inputs) for node in whole.nodes if node.op == "concat") <= 10  # what TFLM takes


def test_a_cell_alone_is_one_step(tmp_path: Path) -> None:
    """What a stream runs for every frame: the same function for the state that a caller carries."""
    rng = np.random.default_rng(0)
    build = Builder(opset=17)
    units = 3
    for name, width in (("gates", 2 * units), ("new", units), ("hidden", units)):
        build.input(name, (1, 1, width))
    r = rng.normal(size=(3 * units, units)).astype(np.float32)
    bias = rng.normal(size=units).astype(np.float32)
    weights = GruWeights(
        "g",
        units,
        build.weight("Rg", r[: 2 * units]),
        build.weight("Rn", r[2 * units :]),
        build.weight("b", bias),
        True,
    )
    output = gru_cell(build, "g/0", Fed("gates", "new"), "hidden", weights)
    values = {name: rng.normal(size=build.tensors[name].dims).astype(np.float32) for name in ("gates", "new", "hidden")}
    from edgekit.graph.float_interpreter import run_float_node
    from edgekit.graph.graph import Graph

    names = ("gates", "new", "hidden")
    graph = Graph("cell", "edge", build.tensors, tuple(build.nodes), names, (output,))
    run = {name: array[None] for name, array in values.items()}
    for node in graph.nodes:
        run[node.outputs[0]] = run_float_node(graph, node, run)
    g, n, h = (values[name].reshape(-1).astype(np.float64) for name in names)
    z, reset = np.split(1 / (1 + np.exp(-(g + r[: 2 * units] @ h))), 2)
    new = np.tanh(n + reset * (r[2 * units :] @ h + bias))
    np.testing.assert_allclose(run[output].reshape(-1), (1 - z) * new + z * h, atol=1e-6)


@pytest.mark.parametrize(
    ("op", "options", "message"),
    [
        ("GRU", {"steps": 101}, "GRU over 101 steps, of at most 100"),
        ("LSTM", {"state": 0.5}, "state does not begin at 0"),
        ("GRU", {"activations": ["Sigmoid", "Relu"]}, "other activations"),
        ("LSTM", {"clip": 3.0}, "LSTM with a clip"),
    ],
)
def test_other_forms_are_refused(op: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOpError, match=message):
        lower(load_graph(recurrent_model(tmp_path / "m.onnx", op, **options)))
