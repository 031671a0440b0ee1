"""Students of the registry on the whole road: ONNX, int8, then the same bytes from LiteRT, TFLM and the compiled C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_programs import SanitizedProgram
from int8_oracles import litert_outputs, tflm_outputs

from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.export.qdq_writer import write_qdq_onnx
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize.compare import dequantized_outputs
from edgekit.quantize.ptq import quantize_graph

pytestmark = pytest.mark.slow

STUDENTS: dict[str, tuple[str, dict[str, Any], tuple[int, int], float]] = {
    "cp-resnet": ("cp-resnet", {}, (64, 44), 0.05),
    "tf-sepnet": ("tf-sepnet", {}, (64, 32), 0.05),
    "cp-mobile with GRN": ("cp-mobile", {"grn": True}, (64, 44), 0.05),
    "bc-resnet-1": ("bc-resnet-1", {}, (40, 44), 0.05),
}
"""Name: model, arguments, (frequency, time), largest logit error as a share of the logits' range."""
CLIPS = 48


def features(count: int, shape: tuple[int, int], seed: int) -> np.ndarray:
    """Clips [N,1,F,T] like log mel spectrograms: smooth along both axes, levels of their own, some noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 1, (count, 1, -(-shape[0] // 8), -(-shape[1] // 8)))
    smooth = coarse.repeat(8, axis=2).repeat(8, axis=3)[:, :, : shape[0], : shape[1]]
    level = rng.normal(0, 0.5, (count, 1, 1, 1))
    return (smooth + level + rng.normal(0, 0.3, (count, 1, *shape))).astype(np.float32)


def settled_model(name: str, arguments: dict[str, Any], shape: tuple[int, int]) -> Any:
    """A model with random weights whose norms have seen data, as after training; learned scales are not trivial."""
    torch = pytest.importorskip("torch")
    from edgekit.models.registry import build_model

    torch.manual_seed(0)
    model = build_model(name, classes=10, **arguments).train()
    for key, parameter in model.named_parameters():
        if parameter.ndim <= 1 or "gamma" in key or "beta" in key:
            parameter.data += 0.3 * torch.randn_like(parameter)
    with torch.no_grad():
        for seed in range(12):
            model(torch.from_numpy(features(16, shape, seed)))
    return model.eval()


def lowered(student: str, folder: Path) -> tuple[Graph, Graph, np.ndarray, np.ndarray]:
    """Float graph, integer graph, NHWC clips not calibrated with, and torch's logits for them."""
    torch = pytest.importorskip("torch")
    from edgekit.train.onnx_export import export_module

    name, arguments, shape, _ = STUDENTS[student]
    model = settled_model(name, arguments, shape)
    export_module(model, shape, folder / "model.onnx", {})
    graph = lower(load_graph(folder / "model.onnx"))
    integer = quantize_graph(graph, features(96, shape, 100).transpose(0, 2, 3, 1))
    clips = features(CLIPS, shape, 101)
    with torch.no_grad():
        logits = model(torch.from_numpy(clips)).numpy()
    return graph, integer, np.ascontiguousarray(clips.transpose(0, 2, 3, 1)), logits


def quantized_input(integer: Graph, clips: np.ndarray) -> np.ndarray:
    scale, zero_point = integer.tensor(integer.inputs[0]).scale_zero()
    return np.clip(np.floor(clips / np.float32(scale) + 0.5) + zero_point, -128, 127).astype(np.int8)


@pytest.mark.parametrize("student", STUDENTS)
def test_student_reaches_the_chip(student: str, tmp_path: Path, record_property: Any) -> None:
    _, integer, clips, logits = lowered(student, tmp_path)
    assert {tensor.dtype for tensor in integer.tensors.values()} == {"int8", "int32"}
    error = np.abs(dequantized_outputs(integer, clips).reshape(logits.shape) - logits)
    spread = float(np.ptp(logits))
    record_property("max_logit_error", float(error.max()))
    record_property("logit_range", spread)
    assert error.max() <= STUDENTS[student][3] * spread, f"{error.max():.4f} of {spread:.3f}"

    x = quantized_input(integer, clips)
    ours = run_integer(integer, x).reshape(len(x), -1)
    model = tflite_bytes(integer)
    np.testing.assert_array_equal(ours, tflm_outputs(model, x).reshape(len(x), -1))
    np.testing.assert_array_equal(ours, litert_outputs(model, x).reshape(len(x), -1))
    program = SanitizedProgram([generate(integer, None, find_target("cpu"), "student")], tmp_path)
    np.testing.assert_array_equal(ours, program.run(0, x))


@pytest.mark.parametrize("student", STUDENTS)
def test_student_as_qdq_has_the_labels_of_the_integer_model(student: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    _, integer, clips, _ = lowered(student, tmp_path)
    write_qdq_onnx(integer, tmp_path / "qdq.onnx")
    session = runtime.InferenceSession(str(tmp_path / "qdq.onnx"), providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    images = np.ascontiguousarray(clips.transpose(0, 3, 1, 2))
    found = np.concatenate([session.run(None, {source: clip[None]})[0].reshape(1, -1) for clip in images])
    expected = run_integer(integer, quantized_input(integer, clips)).reshape(len(clips), -1)
    assert np.mean(found.argmax(axis=1) == expected.argmax(axis=1)) >= 0.9
