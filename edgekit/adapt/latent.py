"""A source's latent vector: what the layer that makes its logits reads, and what that layer looks for."""

from __future__ import annotations

from torch import Tensor, nn

from edgekit.core.errors import BadConfigError


def last_layer(source: nn.Module, classes: int) -> nn.Linear | nn.Conv2d:
    """The layer that makes the source's logits: linear, or a 1×1 convolution before a global mean.

    Args:
        source: a classifier.
        classes: K, what it tells apart; other layers have other numbers of outputs, or stand before this one.

    Raises:
        BadConfigError: no such layer.
    """
    found = [layer for layer in source.modules() if _outputs(layer) == classes]
    if not found:
        text = f"the source has no linear layer or 1×1 convolution of {classes} outputs"
        raise BadConfigError(text, where="--source", mend="use mapping=trainable")
    last: nn.Linear | nn.Conv2d = found[-1]  # type: ignore[assignment]
    return last


def _outputs(layer: nn.Module) -> int:
    """Of a linear layer or a 1×1 convolution; 0 of others."""
    if isinstance(layer, nn.Linear):
        return layer.out_features
    return layer.out_channels if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) else 0


def prototypes(source: nn.Module, classes: int) -> Tensor:
    """What the source looks for in its latent space, a row a class: [K, D]."""
    return last_layer(source, classes).weight.detach().flatten(1)


def latent_and_logits(source: nn.Module, classes: int, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Latent vectors [N, D], means over all places before a convolution, and logits [N, K] of one pass."""
    seen: list[Tensor] = []
    handle = last_layer(source, classes).register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    try:
        logits: Tensor = source(picture)
    finally:
        handle.remove()
    return (seen[-1].mean(dim=(2, 3)) if seen[-1].dim() == 4 else seen[-1]), logits
