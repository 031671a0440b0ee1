"""The attention of a model, written down while it runs and without changing what it computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from edgekit.models.transformer import SelfAttention


@contextmanager
def record_attention(model: nn.Module) -> Iterator[list[Tensor]]:
    """A list that receives the weights of every :class:`SelfAttention` of ``model``, in the order in which they run.

    Each entry is [N, heads, T, T], detached, rows that sum to 1. The weights are computed a second time beside the
    model, whose own product stays the fused one: its outputs are the same bits as without.
    """
    found: list[Tensor] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, SelfAttention):
            with torch.no_grad():
                found.append(module.weights(inputs[0]))

    handles = [part.register_forward_hook(note) for part in model.modules() if isinstance(part, SelfAttention)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
