"""Transformers from PyTorch to integers: near the float logits, and TFLM computes the very bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from float_networks import FloatBuilder, clips
from int8_oracles import tflm_outputs

from edgekit.export.qdq_writer import write_qdq_onnx
from edgekit.export.tflite_writer import tflite_bytes, write_tflite
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.passes.widen import widen
from edgekit.graph.readers.load import load_graph
from edgekit.graph.readers.tflite_reader import read_tflite
from edgekit.models.registry import build_model
from edgekit.quantize.compare import compare, dequantized_outputs
from edgekit.quantize.ptq import PtqOptions, quantize_graph
from edgekit.train.onnx_export import export_module

MODELS = {
    "layer norm, gelu": ("small-vit", {"norm": "layer", "activation": "gelu"}),
    "batch norm, quick gelu": ("small-vit", {"norm": "batch", "activation": "quick-gelu"}),
    "mobile": ("mobile-vit", {"channels": (8, 8, 12, 12), "widths": (12, 12), "layers": (1, 1)}),
}
VIT = {"input_shape": (24, 32), "patch": 8, "stride": 8, "layers": 2, "width": 24, "heads": 3}
SHAPE = (24, 32)


def _float_graph(case: str, folder: Path) -> tuple[Graph, np.ndarray]:
    """A model with weights of ordinary size and settled batch norms, and features [N, H, W, 1]."""
    torch.manual_seed(0)
    name, arguments = MODELS[case]
    module = build_model(name, classes=6, **({**VIT, **arguments} if name == "small-vit" else arguments))
    for layer in module.modules():
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
    features = torch.randn(64, 1, *SHAPE)
    module.train()
    with torch.no_grad():
        for _ in range(30):
            module(features)
    export_module(module.eval(), SHAPE, folder / "model.onnx", {})
    return lower(load_graph(folder / "model.onnx")), features.numpy().transpose(0, 2, 3, 1)


def _integers(graph: Graph, features: np.ndarray) -> np.ndarray:
    scale, zero_point = graph.tensor(graph.inputs[0]).scale_zero()
    return np.clip(np.floor(features / scale + 0.5) + zero_point, -128, 127).astype(np.int8)


@pytest.mark.parametrize("case", MODELS)
def test_no_float_is_left_and_tflm_gives_the_same_bytes(case: str, tmp_path: Path) -> None:
    graph, features = _float_graph(case, tmp_path)
    integer = quantize_graph(graph, features, PtqOptions(observer="minmax"))
    assert {tensor.dtype for tensor in integer.tensors.values()} == {"int8", "int16", "int32"}
    assert {integer.tensor(name).dtype for name in (*integer.inputs, *integer.outputs)} == {"int8"}
    inputs = _integers(integer, features[:6])
    ours = run_integer(integer, inputs)
    np.testing.assert_array_equal(ours, tflm_outputs(tflite_bytes(integer), inputs))
    write_tflite(integer, tmp_path / "model.tflite")
    np.testing.assert_array_equal(run_integer(lower(read_tflite(tmp_path / "model.tflite")), inputs), ours)
    difference = compare(graph, integer, features)
    assert difference.rms_error < 0.02 * difference.output_range


def test_wider_activations_are_nearer_to_the_float_model(tmp_path: Path) -> None:
    graph, features = _float_graph("layer norm, gelu", tmp_path)
    errors = [
        compare(graph, quantize_graph(graph, features, PtqOptions(observer="minmax", widths=mode)), features).rms_error
        for mode in ("none", "norms", "all")
    ]
    assert errors[0] > errors[1] > errors[2]


def test_everything_in_16_bits_equals_tflm(tmp_path: Path) -> None:
    graph, features = _float_graph("mobile", tmp_path)
    integer = quantize_graph(graph, features, PtqOptions(observer="minmax", widths="all"))
    inputs = _integers(integer, features[:4])
    np.testing.assert_array_equal(run_integer(integer, inputs), tflm_outputs(tflite_bytes(integer), inputs))


def test_marking_widths_changes_no_float_value(tmp_path: Path) -> None:
    graph, features = _float_graph("layer norm, gelu", tmp_path)
    marked = widen(graph, "norms")
    assert any(node.op == "quantize" for node in marked.nodes)
    np.testing.assert_array_equal(run_float(marked, features[:4]), run_float(graph, features[:4]))


def test_part_of_fixed_scale_does_not_clip_the_others_of_a_concat() -> None:
    build = FloatBuilder(5)
    x = build.conv(8, 3, "none")
    gate = build.add_node("logistic", (16, 10, 8), (x,))
    build.add_node("concat", (16, 10, 16), (x, gate), axis=3)
    build.conv(6, 3, "none")
    build.add_node("reshape", (int(np.prod(build.tensors[build.last].dims)),))
    build.dense(10)
    graph = build.graph()
    integer = quantize_graph(graph, clips(), PtqOptions(observer="minmax"))
    assert [node.op for node in integer.nodes].count("quantize") == 1
    difference = compare(graph, integer, clips(100, seed=1))
    assert difference.rms_error < 0.02 * difference.output_range


@pytest.mark.parametrize("mode", ["norms", "all"])
def test_onnx_runtime_gives_the_same_labels_from_the_qdq_file(mode: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    graph, features = _float_graph("layer norm, gelu", tmp_path)
    integer = quantize_graph(graph, features, PtqOptions(observer="minmax", widths=mode))
    write_qdq_onnx(integer, tmp_path / "qdq.onnx")
    session = runtime.InferenceSession(str(tmp_path / "qdq.onnx"), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    found = np.concatenate([session.run(None, {name: clip.transpose(2, 0, 1)[None]})[0] for clip in features])
    ours = dequantized_outputs(integer, features)
    step = integer.tensor(integer.outputs[0]).scale_zero()[0]
    assert np.abs(found - ours).max() < 12 * step
    first, second = np.sort(ours, axis=1)[:, :-3:-1].T
    clear = first - second > 12 * step
    assert clear.sum() > 10
    np.testing.assert_array_equal(found.argmax(axis=1)[clear], ours.argmax(axis=1)[clear])
