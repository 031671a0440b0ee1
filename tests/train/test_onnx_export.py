"""The exported ONNX against ONNX Runtime and the published counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from edgekit.core.errors import EdgekitError
from edgekit.models.registry import build_model
from edgekit.train import onnx_export


def _randomise_norms(model: nn.Module) -> nn.Module:
    """Statistics and affine terms as a trained model has them: fresh batch norm is almost the identity."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.2)
            nn.init.normal_(module.running_mean, 0.0, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model.eval()


@pytest.mark.parametrize(("name", "shape"), [("ds-cnn", (49, 10)), ("cp-mobile", (256, 65))])
def test_onnxruntime_gives_the_models_logits(tmp_path: Path, name: str, shape: tuple[int, int]) -> None:
    model = _randomise_norms(build_model(name))
    path = tmp_path / "model.onnx"
    onnx_export.export_module(model, shape, path, {"edgekit.labels": "[]"})
    x = np.random.default_rng(3).normal(size=(1, 1, *shape)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    actual = session.run(["logits"], {"features": x})[0]
    np.testing.assert_allclose(actual, model(torch.from_numpy(x)).detach().numpy(), atol=1e-5)


def test_graph_is_clean_and_static_and_keeps_batch_norm(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx_export.export_module(build_model("cp-mobile"), (256, 65), path, {"edgekit.labels": '["a"]'})
    model = onnx.load(str(path))
    ops = Counter(node.op_type for node in model.graph.node)
    expected = {"Conv": 21, "BatchNormalization": 21, "Relu": 20, "Add": 4, "AveragePool": 1}
    assert dict(ops) == {**expected, "GlobalAveragePool": 1, "Flatten": 1}
    dims = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    assert dims == [1, 1, 256, 65]
    assert {p.key: p.value for p in model.metadata_props} == {"edgekit.labels": '["a"]'}
    statistics = {node.input[i] for node in model.graph.node if node.op_type == "BatchNormalization" for i in (3, 4)}
    elements = sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer if tensor.name not in statistics)
    assert elements == 61_148


def test_export_is_deterministic(tmp_path: Path) -> None:
    model = _randomise_norms(build_model("ds-cnn"))
    for name in ("a.onnx", "b.onnx"):
        onnx_export.export_module(model, (49, 10), tmp_path / name, {"z": "1", "a": "2"})
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_a_model_that_onnx_computes_otherwise_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            flat = x.flatten(1)[:, :3]
            return flat + 1.0 if torch.jit.is_tracing() else flat  # traced with another result than it computes

    with pytest.raises(EdgekitError, match="differ"):
        onnx_export.export_module(Odd(), (4, 4), tmp_path / "model.onnx", {})
    assert list(tmp_path.iterdir()) == []
