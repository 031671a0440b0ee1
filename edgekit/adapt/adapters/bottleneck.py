"""Bottlenecks: down, a nonlinearity, up, so little that a frozen layer keeps what it knows."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Bottleneck(nn.Module):
    """up(gelu(down(x))) on each token (Houlsby et al. 2019, fig. 2); zero at the start.

    Args:
        width: channels of a token.
        inner: channels in between.
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, inner)
        self.up = nn.Linear(inner, width)
        nn.init.normal_(self.down.weight, std=width**-0.5)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """[N, T, C] → [N, T, C]."""
        out: Tensor = self.up(functional.gelu(self.down(tokens)))
        return out


class ConvolutionBottleneck(nn.Module):
    """The conformer's convolution module as a bottleneck: gated down, depthwise taps, batch norm, swish, up.

    Gulati et al., "Conformer", Interspeech 2020, fig. 2; as an adapter of AST, Cappellazzo et al. 2023. The taps run
    over the tokens in their order, row by row over the grid of patches. Zero at the start.

    Args:
        width: channels of a token.
        inner: channels in between.
        kernel: taps, odd.
    """

    def __init__(self, width: int, inner: int, kernel: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, 2 * inner)
        self.taps = nn.Conv1d(inner, inner, kernel, padding=kernel // 2, groups=inner, bias=False)
        self.norm = nn.BatchNorm1d(inner)
        self.up = nn.Linear(inner, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """[N, T, C] → [N, T, C]."""
        inner = functional.glu(self.gate(tokens), dim=2).transpose(1, 2)  # [N, r, T]
        inner = functional.silu(self.norm(self.taps(inner)))
        out: Tensor = self.up(inner.transpose(1, 2))
        return out
