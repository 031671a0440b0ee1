"""What a model has learned, taken out of it: the filters of its first layer and its embedding of clips."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.core.errors import DataError


def first_filters(model: nn.Module) -> np.ndarray:
    """Kernels of the first convolution, float32 [K, height, width]: frequency × time, mean over its inputs.

    Raises:
        DataError: the model has no convolution.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            out: np.ndarray = module.weight.detach().float().mean(dim=1).cpu().numpy()
            return out
    raise DataError("the model has no convolution", mend="draw its filters elsewhere")


def embed(model: nn.Module, batches: Iterable[Tensor]) -> np.ndarray:
    """What goes into the last layer with weights, float32 [N, C]; maps are averaged over frequency and time.

    Args:
        model: in evaluation mode.
        batches: features [n, 1, F, T] each.

    Raises:
        DataError: no batch, or a model without linear or convolution layer.
    """
    found = [_embed(model, x) for x in batches]
    if not found:
        raise DataError("no clip to embed", mend="check the selection")
    return np.concatenate(found)


def _embed(model: nn.Module, x: Tensor) -> np.ndarray:
    last: list[Tensor] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        last[:] = [inputs[0].detach()]

    layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    handles = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    if not last:
        raise DataError("the model has no layer with weights", mend="project its logits")
    y = last[0].float().flatten(2).mean(dim=2) if last[0].ndim == 4 else last[0].float()
    out: np.ndarray = y.cpu().numpy()
    return out
