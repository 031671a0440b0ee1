"""Dense evaluation: every position that the strided network would sample at some shift, with the same weights."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from model_counts import counts

from edgekit.budget.counting import count
from edgekit.budget.sketch_graph import sketch_graph
from edgekit.core.errors import BadConfigError
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.models.registry import build_model
from edgekit.train.onnx_export import export_module

SMALL = {
    "classes": 4,
    "channels": [6, 8, 10, 12, 12],
    "block_strides": [[2, 2], 1, [2, 2], 1],
    "stem_kernel": 5,
    "head_kernel": [2, 1],
}


def _pair_of_models(axis: str) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Dense and strided, the same random weights and batch statistics."""
    torch.manual_seed(3)
    head = [2, 1] if axis == "width" else [1, 2]
    dense = build_model("ds-cnn", **{**SMALL, "head_kernel": head}, dense_time=axis)
    strided = build_model("ds-cnn", **{**SMALL, "head_kernel": head})
    for name, value in dense.state_dict().items():
        if value.is_floating_point() and "running_mean" in name:
            value.normal_(0.0, 0.3)
    strided.load_state_dict(dense.state_dict())
    return dense.eval(), strided.eval()


def _maps(model: torch.nn.Module, stem: torch.Tensor) -> torch.Tensor:
    maps: torch.Tensor = model.head(model.blocks(stem))
    return maps


@pytest.mark.parametrize("axis", ["width", "height"])
def test_its_maps_are_those_of_the_strided_network_at_every_shift(axis: str) -> None:
    dense, strided = _pair_of_models(axis)
    size = (16, 64) if axis == "width" else (64, 16)
    along = 3 if axis == "width" else 2
    stem = torch.randn(2, 6, *size)
    with torch.no_grad():
        everywhere = _maps(dense, stem)
        assert everywhere.shape[along] == 64
        for shift in range(4):
            part = _maps(strided, stem.narrow(along, shift, 64 - shift))
            found = everywhere.narrow(along, shift, 64 - shift)
            picked = found[..., ::4] if axis == "width" else found[:, :, ::4]
            # Where the cut is in reach, the strided network sees its padding.
            inside = part.shape[along] - 4
            torch.testing.assert_close(picked.narrow(along, 4, inside), part.narrow(along, 4, inside))
        torch.testing.assert_close(
            everywhere[..., ::4] if axis == "width" else everywhere[:, :, ::4], _maps(strided, stem)
        )


def test_training_strides_and_copies_keep_their_own_grids() -> None:
    dense, strided = _pair_of_models("width")
    x = torch.randn(2, 1, 32, 64)
    twin = copy.deepcopy(dense).train()
    with torch.no_grad():
        assert not torch.allclose(dense(x), strided(x))
        answers = []
        for model in (twin, strided.train()):
            torch.manual_seed(1)  # of the dropout
            answers.append(model(x))
        torch.testing.assert_close(answers[0], answers[1])
        assert dense(x).shape == (2, 4) and not dense.training
    first = next(part for part in dense.blocks.modules() if isinstance(part, torch.nn.Conv2d))
    assert first.stride == (2, 1)


def test_it_leaves_as_onnx_and_lowers(tmp_path: Path) -> None:
    dense, _ = _pair_of_models("width")
    export_module(dense, (32, 64), tmp_path / "m.onnx", {})
    x = torch.randn(1, 1, 32, 64)
    with torch.no_grad():
        expected = dense(x).numpy()
    graph = lower(load_graph(tmp_path / "m.onnx"))
    np.testing.assert_allclose(run_float(graph, x.numpy().transpose(0, 2, 3, 1)), expected, atol=1e-4)


@pytest.mark.parametrize("axis", ["width", "height", None])
def test_its_sketch_counts_as_it_does(axis: str | None) -> None:
    arguments = {**SMALL, "dense_time": axis}
    tallies = count(sketch_graph("ds-cnn", arguments, (32, 61), "batch norm"), plan=False).tallies
    found = tuple(tallies[key].known for key in ("parameters", "macs_dcase", "macs_true"))
    assert found == counts("ds-cnn", (32, 61), **arguments)


@pytest.mark.parametrize("arguments", [{"dense_time": "time"}, {"dense_time": "width", "causal": "width"}])
def test_what_cannot_be_dense(arguments: dict[str, str]) -> None:
    with pytest.raises(BadConfigError, match="dense_time"):
        build_model("ds-cnn", **arguments)
