"""Multiply-accumulates of seven families of layers: edgekit beside torchinfo, fvcore, thop, ptflops and onnx-tool.

    pip install torchinfo fvcore thop ptflops onnx-tool
    python benchmarks/counters.py

Each family is one small module. The truth is a formula written out by hand; every cell is what a counter says as a
share of it, 1.00 where it is right. A counter is called as its own documentation shows, with its defaults, and what it
prints as its total is taken. edgekit and onnx-tool read the module exported to ONNX (torch's TorchScript exporter,
opset 17); the others trace the torch module. The exit code is 1 unless edgekit is right on every family.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from results_file import write_results
from torch import nn
from torch.nn import functional

TOKENS, WIDTH, HEADS = 109, 64, 4


class Attention(nn.Module):
    """softmax(q·kᵀ)·v by torch's own function."""

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """[N, heads, tokens, depth] three times → the same shape."""
        return functional.scaled_dot_product_attention(q, k, v)


class Scores(nn.Module):
    """q @ kᵀ with the matrix operator."""

    def forward(self, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        """[N, heads, tokens, depth] twice → [N, heads, tokens, tokens]."""
        return q @ k.transpose(-2, -1)


class SelfAttention(nn.Module):
    """nn.MultiheadAttention on one sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, tokens, width] → the same shape."""
        out: torch.Tensor = self.attention(x, x, x, need_weights=False)[0]
        return out


class Recurrent(nn.Module):
    """One GRU, outputs of all steps."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(40, WIDTH, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, steps, 40] → [N, steps, 64]."""
        out: torch.Tensor = self.gru(x)[0]
        return out


@dataclass(frozen=True)
class Family:
    """A module, its inputs, and its multiply-accumulates by hand with the formula in words."""

    name: str
    build: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    macs: int
    formula: str


PER_HEAD = WIDTH // HEADS
FAMILIES = (
    Family(
        "conv + BN + HSwish",
        lambda: nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish()),
        ((1, 3, 32, 32),),
        16 * 16 * 16 * (3 * 3 * 3),
        "16·16 positions × 16 channels × 3·3·3",
    ),
    Family("GRU", Recurrent, ((1, 50, 40),), 50 * 3 * WIDTH * (40 + WIDTH), "50 steps × 3 gates × 64 × (40 + 64)"),
    Family(
        "Linear on 3-D",
        lambda: nn.Sequential(nn.Linear(60, 120)),
        ((1, TOKENS, 60),),
        TOKENS * 60 * 120,
        "109 tokens × 60 × 120",
    ),
    Family(
        "SDPA",
        Attention,
        ((1, HEADS, TOKENS, PER_HEAD),) * 3,
        2 * HEADS * TOKENS * TOKENS * PER_HEAD,
        "2 products × 4 heads × 109 × 109 × 16",
    ),
    Family(
        "q @ k",
        Scores,
        ((1, HEADS, TOKENS, PER_HEAD),) * 2,
        HEADS * TOKENS * TOKENS * PER_HEAD,
        "4 heads × 109 × 109 × 16",
    ),
    Family(
        "nn.MultiheadAttention",
        SelfAttention,
        ((1, TOKENS, WIDTH),),
        4 * TOKENS * WIDTH * WIDTH + 2 * TOKENS * TOKENS * WIDTH,
        "4 projections × 109 × 64 × 64 + 2 products × 109 × 109 × 64",
    ),
    Family(
        "STFT as convolution",
        lambda: nn.Sequential(nn.Conv1d(1, 2 * 257, 512, stride=160, bias=False)),
        ((1, 1, 16_000),),
        97 * 514 * 512,
        "97 frames × 2·257 bins × 512 samples",
    ),
)


def by_edgekit(module: nn.Module, inputs: tuple[torch.Tensor, ...], onnx_file: Path) -> float:
    """Total in the convention ``true``, from the ONNX file."""
    from edgekit.budget.counting import count
    from edgekit.graph.readers.load import load_graph

    quantity = count(load_graph(onnx_file)).tallies["macs_true"].quantity
    if quantity is None:
        raise RuntimeError("edgekit left it undecided")
    return float(quantity.value)


def by_torchinfo(module: nn.Module, inputs: tuple[torch.Tensor, ...], onnx_file: Path) -> float:
    """``total_mult_adds``."""
    import torchinfo

    return float(torchinfo.summary(module, input_data=inputs, verbose=0).total_mult_adds)


def by_fvcore(module: nn.Module, inputs: tuple[torch.Tensor, ...], onnx_file: Path) -> float:
    """Total of FlopCountAnalysis."""
    from fvcore.nn import FlopCountAnalysis  # counts one flop a multiply-accumulate

    analysis = FlopCountAnalysis(module, inputs)
    return float(analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total())


def by_thop(module: nn.Module, inputs: tuple[torch.Tensor, ...], onnx_file: Path) -> float:
    """``macs`` of ``profile``."""
    import thop

    return float(thop.profile(module, inputs=inputs, verbose=False)[0])


def by_ptflops(module: nn.Module, inputs: tuple[torch.Tensor, ...], onnx_file: Path) -> float:
    """``macs`` of get_model_complexity_info, its default backend."""
    import inspect

    import ptflops

    names = list(inspect.signature(module.forward).parameters)
    given = dict(zip(names, inputs, strict=True))
    macs, _ = ptflops.get_model_complexity_info(
        module,
        tuple(inputs[0].shape[1:]),
        input_constructor=lambda _: given,
        as_strings=False,
        print_per_layer_stat=False,
        verbose=False,
    )
    return float(macs)


def by_onnx_tool(module: nn.Module, inputs: tuple[torch.Tensor, ...], onnx_file: Path) -> float:
    """``macs`` of the profiled graph, from the ONNX file."""
    import onnx_tool

    model = onnx_tool.Model(str(onnx_file))
    model.graph.shape_infer()
    model.graph.profile()
    macs = model.graph.macs
    return float(macs[0] if isinstance(macs, list | tuple) else macs)


COUNTERS: dict[str, Callable[[nn.Module, tuple[torch.Tensor, ...], Path], float]] = {
    "edgekit": by_edgekit,
    "torchinfo": by_torchinfo,
    "fvcore": by_fvcore,
    "thop": by_thop,
    "ptflops": by_ptflops,
    "onnx-tool": by_onnx_tool,
}


def export(module: nn.Module, inputs: tuple[torch.Tensor, ...], path: Path) -> None:
    """Write the module as ONNX by torch's TorchScript exporter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, inputs, str(path), opset_version=17, dynamo=False, training=torch.onnx.TrainingMode.PRESERVE
        )


def share(name: str, family: Family, folder: Path) -> float | None:
    """What the counter ``name`` says, as a share of the formula; None where it raises."""
    torch.manual_seed(0)
    inputs = tuple(torch.zeros(shape) for shape in family.shapes)
    path = folder / "model.onnx"
    export(family.build().eval(), inputs, path)
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return round(COUNTERS[name](family.build().eval(), inputs, path) / family.macs, 4)
        except Exception as error:  # a foreign counter may fail in any way: that is its answer
            if name == "edgekit":
                raise
            print(f"{name} on {family.name}: {error}", file=sys.__stderr__)
            return None


def main() -> int:
    """Fill the table, print it and write ``benchmarks/results/counters.json``."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for family in FAMILIES:
            shares = {name: share(name, family, Path(folder)) for name in COUNTERS}
            rows.append({"family": family.name, "by hand": family.macs, **shares})
    versions = {name: version(name) for name in (*[n for n in COUNTERS if n != "edgekit"], "torch")}
    formulas = {family.name: family.formula for family in FAMILIES}
    about = "each counter's total as a share of the multiply-accumulates by hand"
    write_results("counters", rows, about=about, versions=versions, formulas=formulas)
    return 0 if all(row["edgekit"] == 1.0 for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
