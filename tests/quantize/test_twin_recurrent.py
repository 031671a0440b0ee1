"""LSTM and SVDF in the fake-quantized twin: the interpreter's bytes, a gradient that learns, sensitivity, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recurrent_models import recurrent_model, walking_clips

from edgekit.core.errors import UnsupportedOpError
from edgekit.features.quantized import quantize_features
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.tensor import Tensor
from edgekit.quantize.compare import compare
from edgekit.quantize.ptq import PtqOptions, prepared, quantize_prepared
from edgekit.quantize.sensitivity import sensitivity

torch = pytest.importorskip("torch")

from edgekit.quantize.twin import FakeQuantTwin  # noqa: E402
from edgekit.quantize.twin_recurrent import check_trainable  # noqa: E402

OPTIONS = PtqOptions(observer="minmax")


@pytest.fixture
def lstm(tmp_path: Path) -> Graph:
    return prepared(lower(load_graph(recurrent_model(tmp_path / "m.onnx", "LSTM"))), OPTIONS)


def svdf(*, bias: bool = True) -> Graph:
    rng = np.random.default_rng(0)
    arrays = {"feature": rng.normal(0, 0.4, (8, 6)), "time": rng.normal(0, 0.5, (8, 5)), "bias": rng.normal(0, 0.2, 4)}
    tensors = {name: Tensor(name, data.shape, "float32", data=data.astype(np.float32)) for name, data in arrays.items()}
    tensors["x"], tensors["y"] = Tensor("x", (1, 6), "float32"), Tensor("y", (1, 4), "float32")
    tensors["memory"] = Tensor("memory", (1, 40), "float32", variable=True)
    inputs = ("x", "feature", "time", "bias" if bias else "", "memory")
    node = Node("svdf", "svdf", inputs, ("y",), {"rank": 2, "activation": "relu"})
    used = {name: tensor for name, tensor in tensors.items() if name in (*inputs, "y")}
    return prepared(Graph("m", "edge", used, (node,), ("x",), ("y",)), OPTIONS)


def frames(count: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.clip(rng.normal(0, 0.6, (count, 6)).cumsum(axis=0), -2, 2).astype(np.float32)


def carried(graph: Graph) -> Graph:
    """The model with an lstm that goes on from inference to inference."""
    nodes = [node.replace(attrs={**node.attrs, "carried": True}) if node.op == "lstm" else node for node in graph.nodes]
    return replace(graph, nodes=tuple(nodes))


def interpreter_values(integer: Graph, x: np.ndarray) -> dict[str, np.ndarray]:
    return run_integer(integer, quantize_features(x, *integer.tensor(integer.inputs[0]).scale_zero()), all_tensors=True)


def assert_equal_steps(twin: FakeQuantTwin, x: np.ndarray) -> None:
    """Every activation of the twin is what the interpreter of its integer graph has."""
    expected = interpreter_values(twin.eval().integer_graph(), x)
    with torch.no_grad():
        steps = twin.steps(torch.from_numpy(x))
    for name, values in expected.items():
        theirs = steps[name].values.numpy().reshape(values.shape) + steps[name].grid.zero_point
        np.testing.assert_array_equal(theirs, values, err_msg=name)


def twin_of(graph: Graph, clips: np.ndarray) -> FakeQuantTwin:
    return FakeQuantTwin(graph, quantize_prepared(graph, clips, OPTIONS))


def test_an_lstm_starts_as_the_integer_graph_and_has_the_interpreter_s_values(lstm: Graph) -> None:
    integer = quantize_prepared(lstm, walking_clips(64), OPTIONS)
    twin = FakeQuantTwin(lstm, integer)
    x = walking_clips(20, seed=1)
    assert_equal_steps(twin, x)
    for name, values in interpreter_values(integer, x).items():
        np.testing.assert_array_equal(interpreter_values(twin.integer_graph(), x)[name], values)


def test_without_the_kernel_s_bytes_an_lstm_is_a_step_off_at_most(lstm: Graph) -> None:
    """What training sees while scales are learned: the same roundings in the same places."""
    twin = twin_of(lstm, walking_clips(64)).train()
    x = walking_clips(30, seed=1)
    with torch.no_grad():
        steps = twin.steps(torch.from_numpy(x))
    for name, values in interpreter_values(twin.integer_graph(), x).items():
        theirs = steps[name].values.numpy().reshape(values.shape) + steps[name].grid.zero_point
        assert np.abs(theirs - values).max() <= 2, name
        assert (theirs == values).mean() > 0.97, name


def test_an_lstm_learns_and_what_it_learned_is_deployed(lstm: Graph) -> None:
    torch.manual_seed(0)
    x = walking_clips(64)
    twin = twin_of(lstm, x).train()
    target = torch.from_numpy(run_float(lstm, x)) * 1.1
    optimiser = torch.optim.Adam(twin.parameters(), 1e-3)
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.mse_loss(twin(torch.from_numpy(x)), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.5 * losses[0]
    layer = next(index for index, node in enumerate(lstm.nodes) if node.op == "lstm")
    started = lstm.nodes[layer].inputs[1:13]
    _, trained = twin.layers[str(layer)].rebuilt(lstm.nodes[layer])
    for name, tensor in zip(started, trained, strict=True):
        assert not np.array_equal(np.asarray(lstm.tensor(name).data).reshape(tensor.dims), tensor.data), name
    twin.freeze_scales()
    assert_equal_steps(twin, walking_clips(20, seed=1))


def test_left_in_float_an_lstm_and_an_svdf_are_the_float_operators(lstm: Graph) -> None:
    for graph, x in ((lstm, walking_clips(32)), (svdf(), frames(32)), (svdf(bias=False), frames(32))):
        twin = twin_of(graph, x).eval()
        twin.floating = frozenset({graph.inputs[0], *(node.name for node in graph.nodes)})
        with torch.no_grad():
            logits = twin(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(logits, run_float(graph, x).reshape(logits.shape), atol=2e-3)


@pytest.mark.parametrize("bias", [True, False])
def test_an_svdf_has_the_interpreter_s_values(bias: bool) -> None:
    graph = svdf(bias=bias)
    assert_equal_steps(twin_of(graph, frames(40)), frames(24))


def test_sensitivity_has_a_row_for_them(lstm: Graph) -> None:
    for op, graph, x in (("lstm", lstm, walking_clips(64)), ("svdf", svdf(), frames(40))):
        integer = quantize_prepared(graph, x, OPTIONS)
        row = next(row for row in sensitivity(graph, integer, x) if row.op == op)
        whole = compare(graph, integer, x).rms_error / float(np.sqrt(np.mean(np.square(run_float(graph, x)))))
        assert 15.0 < row.sqnr_db < 70.0
        assert 0.0 < row.alone_error < 3.0 * whole


def test_what_goes_on_from_clip_to_clip_is_not_trained(lstm: Graph) -> None:
    check_trainable(lstm)
    for graph in (svdf(), carried(lstm)):
        with pytest.raises(UnsupportedOpError, match="goes on from inference to inference"):
            check_trainable(graph)
