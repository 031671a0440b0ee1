"""Means of weights, and the batch statistics that such a mean needs: its own, not the mean of those of its parts.

Stochastic weight averaging: Izmailov et al., "Averaging Weights Leads to Wider Optima", UAI 2018. Model soups: Wortsman
et al., ICML 2022.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def move_mean(average: nn.Module, newest: nn.Module, count: int) -> None:
    """Take ``newest`` into the mean of the ``count`` − 1 before it, in place; counters are those of the newest."""
    current = newest.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(current[name], 1.0 / count)
        else:
            value.copy_(current[name])


def mean_weights(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Mean of state dicts with the same names and shapes, summed in float64; counters are those of the first."""
    first = parts[0]
    return {
        name: torch.stack([part[name].double() for part in parts]).mean(dim=0).to(value.dtype)
        if value.is_floating_point()
        else value.clone()
        for name, value in first.items()
    }


@torch.no_grad()
def reestimate_batch_norm(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Running means and variances of all batch norms from ``batches`` alone, each batch counting alike, in place.

    Dropout stays off, as it is where these statistics are used. A model without batch norm is left as it is.

    Args:
        model: [N, 1, H, W] → logits; its mode is restored.
        batches: features [N, 1, H, W] on the model's device.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    was_training, momenta = model.training, [norm.momentum for norm in norms]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    for features in batches:
        model(features)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)
