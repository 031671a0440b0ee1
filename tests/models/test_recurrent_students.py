"""Recurrent keyword students against torch's cells, a step at a time, and through the export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.core.errors import BadConfigError
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.models.registry import build_model
from edgekit.train.onnx_export import export_module


@pytest.mark.parametrize(("name", "parameters"), [("kws-gru", 4_620), ("kws-lstm", 6_028)])
def test_parameters_are_those_of_the_formula(name: str, parameters: int) -> None:
    """(I + H + 2 biases) · H a gate, three or four gates, and a dense layer of 12."""
    gates = 3 if name == "kws-gru" else 4
    assert parameters == gates * 32 * (10 + 32 + 2) + 12 * (32 + 1)
    assert sum(p.numel() for p in build_model(name).parameters()) == parameters


def test_the_last_state_of_a_gru_cell_is_classified() -> None:
    torch.manual_seed(0)
    model = build_model("kws-gru", units=8, features=5, time="width").eval()
    cell = nn.GRUCell(5, 8)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell.load_state_dict({name: model.state_dict()[f"recurrent.{name}_l0"] for name in names})
    x = torch.randn(2, 1, 5, 7)  # [N, 1, mel, frames]
    hidden = torch.zeros(2, 8)
    with torch.no_grad():
        for frame in range(7):
            hidden = cell(x[:, 0, :, frame], hidden)
        torch.testing.assert_close(model(x), model.dense(hidden))


def test_forget_gates_begin_open() -> None:
    state = build_model("kws-lstm", units=4).state_dict()
    assert torch.all(state["recurrent.bias_ih_l0"][4:8] == 1)
    assert torch.all(state["recurrent.bias_ih_l0"][:4] != 1)


@pytest.mark.parametrize("name", ["kws-gru", "kws-lstm"])
def test_the_exported_model_is_lowered_to_the_same_logits(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_model(name, units=6, layers=2, features=4).eval()
    export_module(model, (9, 4), tmp_path / "m.onnx", {"edgekit.labels": "[]"})
    clips = np.random.default_rng(0).normal(size=(3, 9, 4, 1)).astype(np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(clips.transpose(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(run_float(lower(load_graph(tmp_path / "m.onnx")), clips), expected, atol=2e-6)


def test_an_impossible_axis_is_refused() -> None:
    with pytest.raises(BadConfigError, match="'depth' is no axis"):
        build_model("kws-gru", time="depth")
