"""Keyword-MLP: the published count, the equations written out, and the way to integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from int8_oracles import tflm_outputs
from torch.nn import functional

from edgekit.core.errors import BadConfigError
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.models.registry import build_model
from edgekit.quantize.ptq import PtqOptions, quantize_graph
from edgekit.train.onnx_export import export_module

SMALL = {"classes": 5, "frames": 12, "bins": 6, "width": 8, "layers": 2}


def test_parameters_are_the_published_424_k() -> None:
    """The paper's table 1: 424 k parameters of KW-MLP on the 35 words of Speech Commands."""
    count = sum(p.numel() for p in build_model("keyword-mlp").parameters())
    block = (64 * 256 + 256) + 2 * 128 + (98 * 98 + 98) + (128 * 64 + 64) + 2 * 64
    assert count == (40 * 64 + 64) + 12 * block + 2 * 64 + (64 * 35 + 35)
    assert round(count / 1000) in (424, 425)


def test_three_blocks_fit_128_000() -> None:
    assert sum(p.numel() for p in build_model("keyword-mlp", layers=3).parameters()) < 128_000


def test_a_block_is_the_equation_of_the_gated_mlp() -> None:
    torch.manual_seed(0)
    block = build_model("keyword-mlp", **SMALL).eval().blocks[0]
    weights = {name: torch.randn_like(value) for name, value in block.state_dict().items()}
    block.load_state_dict(weights)
    x = torch.randn(3, 12, 8)
    inner = functional.gelu(x @ weights["widen.weight"].T + weights["widen.bias"])
    u, v = inner.chunk(2, dim=-1)
    v = functional.layer_norm(v, (16,), weights["gate_norm.weight"], weights["gate_norm.bias"])
    v = torch.einsum("st,ntc->nsc", weights["over_time.weight"], v) + weights["over_time.bias"][None, :, None]
    out = (u * v) @ weights["narrow.weight"].T + weights["narrow.bias"]
    expected = x + functional.layer_norm(out, (8,), weights["norm.weight"], weights["norm.bias"])
    with torch.no_grad():
        torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=1e-5)


def test_either_axis_of_time_gives_the_same_logits() -> None:
    torch.manual_seed(0)
    model = build_model("keyword-mlp", **SMALL).eval()
    x = torch.randn(2, 1, 12, 6)
    with torch.no_grad():
        expected = model(x)
        model.time = "width"
        torch.testing.assert_close(model(x.transpose(2, 3)), expected)


def test_no_float_is_left_and_tflm_gives_the_same_bytes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_model("keyword-mlp", **SMALL).eval()
    export_module(model, (12, 6), tmp_path / "m.onnx", {})
    graph = lower(load_graph(tmp_path / "m.onnx"))
    clips = np.random.default_rng(0).normal(size=(48, 12, 6, 1)).astype(np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(clips.transpose(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(run_float(graph, clips), expected, atol=2e-5)
    integer = quantize_graph(graph, clips, PtqOptions(observer="minmax"))
    assert {tensor.dtype for tensor in integer.tensors.values()} <= {"int8", "int16", "int32"}
    scale, zero_point = integer.tensor(integer.inputs[0]).scale_zero()
    inputs = np.clip(np.floor(clips[:6] / scale + 0.5) + zero_point, -128, 127).astype(np.int8)
    np.testing.assert_array_equal(run_integer(integer, inputs), tflm_outputs(tflite_bytes(integer), inputs))


@pytest.mark.parametrize("wrong", [{"survival": 0.0}, {"time": "depth"}, {"width": 1, "mlp_ratio": 3.0}, {"layers": 0}])
def test_a_value_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadConfigError, match="keyword-mlp"):
        build_model("keyword-mlp", **wrong)


@pytest.mark.parametrize("frames", [11, 13])
def test_another_number_of_frames_is_refused(frames: int) -> None:
    with pytest.raises(BadConfigError, match="frames"):
        build_model("keyword-mlp", **SMALL)(torch.zeros(1, 1, frames, 6))
