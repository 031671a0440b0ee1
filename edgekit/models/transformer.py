"""Parts of the spectrogram transformers: attention, feed-forward, pre-norm block, and their deployable forms.

Module names are those of the public ViT checkpoints (``blocks.0.attn.qkv.weight``, …), so that weights load by name.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgekit.core.errors import BadConfigError

NORMS = ("layer", "batch")
ACTIVATIONS = ("gelu", "quick-gelu", "relu")


class SelfAttention(nn.Module):
    """softmax(q·kᵀ/√d)·v in ``heads`` heads (Vaswani et al. 2017, eq. 1)."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise BadConfigError(f"width {width} does not divide into {heads} heads", mend="make it a multiple of them")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """[N, T, C] → [N, T, C]."""
        queries, keys, values = self._split(tokens)  # each [N, heads, T, C/heads]
        if torch.onnx.is_in_onnx_export():  # plain products: what converters and counters of the file understand
            mixed = attention_weights(queries, keys) @ values
        else:
            mixed = functional.scaled_dot_product_attention(queries, keys, values)
        joined = mixed.transpose(1, 2).reshape(tuple(int(size) for size in tokens.shape))  # [N, T, C]
        out: Tensor = self.dropout(self.proj(joined))
        return out

    def weights(self, tokens: Tensor) -> Tensor:
        """[N, T, C] → the attention of each head, [N, heads, T, T]; each row sums to 1. For pictures and rollout."""
        queries, keys, _ = self._split(tokens)
        return attention_weights(queries, keys)

    def _split(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, count, width = (int(size) for size in tokens.shape)
        thirds = self.qkv(tokens).split(width, dim=2)  # queries, keys, values: each [N, T, C]
        shape = (batch, count, self.heads, width // self.heads)
        queries, keys, values = (third.reshape(shape).transpose(1, 2) for third in thirds)  # [N, heads, T, d]
        return queries, keys, values


def attention_weights(queries: Tensor, keys: Tensor) -> Tensor:
    """softmax(q·kᵀ/√d): two [N, heads, T, d] → [N, heads, T, T]."""
    scale = float(queries.shape[-1]) ** -0.5
    result: Tensor = ((queries * scale) @ keys.transpose(-2, -1)).softmax(dim=-1)
    return result


class FeedForward(nn.Module):
    """Linear, activation, linear on each token."""

    def __init__(self, width: int, inner: int, activation: str, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.act = make_activation(activation)
        self.fc2 = nn.Linear(inner, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """[N, T, C] → [N, T, C]."""
        out: Tensor = self.dropout(self.fc2(self.act(self.fc1(tokens))))
        return out


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)) (pre-norm, Dosovitskiy et al. 2021, eq. 2–3)."""

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_ratio: float,
        *,
        norm: str = "layer",
        activation: str = "gelu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm1 = make_norm(norm, width)
        self.attn = SelfAttention(width, heads, dropout)
        self.norm2 = make_norm(norm, width)
        self.mlp = FeedForward(width, max(1, int(width * mlp_ratio)), activation, dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """[N, T, C] → [N, T, C]."""
        tokens = tokens + self.attn(self.norm1(tokens))
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class TokenBatchNorm(nn.BatchNorm1d):
    """Batch norm of tokens [N, T, C] over (N, T): a scale and an offset of each channel that fold into the next Linear,
    where LayerNorm needs a square root and a division for every token on the chip.
    """

    def forward(self, tokens: Tensor) -> Tensor:
        """[N, T, C] → the same shape."""
        return super().forward(tokens.transpose(1, 2)).transpose(1, 2)


class QuickGelu(nn.Module):
    """x·sigmoid(1.702·x): GELU within 0.021 of it, without erf (Hendrycks & Gimpel 2016)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return x * torch.sigmoid(1.702 * x)


def make_norm(kind: str, width: int) -> nn.Module:
    """Norm of tokens by name.

    Raises:
        BadConfigError: an unknown name.
    """
    if kind == "layer":
        return nn.LayerNorm(width, eps=1e-6)
    if kind == "batch":
        return TokenBatchNorm(width)
    raise BadConfigError(f"unknown norm {kind!r}", mend=f"use one of {', '.join(NORMS)}")


def make_activation(kind: str) -> nn.Module:
    """Activation by name.

    Raises:
        BadConfigError: an unknown name.
    """
    table = {"gelu": nn.GELU, "quick-gelu": QuickGelu, "relu": nn.ReLU}
    if kind not in table:
        raise BadConfigError(f"unknown activation {kind!r}", mend=f"use one of {', '.join(ACTIVATIONS)}")
    result: nn.Module = table[kind]()
    return result


def initialise(module: nn.Module) -> None:
    """Weights of linear layers and patch projections from a normal of σ = 0.02 cut at 2σ, biases 0 (as ViT)."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
