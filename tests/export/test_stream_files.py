"""Step graphs as ONNX and TFLite files, run in other people's interpreters with their states fed back."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
import torch
from int8_oracles import litert_outputs
from streams import (
    SHAPES,
    carried_windows,
    feature_stream,
    int8_frames,
    quantized,
    stream_case,
    window_case,
    windows_of_hops,
)

from edgekit.core.errors import UnsupportedOpError
from edgekit.export.qdq_writer import qdq_model
from edgekit.export.tflite_stateful import stateful_tflite_bytes
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.streaming.describe import STREAM_KEY, with_description
from edgekit.graph.streaming.step import stream
from edgekit.models.registry import build_model


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Name to (case, float frames, int8 window graph), each made once."""

    def make(name):
        case = stream_case(name, tmp_path_factory.mktemp(name))
        frames = feature_stream(case, case.frames + 30)
        return case, frames, quantized(case, frames)

    return cache(make)


def hops_of(form, frames):
    shape = form.graph.tensor(form.graph.inputs[0]).dims
    return [frames[i : i + form.hop].reshape(shape) for i in range(0, len(frames) // form.hop * form.hop, form.hop)]


@pytest.mark.parametrize("name", SHAPES)
def test_the_float_step_in_onnx_runtime_equals_pytorch_on_windows(name, made):
    onnxruntime = pytest.importorskip("onnxruntime")
    case, frames, _ = made(name)
    form = stream(case.graph, case.axis)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # many tiny runs: threads would only wait
    session = onnxruntime.InferenceSession(qdq_model(with_description(form)).SerializeToString(), options)
    source, *states = session.get_inputs()
    values = {state.name: np.zeros(state.shape, np.float32) for state in states}
    found = []
    for hop in hops_of(form, frames):
        output, *rest = session.run(None, {source.name: hop.reshape(source.shape), **values})
        found.append(output.reshape(-1))
        values = dict(zip(values, rest, strict=True))
    windows, hops = windows_of_hops(case, form, frames)
    with torch.no_grad():
        expected = case.module(torch.from_numpy(np.moveaxis(windows, 3, 1).copy())).numpy()
    assert np.abs(np.stack(found)[hops] - expected).max() <= 1e-5


@pytest.mark.parametrize("name", SHAPES)
def test_the_int8_step_in_litert_equals_the_window_in_litert(name, made):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    case, frames, graph = made(name)
    form = stream(graph, case.axis)
    interpreter = litert.Interpreter(
        model_content=tflite_bytes(form.graph), experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    (source, *states), (output, *rest) = interpreter.get_input_details(), interpreter.get_output_details()
    values = [np.full(entry["shape"], state.initial, np.int8) for entry, state in zip(states, form.states, strict=True)]
    given, found = int8_frames(graph, frames), []
    for hop in hops_of(form, given):
        interpreter.set_tensor(source["index"], hop)
        for entry, value in zip(states, values, strict=True):
            interpreter.set_tensor(entry["index"], value)
        interpreter.invoke()
        found.append(interpreter.get_tensor(output["index"]).reshape(-1).copy())
        values = [interpreter.get_tensor(entry["index"]).copy() for entry in rest]
    windows, hops = windows_of_hops(case, form, given)
    expected = litert_outputs(tflite_bytes(graph), windows).reshape(len(windows), -1)
    assert np.array_equal(np.stack(found)[hops], expected)


@pytest.mark.parametrize("name", ["ds-cnn", "mixed"])
def test_the_int8_step_in_tflm_gives_the_window_s_bytes(name, made):
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    case, frames, graph = made(name)
    form = stream(graph, case.axis)
    interpreter = runtime.Interpreter.from_bytes(tflite_bytes(form.graph), arena_size=1 << 20)
    values = [np.full(form.graph.tensor(state.input).dims, state.initial, np.int8) for state in form.states]
    given, found = int8_frames(graph, frames), []
    for hop in hops_of(form, given):
        interpreter.set_input(hop, 0)
        for i, value in enumerate(values):
            interpreter.set_input(value, i + 1)
        interpreter.invoke()
        found.append(interpreter.get_output(0).reshape(-1).copy())
        values = [interpreter.get_output(i + 1).copy() for i in range(len(values))]
    windows, hops = windows_of_hops(case, form, given)
    expected = run_integer(graph, windows).reshape(len(windows), -1)
    assert np.array_equal(np.stack(found)[hops], expected)


def stateful(form):
    return stateful_tflite_bytes(form.graph, {state.input: (state.output, state.initial) for state in form.states})


@pytest.mark.parametrize("name", SHAPES)
def test_states_in_resource_variables_give_litert_s_own_bytes_for_windows(name, made):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    case, frames, graph = made(name)
    form = stream(graph, case.axis)
    interpreter = litert.Interpreter(
        model_content=stateful(form), experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    (source,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    given, found = int8_frames(graph, frames), []
    for hop in hops_of(form, given):
        interpreter.set_tensor(source["index"], hop)
        interpreter.invoke()
        found.append(interpreter.get_tensor(output["index"]).reshape(-1).copy())
    windows, hops = windows_of_hops(case, form, given)
    expected = litert_outputs(tflite_bytes(graph), windows).reshape(len(windows), -1)
    assert np.array_equal(np.stack(found)[hops], expected)


@pytest.mark.parametrize("name", ["ds-tcn", "windowed-ast", "gru"])
def test_states_in_resource_variables_run_in_tflm_over_a_long_stream(name, made, tmp_path):
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    if name == "gru":  # its state is int16, and goes on for ever
        case = window_case(build_model("kws-gru", units=8, features=6, classes=4), (12, 6), 1, tmp_path)
        graph = quantized(case, feature_stream(case, 100))
    else:
        case, _, graph = made(name)
    given = int8_frames(graph, feature_stream(case, 1200))
    form = stream(graph, case.axis)
    interpreter, found = runtime.Interpreter.from_bytes(stateful(form), arena_size=1 << 20), []
    for hop in hops_of(form, given):
        interpreter.set_input(hop, 0)
        interpreter.invoke()
        found.append(interpreter.get_output(0).reshape(-1).copy())
    if name == "gru":
        expected, places = carried_windows(graph, given, "/recurrent/GRU/0/hidden:0")
        assert np.array_equal(np.stack(found)[places], expected)
        return
    windows, hops = windows_of_hops(case, form, given)
    some = slice(None, None, 7)
    expected = run_integer(graph, windows[some]).reshape(-1, np.stack(found).shape[1])
    assert np.array_equal(np.stack(found)[hops][some], expected)


def test_a_state_of_another_shape_than_what_follows_it_is_refused(made):
    case, _, graph = made("ds-cnn")
    form = stream(graph, case.axis)
    first, other = form.states[0], form.states[1]
    assert form.graph.tensor(first.input).dims != form.graph.tensor(other.output).dims
    with pytest.raises(UnsupportedOpError, match="cannot take the place"):
        stateful_tflite_bytes(form.graph, {first.input: (other.output, 0)})


def test_the_file_says_how_to_run_it(made, tmp_path):
    case, _, graph = made("ds-cnn")
    form = stream(graph, case.axis)
    path = tmp_path / "step.tflite"
    path.write_bytes(tflite_bytes(with_description(form)))
    read = lower(load_graph(path))
    said = json.loads(read.metadata[STREAM_KEY])
    assert (said["hop_frames"], said["window_frames"], said["warmup_hops"]) == (2, 48, 24)
    assert [state["input"] for state in said["states"]] == list(read.inputs[1:])
    assert [state["output"] for state in said["states"]] == list(read.outputs[1:])
    assert said["states"][0]["shape"] == list(read.tensor(read.inputs[1]).dims)
