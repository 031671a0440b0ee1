"""What the frozen source looks at in a programmed series: Grad-CAM, and attention over time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgekit.adapt.series.model import Voice2Series
from edgekit.core.errors import BadConfigError
from edgekit.models.acoustic.attention_bilstm import AttentionBiLstm


def has_convolutions(source: nn.Module) -> bool:
    """Whether :func:`class_activation` can be drawn."""
    return any(isinstance(module, nn.Conv2d) for module in source.modules())


def class_activation(model: Voice2Series, clips: np.ndarray) -> np.ndarray:
    """Grad-CAM of the source's last convolution for the class that each series is given.

    Selvaraju et al., "Grad-CAM", ICCV 2017, eq. 1–2: channels weighted by the mean gradient of the class' score,
    summed, rectified; resized to the features and scaled to a maximum of 1.

    Args:
        model: trained.
        clips: float32 [N, samples].

    Returns:
        float64 [N, H, W] in [0, 1].

    Raises:
        BadConfigError: a source without convolutions.
    """
    if not has_convolutions(model.source):
        raise BadConfigError("the source has no convolution", where="saliency", mend="use another source")
    seen: list[Tensor] = []
    layers = [module for module in model.source.modules() if isinstance(module, nn.Conv2d)]
    # in the order in which they run, which need not be that in which a network was put together
    handles = [layer.register_forward_hook(lambda module, given, made: seen.append(made)) for layer in layers]
    model.eval()
    try:
        features = model.heard(torch.from_numpy(clips)).detach().requires_grad_(True)
        scores = model.mapping(model.source(features))
    finally:
        for handle in handles:
            handle.remove()
    chosen = scores.max(dim=1).values.sum()
    (gradient,) = torch.autograd.grad(chosen, seen[-1])
    weights = gradient.mean(dim=(2, 3), keepdim=True)  # [N, C, 1, 1]
    maps = functional.relu((weights * seen[-1]).sum(dim=1, keepdim=True)).detach()
    maps = functional.interpolate(maps, size=tuple(features.shape[2:]), mode="bilinear", align_corners=False)[:, 0]
    peak = maps.flatten(1).max(dim=1).values.clamp_min(1e-12)
    return np.asarray((maps / peak[:, None, None]).double().numpy())


@torch.no_grad()
def attention_over_time(model: Voice2Series, clips: np.ndarray) -> np.ndarray:
    """Attention weights of the source, float64 [N, T], each row sums to 1.

    Raises:
        BadConfigError: a source without attention.
    """
    if not isinstance(model.source, AttentionBiLstm):
        raise BadConfigError("the source has no attention over time", where="attention", mend="use attention-bilstm")
    model.eval()
    return np.asarray(model.source.attended(model.heard(torch.from_numpy(clips)))[1].double().numpy())
