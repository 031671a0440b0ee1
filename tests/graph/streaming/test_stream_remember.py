"""LSTM and SVDF in streams: their memories go on from hop to hop, in the pass, in files and in C."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from int8_oracles import random_int8
from random_chain import Chain
from random_recurrent import svdf
from streams import feature_stream, int8_frames, quantized, window_case, windows_of_hops

from edgekit.bench.host_stream import host_stream
from edgekit.deploy.generate_stream import generate_stream
from edgekit.deploy.target import find_target
from edgekit.export.qdq_writer import qdq_model
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.streaming.runner import StreamRunner
from edgekit.graph.streaming.step import stream
from edgekit.models.registry import build_model

STEPS, FRAMES = 12, 200


@pytest.fixture(scope="module")
def lstm(tmp_path_factory):
    """(case, int8 window graph, float frames, int8 frames) of an LSTM over twelve frames."""
    module = build_model("kws-lstm", units=8, features=6, classes=4)
    case = window_case(module, (STEPS, 6), 1, tmp_path_factory.mktemp("lstm"))
    frames = feature_stream(case, FRAMES)
    graph = quantized(case, frames)
    return case, graph, frames, int8_frames(graph, frames)


def as_long_as(graph, frames):
    """The window graph of ``frames`` steps."""
    tensors = dict(graph.tensors)
    nodes = []
    for node in graph.nodes:
        for name in (node.inputs[0], node.outputs[0]):
            shape = tuple(frames if dim == STEPS else dim for dim in graph.tensor(name).dims)
            tensors[name] = graph.tensor(name).replace(shape=shape)
        if node.op == "slice":
            node = node.replace(attrs={**node.attrs, "begin": (0, frames - 1, 0)})
        if node.op == "reshape":
            node = node.replace(attrs={"shape": tensors[node.outputs[0]].dims})
        nodes.append(node)
    return graph.replace(tensors=tensors, nodes=tuple(nodes))


@pytest.mark.parametrize("layers", [1, 2])
def test_a_float_lstm_equals_pytorch_over_the_whole_stream_and_onnx_runtime_agrees(layers, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    module = build_model("kws-lstm", units=8, features=6, classes=4, layers=layers)
    case = window_case(module, (STEPS, 6), 1, tmp_path)
    form, frames = stream(case.graph, 1), feature_stream(case, FRAMES)
    with torch.no_grad():
        states, _ = module.recurrent(torch.from_numpy(frames[None]))
        expected = module.dense(states[0]).numpy()
    found = StreamRunner(form).run(frames[..., None]).reshape(expected.shape)
    assert form.since_start and len(form.variables) == 2 * layers and not form.states
    assert np.abs(found - expected).max() <= 1e-5 < 0.1 < np.ptp(expected)
    session = onnxruntime.InferenceSession(qdq_model(form.graph).SerializeToString())
    source, *states = session.get_inputs()
    names = [output.name for output in session.get_outputs()[1:]]
    assert names == [f"{state.name}/next" for state in states]
    values = {state.name: np.zeros(state.shape, np.float32) for state in states}
    for frame, wanted in zip(frames, expected, strict=True):
        output, *rest = session.run(None, {source.name: frame.reshape(source.shape), **values})
        assert np.abs(output.reshape(-1) - wanted).max() <= 1e-5
        values = dict(zip(values, rest, strict=True))


def in_tflm(data, hops):
    """Outputs of every hop, one after the other in one interpreter."""
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    interpreter, found = runtime.Interpreter.from_bytes(data, arena_size=1 << 18), []
    for hop in hops:
        interpreter.set_input(hop, 0)
        interpreter.invoke()
        found.append(interpreter.get_output(0).reshape(-1).copy())
    return np.stack(found)


def in_litert(data, hops):
    """The same in LiteRT, whose gates are other functions (docs/litert-tflm.md)."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    reference = litert.OpResolverType.BUILTIN_REF
    interpreter, found = litert.Interpreter(model_content=data, experimental_op_resolver_type=reference), []
    interpreter.allocate_tensors()
    for hop in hops:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], hop)
        interpreter.invoke()
        found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).reshape(-1).copy())
    return np.stack(found)


def test_the_int8_lstm_s_step_gives_what_a_window_as_long_as_the_stream_gives(lstm):
    _, graph, _, given = lstm
    form = stream(graph, 1)
    found = StreamRunner(form).run(given[..., None]).reshape(FRAMES, -1)
    assert len(np.unique(found, axis=0)) > 20
    data, hops = tflite_bytes(form.graph), given.reshape(FRAMES, *form.graph.tensor(form.graph.inputs[0]).dims)
    assert np.array_equal(in_tflm(data, hops), found)
    other = in_litert(data, hops)
    for length in (1, 2, 37, FRAMES):
        window, whole = tflite_bytes(as_long_as(graph, length)), given[None, None, :length, :, None]
        assert np.array_equal(in_tflm(window, whole)[0], found[length - 1])
        assert np.array_equal(in_litert(window, whole)[0], other[length - 1])


def test_the_lstm_s_step_in_c_goes_on_and_begins_anew(lstm):
    _, graph, _, given = lstm
    form = stream(graph, 1)
    expected = StreamRunner(form).run(given[..., None]).reshape(FRAMES, -1)
    with host_stream(generate_stream(form, None, find_target("cpu"), "m")) as listening:
        assert np.array_equal(listening.step(given), expected)
        listening.restart()
        assert np.array_equal(listening.step(given), expected)


def test_an_lstm_that_begins_anew_with_every_window_gives_the_window_s_bytes(lstm):
    case, graph, _, given = lstm
    form = stream(graph, 1, "window")
    windows, hops = windows_of_hops(case, form, given[:60])
    expected = run_integer(graph, windows)
    found = StreamRunner(form).run(given[:60, :, None])[hops].reshape(expected.shape)
    assert not form.since_start and np.array_equal(found, expected)


def svdf_graph(seed):
    """Two svdf layers and a dense one on frames of 20 values."""
    chain = Chain(np.random.default_rng(seed), (1, 20))
    svdf(chain)
    svdf(chain)
    chain.fully_connected(5)
    return chain.graph()


@pytest.mark.parametrize("seed", [1, 2])
def test_an_svdf_model_is_its_own_step_in_tflm_and_c(seed, tmp_path):
    graph = svdf_graph(seed)
    form = stream(graph, 1)
    lengths = [graph.tensor(node.inputs[2]).dims[1] for node in graph.nodes if node.op == "svdf"]
    assert (form.hop, form.window, form.since_start) == (1, 1 + sum(length - 1 for length in lengths), False)
    given = random_int8(np.random.default_rng(seed), (FRAMES, 20))
    found = StreamRunner(form).run(given).reshape(FRAMES, -1)
    assert len(np.unique(found, axis=0)) > 5
    fresh = StreamRunner(form).run(given[-form.window :]).reshape(form.window, -1)
    assert np.array_equal(fresh[-1], found[-1])  # nothing older than the window is left
    with host_stream(generate_stream(form, None, find_target("cpu"), "m")) as listening:
        assert np.array_equal(listening.step(given), found)
    assert np.array_equal(in_tflm(tflite_bytes(form.graph), given[:, None]), found)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lstm", "svdf"])
def test_the_emulated_core_gives_the_same_bytes(kind, lstm, tmp_path):
    pytest.importorskip("unicorn")
    from edgekit.bench.emulate import emulate
    from edgekit.deploy.project import build

    graph = lstm[1] if kind == "lstm" else svdf_graph(1)
    given = lstm[3] if kind == "lstm" else random_int8(np.random.default_rng(1), (FRAMES, 20))
    form, target = stream(graph, 1), find_target("cortex-m4")
    shape = given[..., None] if kind == "lstm" else given
    expected = StreamRunner(form).run(shape).reshape(FRAMES, -1)
    run = emulate(build(generate_stream(form, None, target, "m"), target, tmp_path / "image"), given)
    assert np.array_equal(run.scores, expected)
