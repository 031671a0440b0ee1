"""Transformers from ONNX to the chip: TFLM, the compiled C under sanitizers and an emulated M4 give the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_programs import SanitizedProgram
from int8_oracles import tflm_outputs

from edgekit.bench.emulate import emulate
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.export.tflite_writer import write_tflite
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.readers.tflite_reader import read_tflite
from edgekit.quantize.ptq import PtqOptions, quantize_graph

VIT = {"input_shape": (24, 32), "patch": 8, "stride": 8, "layers": 2, "width": 24, "heads": 3}
MODELS: dict[str, tuple[str, dict[str, Any], tuple[int, int]]] = {
    "small-vit": ("small-vit", VIT, (24, 32)),
    "small-vit with batch norm": ("small-vit", {**VIT, "norm": "batch", "activation": "quick-gelu"}, (24, 32)),
    "mobile-vit": ("mobile-vit", {"channels": (8, 8, 12, 12), "widths": (12, 12), "layers": (1, 1)}, (32, 24)),
}
FULL: dict[str, tuple[str, dict[str, Any], tuple[int, int]]] = {
    "tiny-ast": ("tiny-ast", {}, (128, 100)),
    "tiny-ast-deploy": ("tiny-ast-deploy", {}, (128, 100)),
    "mobile-vit": ("mobile-vit", {}, (64, 48)),
}


def _as_tflite(
    case: tuple[str, dict[str, Any], tuple[int, int]], widths: str, folder: Path
) -> tuple[Graph, np.ndarray]:
    """The integer graph as it comes back from its TFLite file, and int8 inputs."""
    torch = pytest.importorskip("torch")
    from edgekit.models.registry import build_model
    from edgekit.train.onnx_export import export_module

    name, arguments, shape = case
    torch.manual_seed(0)
    module = build_model(name, classes=6, **arguments)
    for layer in module.modules():
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
    features = torch.randn(16, 1, *shape)
    module.train()
    with torch.no_grad():
        for _ in range(20):
            module(features)
    export_module(module.eval(), shape, folder / "model.onnx", {})
    clips = features.numpy().transpose(0, 2, 3, 1)
    options = PtqOptions(observer="minmax", widths=widths)
    integer = quantize_graph(lower(load_graph(folder / "model.onnx")), clips, options)
    write_tflite(integer, folder / "model.tflite")
    scale, zero_point = integer.tensor(integer.inputs[0]).scale_zero()
    inputs = np.clip(np.floor(clips[:4] / scale + 0.5) + zero_point, -128, 127).astype(np.int8)
    return lower(read_tflite(folder / "model.tflite")), inputs


def _equal_everywhere(graph: Graph, inputs: np.ndarray, folder: Path) -> None:
    expected = run_integer(graph, inputs)
    np.testing.assert_array_equal(tflm_outputs((folder / "model.tflite").read_bytes(), inputs), expected)
    program = SanitizedProgram([generate(graph, None, find_target("cpu"), "model")], folder / "host")
    np.testing.assert_array_equal(program.run(0, inputs), expected)


@pytest.mark.slow
@pytest.mark.parametrize("widths", ["norms", "all"])
@pytest.mark.parametrize("name", MODELS)
def test_small_transformer_on_the_host(name: str, widths: str, tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    _equal_everywhere(*_as_tflite(MODELS[name], widths, tmp_path), tmp_path)


def test_small_transformer_on_an_emulated_m4(tmp_path: Path) -> None:
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    graph, inputs = _as_tflite(MODELS["small-vit"], "norms", tmp_path)
    target = find_target("cortex-m4")
    image = build(generate(graph, None, target, "vit"), target, tmp_path / "image")
    assert image.warnings == ""
    np.testing.assert_array_equal(emulate(image, inputs[:2], counted=1).scores, run_integer(graph, inputs[:2]))


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
def test_transformer_of_the_registry_on_the_host(name: str, tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    _equal_everywhere(*_as_tflite(FULL[name], "norms", tmp_path), tmp_path)
