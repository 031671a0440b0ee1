"""Models with an LSTM or a GRU become integer as a whole: equal bytes everywhere, logits near the float model's."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import ai_edge_litert.interpreter as litert
import numpy as np
import onnxruntime as ort
import pytest
from c_programs import SanitizedProgram
from int8_oracles import litert_outputs, tflm_outputs
from random_chain import Chain
from random_recurrent import svdf
from recurrent_models import STEPS, recurrent_model, walking_clips

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.export.qdq_recurrent import has_qdq_form
from edgekit.export.qdq_writer import qdq_model
from edgekit.export.tflite_writer import tflite_bytes, write_tflite
from edgekit.features.quantized import quantize_features
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.ops import TIE
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.tensor import Tensor
from edgekit.quantize.cells import cell_quantization
from edgekit.quantize.compare import compare, dequantized_outputs
from edgekit.quantize.observers import Range
from edgekit.quantize.ptq import PtqOptions, prepared, quantize_graph, quantize_prepared

LAYERS = [
    ("LSTM", {}),
    ("GRU", {"linear_before_reset": 1}),
    ("GRU", {"linear_before_reset": 0}),
    ("LSTM", {"direction": "bidirectional"}),
    ("GRU", {"linear_before_reset": 1, "direction": "bidirectional"}),
]
NAMES = ["lstm", "gru", "gru-reset-before", "lstm-both", "gru-both"]
FORMS = pytest.mark.parametrize(("op", "attrs"), LAYERS, ids=NAMES)


def quantized(op: str, attrs: dict[str, Any], folder: Path, **options: Any) -> tuple[Graph, Graph]:
    graph = lower(load_graph(recurrent_model(folder / "m.onnx", op, **attrs)))
    return graph, quantize_graph(graph, walking_clips(64), PtqOptions(observer="minmax", **options))


def fed(integer: Graph, count: int) -> np.ndarray:
    return quantize_features(walking_clips(count, seed=1), *integer.tensor(integer.inputs[0]).scale_zero())


@FORMS
def test_no_operator_stays_in_float_and_tflm_gives_the_bytes(op: str, attrs: dict[str, Any], tmp_path: Path) -> None:
    _, integer = quantized(op, attrs, tmp_path)
    assert {tensor.dtype for tensor in integer.tensors.values()} <= {"int8", "int16", "int32", "int64"}
    clips = fed(integer, 30)
    theirs = tflm_outputs(tflite_bytes(integer), clips, reset=True)
    np.testing.assert_array_equal(run_integer(integer, clips), theirs)


@FORMS
def test_litert_is_a_step_off_at_most(op: str, attrs: dict[str, Any], tmp_path: Path) -> None:
    """Other functions of gates, other roundings of dense layers and products (docs/litert-tflm.md)."""
    _, integer = quantized(op, attrs, tmp_path)
    clips = fed(integer, 30)
    theirs = litert_outputs(tflite_bytes(integer), clips, reset=True)
    assert np.abs(theirs.astype(int) - run_integer(integer, clips)).max() <= 1


@FORMS
def test_logits_are_near_the_float_model_s(op: str, attrs: dict[str, Any], tmp_path: Path) -> None:
    graph, integer = quantized(op, attrs, tmp_path)
    difference = compare(graph, integer, walking_clips(64))
    assert difference.max_error <= 0.03 * difference.output_range
    assert difference.label_agreement >= 0.95


@FORMS
def test_onnx_runtime_runs_the_qdq_form_to_the_same_logits(op: str, attrs: dict[str, Any], tmp_path: Path) -> None:
    """Gates in float there: two steps of the output at most."""
    _, integer = quantized(op, attrs, tmp_path)
    session = ort.InferenceSession(qdq_model(integer).SerializeToString())
    clips = walking_clips(20, seed=1)
    theirs = np.concatenate([session.run(None, {"x": clip.transpose(2, 0, 1)[None]})[0] for clip in clips])
    scale, _ = integer.tensor(integer.outputs[0]).scale_zero()
    assert np.abs(theirs - dequantized_outputs(integer, clips)).max() <= 2.01 * scale


def test_what_remembers_between_inferences_has_no_onnx_form() -> None:
    chain = Chain(np.random.default_rng(0), (1, 12))
    svdf(chain)
    assert not has_qdq_form(chain.graph())
    with pytest.raises(UnsupportedOpError, match="svdf keeps a memory"):
        qdq_model(chain.graph())


def test_a_gru_in_int8_is_worse_than_in_int16(tmp_path: Path) -> None:
    graph, wide = quantized("GRU", {"linear_before_reset": 1}, tmp_path)
    _, narrow = quantized("GRU", {"linear_before_reset": 1}, tmp_path, widths="none")
    clips = walking_clips(64)
    assert compare(graph, wide, clips).rms_error < 0.8 * compare(graph, narrow, clips).rms_error


def test_steps_of_a_gru_have_one_scale_a_part_and_one_set_of_weights(tmp_path: Path) -> None:
    _, integer = quantized("GRU", {"linear_before_reset": 1}, tmp_path)
    scales: dict[str, set[tuple[float, int]]] = {}
    for node in integer.nodes:
        if TIE in node.attrs:
            scales.setdefault(node.attrs[TIE], set()).add(integer.tensor(node.outputs[0]).scale_zero())
    assert scales and {len(found) for found in scales.values()} == {1}
    readers = Counter(node.inputs[1] for node in integer.nodes if node.op == "fully_connected")
    assert sorted(readers.values()) == [1, 1, 1, STEPS - 1, STEPS - 1]


@FORMS
def test_the_generated_c_gives_the_bytes_and_stores_weights_once(
    op: str, attrs: dict[str, Any], tmp_path: Path
) -> None:
    _, integer = quantized(op, attrs, tmp_path)
    sources = generate(integer, None, find_target("cpu"), "model")
    clips = fed(integer, 6)
    program = SanitizedProgram([sources], tmp_path)
    np.testing.assert_array_equal(program.run(0, clips), run_integer(integer, clips))
    arrays = [line for line in sources.files["model_model.c"].splitlines() if line.startswith("static const int8_t w")]
    passes = 2 if "direction" in attrs else 1
    assert len(arrays) == (1 if op == "LSTM" else 4 * passes + 1)  # an lstm's are called otherwise


def test_the_twin_of_a_gru_trains_one_set_of_weights_to_the_integer_bytes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from edgekit.quantize.twin import FakeQuantTwin

    graph = lower(load_graph(recurrent_model(tmp_path / "m.onnx", "GRU", linear_before_reset=1)))
    options = PtqOptions(observer="minmax")
    base = prepared(graph, options)
    integer = quantize_prepared(base, walking_clips(64), options)
    twin = FakeQuantTwin(base, integer)
    dense = {node.inputs[1] for node in base.nodes if node.op == "fully_connected"}
    assert len([name for name, _ in twin.named_parameters() if name.endswith(".weights")]) == len(dense) == 5
    x = torch.from_numpy(walking_clips(8, seed=1))
    loss = twin.train()(x).square().sum()
    loss.backward()
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter -= 1e-4 * (parameter.grad if parameter.grad is not None else 0)
    twin.eval()
    trained = twin.integer_graph()
    readers = Counter(node.inputs[1] for node in trained.nodes if node.op == "fully_connected")
    assert sorted(readers.values()) == [1, 1, 1, STEPS - 1, STEPS - 1]
    with torch.no_grad():
        np.testing.assert_allclose(twin(x).numpy(), dequantized_outputs(trained, x.numpy()), atol=1e-6)


def test_a_cell_has_steps_of_a_power_of_two() -> None:
    assert cell_quantization(Range(-1.0, 0.9), "c").scalar() == (2.0**-14, 0)
    assert cell_quantization(Range(0.0, 0.99), "c").scalar() == (2.0**-15, 0)
    assert cell_quantization(Range(-60.0, 3.0), "c").scalar() == (2.0**-9, 0)
    with pytest.raises(BadFileError, match="whose cell reaches 65"):
        cell_quantization(Range(-65.0, 3.0), "c")


def test_a_float_svdf_model_becomes_integer_with_an_int16_memory(tmp_path: Path) -> None:
    """Frames in their order: the memory of both goes on from frame to frame."""
    rng = np.random.default_rng(0)
    arrays = {"feature": rng.normal(0, 0.4, (8, 6)), "time": rng.normal(0, 0.5, (8, 5)), "bias": rng.normal(0, 0.2, 4)}
    tensors = {name: Tensor(name, data.shape, "float32", data=data.astype(np.float32)) for name, data in arrays.items()}
    tensors["x"], tensors["y"] = Tensor("x", (1, 6), "float32"), Tensor("y", (1, 4), "float32")
    tensors["memory"] = Tensor("memory", (1, 40), "float32", variable=True)
    attrs = {"rank": 2, "activation": "relu"}
    node = Node("svdf", "svdf", ("x", "feature", "time", "bias", "memory"), ("y",), attrs)
    write_tflite(Graph("m", "edge", tensors, (node,), ("x",), ("y",)), tmp_path / "m.tflite")
    graph = lower(load_graph(tmp_path / "m.tflite"))
    frames = np.clip(rng.normal(0, 0.6, (32, 6)).cumsum(axis=0), -2, 2).astype(np.float32)
    interpreter = litert.Interpreter(str(tmp_path / "m.tflite"))
    interpreter.allocate_tensors()
    expected = []
    for frame in frames:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], frame[None])
        interpreter.invoke()
        expected.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    np.testing.assert_allclose(run_float(graph, frames), expected, atol=1e-5)
    integer = quantize_graph(graph, frames, PtqOptions(observer="minmax"))
    assert integer.tensor("memory").dtype == "int16"
    fed_frames = quantize_features(frames, *integer.tensor("x").scale_zero())
    np.testing.assert_array_equal(tflm_outputs(tflite_bytes(integer), fed_frames), run_integer(integer, fed_frames))
    assert compare(graph, integer, frames).max_error <= 0.03 * compare(graph, integer, frames).output_range
