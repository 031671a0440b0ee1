"""Counts of torch models exported to ONNX: against torch's FlopCounterMode ÷ 2, fvcore, and written-out formulas."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path

import pytest
from budget_models import export_torch

from edgekit.budget.counting import count
from edgekit.budget.counts import Counts

torch = pytest.importorskip("torch")
nn = torch.nn
functional = torch.nn.functional


def exported(module: nn.Module, tmp_path: Path, *inputs: torch.Tensor, opset: int = 17) -> Counts:
    torch.manual_seed(0)
    return count(export_torch(module, inputs, tmp_path / "m.onnx", opset))


def macs(counts: Counts, convention: str) -> float:
    quantity = counts.tallies[f"macs_{convention}"].quantity
    assert quantity is not None, counts.tallies[f"macs_{convention}"].reasons
    assert quantity.convention == convention
    return quantity.value


def parameters(counts: Counts) -> float:
    quantity = counts.tallies["parameters"].quantity
    assert quantity is not None
    return quantity.value


def flops_halved(module: nn.Module, *inputs: torch.Tensor) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    module.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    return int(counter.get_total_flops()) // 2


def learned(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def torchinfo_macs(module: nn.Module, *inputs: torch.Tensor) -> int:
    """torchinfo's mult-adds, written out again from its documentation with forward hooks on the leaf modules.

    A parameter "weight" or "bias" of a Conv counts once an output position (all but the channel axis), of any other
    module once an element of the leading axis; the inner weights of RNNs once an element of the two leading axes.
    """
    total = 0

    def hook(layer: nn.Module, _: object, output: object) -> None:
        nonlocal total
        shape = (output[0] if isinstance(output, tuple) else output).shape
        for name, parameter in layer.named_parameters(recurse=False):
            if name in ("weight", "bias"):
                conv = "Conv" in type(layer).__name__
                total += parameter.numel() * (prod((shape[0], *shape[2:])) if conv else shape[0])
            elif "weight" in name or "bias" in name:
                total += parameter.numel() * prod(shape[:2])

    leaves = [layer for layer in module.modules() if not list(layer.children())]
    handles = [layer.register_forward_hook(hook) for layer in leaves]
    module.eval()
    with torch.no_grad():
        module(*inputs)
    for handle in handles:
        handle.remove()
    return total


class Attention(nn.Module):
    """Self-attention in one of its spellings, width 24, 4 heads of 6."""

    def __init__(self, spelling: str) -> None:
        super().__init__()
        self.spelling = spelling
        self.qkv = nn.Linear(24, 72)
        self.out = nn.Linear(24, 24)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, 4, 6).permute(2, 0, 3, 1, 4).unbind(0)
        if self.spelling == "sdpa":
            y = functional.scaled_dot_product_attention(q, k, v)
        elif self.spelling == "einsum":
            weights = torch.softmax(torch.einsum("bhqd,bhkd->bhqk", q, k) / 6**0.5, -1)
            y = torch.einsum("bhqk,bhkd->bhqd", weights, v)
        else:
            y = torch.softmax(q @ k.transpose(-2, -1) / 6**0.5, -1) @ v
        return self.out(y.transpose(1, 2).reshape(batch, tokens, width))


IMAGE = torch.zeros(1, 4, 20, 16)
CONVOLUTIONS: dict[str, tuple[Callable[[], nn.Module], torch.Tensor]] = {
    "plain": (lambda: nn.Conv2d(4, 8, 3, padding=1), IMAGE),
    "strided": (lambda: nn.Conv2d(4, 8, (10, 4), stride=2, bias=False), IMAGE),
    "grouped": (lambda: nn.Conv2d(4, 8, 3, groups=2), IMAGE),
    "depthwise": (lambda: nn.Conv2d(4, 8, 3, groups=4), IMAGE),
    "dilated": (lambda: nn.Conv2d(4, 8, 3, dilation=2), IMAGE),
    "batch of 3": (lambda: nn.Conv2d(4, 8, 3), torch.zeros(3, 4, 20, 16)),
    "1-D": (lambda: nn.Conv1d(4, 6, 5, padding=2), torch.zeros(1, 4, 50)),
    "3-D": (lambda: nn.Conv3d(2, 3, 3), torch.zeros(1, 2, 6, 7, 8)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2), IMAGE),
    "conv + BN + HSwish": (
        lambda: nn.Sequential(nn.Conv2d(4, 8, 3, bias=False), nn.BatchNorm2d(8), nn.Hardswish()),
        IMAGE,
    ),
}


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions_in_both_conventions(case: str, tmp_path: Path) -> None:
    build, x = CONVOLUTIONS[case]
    module = build()
    counts = exported(module, tmp_path, x)
    assert macs(counts, "true") == flops_halved(module, x)
    assert macs(counts, "dcase") == torchinfo_macs(module, x)
    assert parameters(counts) == learned(module)


LINEARS: dict[str, tuple[Callable[[], nn.Module], torch.Tensor]] = {
    "one token": (lambda: nn.Linear(20, 30), torch.zeros(1, 20)),
    "without bias": (lambda: nn.Linear(20, 30, bias=False), torch.zeros(1, 20)),
    "tokens": (lambda: nn.Linear(20, 30), torch.zeros(1, 109, 20)),
    "batch of tokens": (lambda: nn.Linear(20, 30), torch.zeros(2, 9, 20)),
    "conv then linear": (
        lambda: nn.Sequential(nn.Conv2d(4, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 18 * 14, 5)),
        IMAGE,
    ),
    "layer norm": (lambda: nn.Sequential(nn.Linear(20, 20), nn.LayerNorm(20), nn.Linear(20, 5)), torch.zeros(1, 7, 20)),
}


@pytest.mark.parametrize("case", LINEARS)
def test_linear_layers_in_both_conventions(case: str, tmp_path: Path) -> None:
    build, x = LINEARS[case]
    module = build()
    counts = exported(module, tmp_path, x)
    assert macs(counts, "true") == flops_halved(module, x)
    assert macs(counts, "dcase") == torchinfo_macs(module, x)
    assert parameters(counts) == learned(module)


@pytest.mark.parametrize("spelling", ["sdpa", "matmul", "einsum"])
def test_attention_in_its_spellings(spelling: str, tmp_path: Path) -> None:
    module, x = Attention(spelling), torch.zeros(1, 17, 24)
    counts = exported(module, tmp_path, x)
    # projections 17·24·72 and 17·24·24, scores and mixing 2·(4 heads · 17 · 17 · 6)
    assert macs(counts, "true") == 17 * 24 * 72 + 17 * 24 * 24 + 2 * 4 * 17 * 17 * 6
    assert macs(counts, "true") == flops_halved(Attention("matmul"), x)
    assert macs(counts, "dcase") == torchinfo_macs(module, x)
    assert parameters(counts) == learned(module)


def test_multi_head_attention_module(tmp_path: Path) -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(24, 4, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.attention(x, x, x, need_weights=False)[0]

    counts = exported(Block(), tmp_path, torch.zeros(1, 17, 24))
    assert macs(counts, "true") == 17 * 24 * 72 + 17 * 24 * 24 + 2 * 4 * 17 * 17 * 6
    assert parameters(counts) == learned(Block())


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("kind,gates", [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_recurrent_layers_by_their_formula(kind: str, gates: int, directions: int, tmp_path: Path) -> None:
    steps, inputs, hidden = 11, 10, 16
    module = getattr(nn, kind)(inputs, hidden, batch_first=True, bidirectional=directions == 2)
    x = torch.zeros(1, steps, inputs)
    counts = exported(module, tmp_path, x)
    assert macs(counts, "true") == steps * directions * gates * hidden * (inputs + hidden)
    assert macs(counts, "dcase") == torchinfo_macs(module, x)
    assert parameters(counts) == learned(module)


def test_two_layers_of_gru(tmp_path: Path) -> None:
    module = nn.GRU(10, 16, num_layers=2, batch_first=True)
    counts = exported(module, tmp_path, torch.zeros(1, 11, 10))
    assert macs(counts, "true") == 11 * 3 * 16 * ((10 + 16) + (16 + 16))
    assert parameters(counts) == learned(module)


def test_fvcore_agrees_on_a_residual_network(tmp_path: Path) -> None:
    fvcore = pytest.importorskip("fvcore.nn")

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Conv2d(4, 4, 3, padding=1, bias=False)
            self.b = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
            self.head = nn.Linear(4, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head((x + self.b(torch.relu(self.a(x)))).mean((2, 3)))

    module = Residual().eval()
    counts = exported(module, tmp_path, IMAGE)
    analysis = fvcore.FlopCountAnalysis(module, IMAGE).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    by_operator = analysis.by_operator()
    assert macs(counts, "true") == by_operator["conv"] + by_operator["linear"]


def test_the_dcase_2024_baseline(tmp_path: Path) -> None:
    """Published: 61,148 parameters and 29,419,156 multiply-accumulates at 1×1×256×65."""
    from edgekit.models.registry import build_model
    from edgekit.train.onnx_export import export_module

    module = build_model("cp-mobile", classes=10)
    export_module(module, (256, 65), tmp_path / "baseline.onnx", {})
    from edgekit.graph.readers.load import load_graph

    counts = count(load_graph(tmp_path / "baseline.onnx"))
    assert parameters(counts) == 61_148
    assert macs(counts, "dcase") == 29_419_156
    assert macs(counts, "true") == flops_halved(module, torch.zeros(1, 1, 256, 65))
    floats = counts.tallies["parameter_bytes_dcase"].quantity
    statistics = sum(buffer.numel() for name, buffer in module.named_buffers() if "running" in name)
    everything = counts.tallies["parameter_bytes_true"].quantity
    assert floats is not None and floats.value == 4 * 61_148
    assert everything is not None and everything.value == 4 * (61_148 + statistics)


def test_the_mlperf_students(tmp_path: Path) -> None:
    """DS-CNN of Hello Edge at 49×10 with 12 classes; batch norm unfused, as torch counts it."""
    from edgekit.models.registry import build_model

    module, x = build_model("ds-cnn", classes=12), torch.zeros(1, 1, 49, 10)
    counts = exported(module, tmp_path, x)
    assert macs(counts, "true") == flops_halved(module, x)
    assert macs(counts, "dcase") == torchinfo_macs(module, x)
    assert parameters(counts) == learned(module)


def test_a_class_token_and_positions_are_parameters(tmp_path: Path) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.randn(1, 1, 8))
            self.positions = nn.Parameter(torch.randn(1, 6, 8))
            self.scale = nn.Parameter(torch.randn(8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
            return torch.relu(x) * self.scale / 8**0.5

    module = Tokens()
    counts = exported(module, tmp_path, torch.zeros(1, 5, 8))
    assert parameters(counts) == learned(module) == 8 + 48 + 8
    assert macs(counts, "true") == 0
