"""Every student takes a training step and leaves as ONNX with the same logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from edgekit.models.registry import build_model

STUDENTS = [
    ("ds-cnn-s", (49, 10), {}),
    ("ds-cnn-m", (49, 10), {}),
    ("ds-cnn-l", (49, 10), {}),
    ("cp-mobile", (64, 32), {}),
    ("cp-mobile-14k", (64, 32), {}),
    ("cp-resnet", (64, 32), {}),
    ("bc-resnet-1", (40, 33), {}),
    ("bc-resnet-1.5", (40, 33), {}),
    ("bc-resnet-3", (40, 33), {}),
    ("tf-sepnet", (64, 32), {}),
    ("tf-sepnet-64", (64, 64), {}),
    ("small-vit", (128, 100), {}),
    ("small-vit", (64, 51), {"input_shape": [64, 51], "distillation": True, "positions": "learned"}),
    ("tiny-ast-deploy", (128, 100), {}),
    ("tiny-ast-deploy", (128, 100), {"activation": "relu"}),
    ("mobile-vit", (128, 100), {}),
    ("mobile-vit", (40, 49), {"norm": "batch", "activation": "relu"}),
    ("medium-vit", (64, 51), {"input_shape": [64, 51]}),
]


@pytest.mark.parametrize(("name", "shape", "arguments"), STUDENTS)
def test_student_trains_and_exports(
    name: str, shape: tuple[int, int], arguments: dict[str, object], tmp_path: Path
) -> None:
    import onnxruntime

    from edgekit.train.onnx_export import export_module

    torch.manual_seed(3)
    model = build_model(name, classes=5, **arguments).train()
    x, labels = torch.randn(4, 1, *shape), torch.arange(4)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    loss = functional.cross_entropy(model(x), labels)
    loss.backward()
    dead = [key for key, p in model.named_parameters() if p.grad is None or not bool(p.grad.isfinite().all())]
    unmoved = [key for key, p in model.named_parameters() if p.grad is not None and not bool(p.grad.any())]
    # GRN's β is added to all channels alike and γ, β start at 0, but both move; nothing else may stand still.
    assert (bool(loss.isfinite()), dead, unmoved) == (True, [], [])
    optimizer.step()
    model.eval()
    export_module(model, shape, tmp_path / "m.onnx", {})
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    for clip in x[:2]:
        with torch.no_grad():
            expected = model(clip[None]).numpy()
        actual = session.run(None, {"features": clip[None].numpy()})[0]
        np.testing.assert_allclose(actual, expected, atol=1e-4)


@pytest.mark.parametrize(
    "name", ["cp-resnet", "bc-resnet-1", "tf-sepnet", "small-vit", "mobile-vit", "tiny-ast-deploy"]
)
def test_evaluation_of_a_clip_does_not_depend_on_its_batch(name: str) -> None:
    torch.manual_seed(0)
    model = build_model(name, classes=4).eval()
    shape = {"bc-resnet-1": (40, 33), "small-vit": (128, 100), "tiny-ast-deploy": (128, 100)}.get(name, (64, 48))
    x = torch.randn(3, 1, *shape)
    with torch.no_grad():
        whole, single = model(x), torch.cat([model(clip[None]) for clip in x])
    torch.testing.assert_close(whole, single, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["bc-resnet", "small-vit", "mobile-vit", "cp-resnet", "tf-sepnet"])
def test_checkpoints_rebuild_on_the_meta_device(name: str) -> None:
    torch.manual_seed(0)
    model = build_model(name).eval()
    with torch.device("meta"):
        twin = build_model(name).eval()
    twin.load_state_dict(model.state_dict(), assign=True)
    shape = {"bc-resnet": (40, 33)}.get(name, (128, 100))
    x = torch.randn(1, 1, *shape)
    with torch.no_grad():
        assert torch.equal(twin(x), model(x))
