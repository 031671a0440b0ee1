"""Whole torch models exported to ONNX: multiply-accumulates equal FlopCounterMode ÷ 2, or a formula where it is blind.

FlopCounterMode counts convolutions, linear layers and matrix products of any spelling, but no recurrent layers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from budget_models import export_torch

from edgekit.budget.counting import count

torch = pytest.importorskip("torch")
nn = torch.nn
functional = torch.nn.functional

pytestmark = pytest.mark.slow

Module = nn.Module
Tensor = torch.Tensor


class Residual(Module):
    """Two convolutions and a shortcut, projected where width or stride change."""

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.a = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.b = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])
        same = channels == width and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, width, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norms[0](self.a(x)))
        return torch.relu(self.norms[1](self.b(y)) + self.shortcut(x))


class SqueezeExcite(Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, channels // 4, 1), nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.up(torch.relu(self.down(x.mean((2, 3), keepdim=True)))))


class InvertedResidual(Module):
    def __init__(self, channels: int, expansion: int, act: type[Module] = nn.ReLU6) -> None:
        super().__init__()
        inner = channels * expansion
        self.body = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), act(),
            nn.Conv2d(inner, inner, 3, 1, 1, groups=inner, bias=False), nn.BatchNorm2d(inner), act(),
            nn.Conv2d(inner, channels, 1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Shuffle(Module):
    """Half of the channels pass by, the other half are convolved, then channels are shuffled."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.body = nn.Sequential(nn.Conv2d(half, half, 1), nn.ReLU(), nn.Conv2d(half, half, 3, 1, 1, groups=half))

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, 1)
        y = torch.cat([left, self.body(right)], 1)
        batch, channels, height, width = y.shape
        return y.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(batch, channels, height, width)


class Dense(Module):
    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(channels + i * growth, growth, 3, 1, 1) for i in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([x, torch.relu(layer(x))], 1)
        return x


class BroadcastResidual(Module):
    """BC-ResNet's block: a 2-D path, a mean over frequency, a 1-D path that is broadcast back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.frequency = nn.Conv2d(channels, channels, (3, 1), padding=(1, 0), groups=channels, bias=False)
        self.time = nn.Conv2d(channels, channels, (1, 3), padding=(0, 2), dilation=(1, 2), groups=channels, bias=False)
        self.point = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.frequency(x))
        z = self.point(functional.silu(self.time(y.mean(2, keepdim=True))))
        return torch.relu(x + y + z)


class TimeChannel(Module):
    """Squeeze over frequency, then 1-D convolutions (TC-ResNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(40, 16, 3, padding=1, bias=False), nn.BatchNorm1d(16), nn.ReLU(),
            nn.Conv1d(16, 24, 9, 2, 4, bias=False), nn.BatchNorm1d(24), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(24, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean(2))


class Attention(Module):
    def __init__(self, width: int, heads: int, spelling: str) -> None:
        super().__init__()
        self.heads, self.spelling = heads, spelling
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        depth = width // self.heads
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, depth).permute(2, 0, 3, 1, 4).unbind(0)
        if self.spelling == "sdpa":
            y = functional.scaled_dot_product_attention(q, k, v)
        elif self.spelling == "einsum":
            weights = torch.softmax(torch.einsum("bhqd,bhkd->bhqk", q, k) / depth**0.5, -1)
            y = torch.einsum("bhqk,bhkd->bhqd", weights, v)
        else:
            y = torch.softmax(q @ k.transpose(-2, -1) / depth**0.5, -1) @ v
        return self.out(y.transpose(1, 2).reshape(batch, tokens, width))


class Transformer(Module):
    """Pre-norm block."""

    def __init__(self, width: int, heads: int, ratio: int, spelling: str) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.attention = Attention(width, heads, spelling)
        self.mlp = nn.Sequential(nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norms[0](x))
        return x + self.mlp(self.norms[1](x))


class SpectrogramTransformer(Module):
    """Overlapping patches, a class token, positions, four blocks."""

    def __init__(self, spelling: str, width: int = 24) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, 8, 5)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, 7 * 9 + 1, width))
        self.blocks = nn.Sequential(*(Transformer(width, 4, 2, spelling) for _ in range(4)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


class CrossAttention(Module):
    """Fewer queries than keys, by the matrix operator."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, 5, 16))
        self.k, self.v = nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.queries @ self.k(x).transpose(1, 2) / 4.0, -1) @ self.v(x)


class LinearAttention(Module):
    """Keys and values are mixed first, so that the cost is linear in the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(16, 16) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.softmax(self.k(x), 1).transpose(1, 2) @ self.v(x)
        return torch.softmax(self.q(x), -1) @ mixed


class Mixer(Module):
    """MLP-Mixer: a Linear over tokens, a Linear over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Sequential(nn.Linear(30, 60), nn.GELU(), nn.Linear(60, 30))
        self.channels = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(x.transpose(1, 2)).transpose(1, 2)
        return x + self.channels(x)


class UNet(Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([nn.Conv2d(1, 8, 3, 1, 1), nn.Conv2d(8, 16, 3, 2, 1)])
        self.up, self.out = nn.ConvTranspose2d(16, 8, 2, 2), nn.Conv2d(16, 1, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = torch.relu(self.down[0](x))
        b = torch.relu(self.down[1](a))
        return self.out(torch.cat([a, self.up(b)], 1))


class WaveNet(Module):
    """Dilated gated 1-D convolutions with residual and skip sums."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.ModuleList([nn.Conv1d(12, 24, 2, dilation=2**i, padding=2**i) for i in range(4)])
        self.points = nn.ModuleList([nn.Conv1d(12, 12, 1) for _ in range(4)])

    def forward(self, x: Tensor) -> Tensor:
        skip = torch.zeros_like(x)
        for gate, point in zip(self.gates, self.points, strict=True):
            a, b = gate(x)[..., : x.shape[-1]].chunk(2, 1)
            y = point(torch.tanh(a) * torch.sigmoid(b))
            x, skip = x + y, skip + y
        return skip


class Conformer(Module):
    """Feed-forward, attention, gated depthwise convolution over time."""

    def __init__(self, spelling: str = "matmul") -> None:
        super().__init__()
        self.feed = nn.Sequential(nn.LayerNorm(24), nn.Linear(24, 48), nn.SiLU(), nn.Linear(48, 24))
        self.attention = Attention(24, 4, spelling)
        self.point_in, self.point_out = nn.Conv1d(24, 48, 1), nn.Conv1d(24, 24, 1)
        self.depth = nn.Conv1d(24, 24, 7, padding=3, groups=24)

    def forward(self, x: Tensor) -> Tensor:
        x = x + 0.5 * self.feed(x)
        x = x + self.attention(x)
        y = functional.glu(self.point_in(x.transpose(1, 2)), 1)
        return x + self.point_out(functional.silu(self.depth(y))).transpose(1, 2)


class Siamese(Module):
    """One set of weights used twice: counted twice in work, once in parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, 6))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) - self.body(x.flip(-1)))


class Recurrent(Module):
    def __init__(self, cell: str, inputs: int, hidden: int, **options: object) -> None:
        super().__init__()
        self.cell = getattr(nn, cell)(inputs, hidden, batch_first=True, **options)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(x)[0]


class ConvRecurrent(Module):
    """CRNN: convolutions, a GRU over time, a Linear on the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, (20, 5), (8, 2))
        self.gru, self.head = nn.GRU(8 * 3, 32, batch_first=True), nn.Linear(32, 12)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.conv(x)).flatten(1, 2).transpose(1, 2)
        return self.head(self.gru(y)[0][:, -1])


class SelfAttention(Module):
    """nn.MultiheadAttention."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(24, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


def seq(*layers: Module) -> Module:
    return nn.Sequential(*layers)


def cnn(*head: Module) -> Module:
    conv = [nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)]
    return seq(*conv, nn.Conv2d(8, 12, 3, 1, 1), nn.ReLU(), *head)


IMAGE, MAPS, TOKENS, STEPS = (1, 1, 40, 48), (1, 8, 20, 16), (1, 30, 16), (1, 25, 20)

COUNTED: dict[str, tuple[Callable[[], Module], tuple[int, ...]]] = {
    # convolutional
    "LeNet": (lambda: cnn(nn.Flatten(), nn.Linear(12 * 10 * 12, 20), nn.ReLU(), nn.Linear(20, 10)), IMAGE),
    "global pool": (lambda: cnn(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 10)), IMAGE),
    "instance norm, PReLU": (lambda: seq(nn.Conv2d(8, 6, 5), nn.InstanceNorm2d(6, affine=True), nn.PReLU(6)), MAPS),
    "grouped and dilated": (lambda: seq(nn.Conv2d(8, 16, 3, dilation=2, groups=4), nn.Conv2d(16, 8, (5, 1))), MAPS),
    "unequal padding": (lambda: seq(nn.ZeroPad2d((0, 3, 1, 0)), nn.Conv2d(8, 4, (2, 4), (2, 3))), MAPS),
    "upsampling": (lambda: seq(nn.Conv2d(8, 4, 3), nn.Upsample(scale_factor=2), nn.Conv2d(4, 2, 3)), MAPS),
    "U-Net with a transposed convolution": (UNet, IMAGE),
    "STFT as convolution": (lambda: nn.Conv1d(1, 2 * 65, 128, stride=40, bias=False), (1, 1, 4000)),
    "batch of four": (lambda: cnn(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 10)), (4, 1, 40, 48)),
    # residual
    "residual": (lambda: seq(Residual(8, 8), Residual(8, 12, 2), nn.AdaptiveAvgPool2d(1)), MAPS),
    "inverted residual": (lambda: seq(InvertedResidual(8, 3), InvertedResidual(8, 2)), MAPS),
    "MobileNetV3 block": (lambda: seq(InvertedResidual(8, 4, nn.Hardswish), SqueezeExcite(8)), MAPS),
    "ShuffleNet unit": (lambda: seq(Shuffle(8), Shuffle(8)), MAPS),
    "DenseNet block": (lambda: Dense(8, 4), MAPS),
    "BC-ResNet block": (lambda: seq(BroadcastResidual(8), BroadcastResidual(8)), MAPS),
    "two towers, one set of weights": (Siamese, (1, 1, 10, 10)),
    # attention in its spellings
    "spectrogram transformer, SDPA": (lambda: SpectrogramTransformer("sdpa"), IMAGE),
    "spectrogram transformer, matmul": (lambda: SpectrogramTransformer("matmul"), IMAGE),
    "spectrogram transformer, einsum": (lambda: SpectrogramTransformer("einsum"), IMAGE),
    "cross attention": (CrossAttention, TOKENS),
    "linear attention": (LinearAttention, TOKENS),
    "conformer, SDPA": (lambda: Conformer("sdpa"), (1, 30, 24)),
    "conformer, matmul": (Conformer, (1, 30, 24)),
    # 1-D
    "TC-ResNet": (TimeChannel, (1, 40, 98)),
    "WaveNet": (WaveNet, (1, 12, 64)),
    "M5 on the waveform": (
        lambda: seq(nn.Conv1d(1, 8, 80, 16), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(8, 16, 3)),
        (1, 1, 4000),
    ),
    "strided transposed 1-D": (lambda: seq(nn.Conv1d(4, 8, 5, 2), nn.ConvTranspose1d(8, 4, 5, 2)), (1, 4, 60)),
    # 3-D inputs
    "MLP on tokens": (lambda: seq(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4)), TOKENS),
    "MLP-Mixer": (Mixer, TOKENS),
    "transformer block": (lambda: Transformer(16, 2, 4, "matmul"), TOKENS),
    "3-D convolution": (lambda: seq(nn.Conv3d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 2, 1)), (1, 2, 6, 7, 8)),
}  # fmt: skip

BLIND: dict[str, tuple[Callable[[], Module], tuple[int, ...], int]] = {
    # steps × directions × gates × hidden × (inputs + hidden)
    "GRU": (lambda: Recurrent("GRU", 20, 32), STEPS, 25 * 3 * 32 * (20 + 32)),
    "LSTM": (lambda: Recurrent("LSTM", 20, 32), STEPS, 25 * 4 * 32 * (20 + 32)),
    "RNN": (lambda: Recurrent("RNN", 20, 32), STEPS, 25 * 1 * 32 * (20 + 32)),
    "bidirectional GRU": (lambda: Recurrent("GRU", 20, 32, bidirectional=True), STEPS, 25 * 2 * 3 * 32 * 52),
    "two layers of LSTM": (
        lambda: Recurrent("LSTM", 20, 32, num_layers=2),
        STEPS,
        25 * 4 * 32 * ((20 + 32) + (32 + 32)),
    ),
    # 3·22 positions × 8 × 20·5, then 22 steps of GRU, then the head
    "CRNN": (ConvRecurrent, IMAGE, 3 * 22 * 8 * 100 + 22 * 3 * 32 * (24 + 32) + 32 * 12),
    # four projections and two products; the module's fast path is one operator that FlopCounterMode does not know
    "nn.MultiheadAttention": (SelfAttention, (1, 30, 24), 4 * 30 * 24 * 24 + 2 * 30 * 30 * 24),
}


def exported_macs(module: Module, x: Tensor, path: Path) -> int:
    tally = count(export_torch(module, (x,), path)).tallies["macs_true"]
    assert not tally.reasons, tally.reasons
    return tally.known


def test_there_are_more_than_thirty() -> None:
    assert len(COUNTED) + len(BLIND) >= 30


@pytest.mark.parametrize("case", COUNTED)
def test_equals_the_flop_counter_halved(case: str, tmp_path: Path) -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    build, shape = COUNTED[case]
    module, x = build().eval(), torch.zeros(shape)
    # The fused attention of CPUs is unknown to the flop counter; the math backend is the same products in the open.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        module(x)
    assert counter.get_total_flops() > 0
    assert exported_macs(module, x, tmp_path / "m.onnx") * 2 == counter.get_total_flops()


@pytest.mark.parametrize("case", BLIND)
def test_equals_the_formula_where_the_flop_counter_is_blind(case: str, tmp_path: Path) -> None:
    build, shape, expected = BLIND[case]
    assert exported_macs(build().eval(), torch.zeros(shape), tmp_path / "m.onnx") == expected
