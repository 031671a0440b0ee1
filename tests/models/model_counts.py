"""Counts of torch models by two oracles that share no code with edgekit: torchinfo's rules, torch's flop counter."""

from __future__ import annotations

from math import prod

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from edgekit.models.registry import build_model


def counts(name: str, shape: tuple[int, int], **arguments: object) -> tuple[int, int, int]:
    """(parameters, MACs by the ``dcase`` convention, true MACs) of a registered model; nothing is allocated.

    dcase, torchinfo's rule: a convolution's weight and bias once an output position, any other layer's once a clip.
    true: FlopCounterMode ÷ 2 with attention written out as matrix products.
    """
    with torch.device("meta"):
        model = build_model(name, **arguments).eval()
        example = torch.zeros(1, 1, *shape)
    dcase = 0

    def hook(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal dcase
        own = sum(p.numel() for key, p in layer.named_parameters(recurse=False) if key in ("weight", "bias"))
        dcase += own * (prod(output.shape[2:]) if isinstance(layer, nn.Conv2d) else 1)

    for layer in model.modules():
        if not list(layer.children()):
            layer.register_forward_hook(hook)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as flops:
        model(example)
    return sum(p.numel() for p in model.parameters()), dcase, flops.get_total_flops() // 2
