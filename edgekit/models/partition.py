"""Feature partition and fusion: a plug-in block that runs a narrow block on subsets of the channels in turn.

After the module of lightweight speaker verification: the features are split into low-dimensional subsets, each is fused
with the others by their correlation (convolution, pooling, mean, concatenation, normalisation, addition), the fused
subsets pass the block in turn, and its outputs are merged. With S subsets, a block of width C becomes one of width C/S
that is used S times: its C² weights fall to C²/S², its multiplications to 1/S.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError


class SubsetCorrelation(nn.Module):
    """How much each subset takes from each other one, for every clip: [N, S, C/S, …] → [N, S, S].

    Each subset is described by its mean over all places, through one shared linear layer (a 1×1 convolution of a pooled
    map); the rows are the softmax of the descriptors' cosines, scaled by a trained temperature.

    Args:
        width: channels of a subset.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.describe = nn.Linear(width, width, bias=False)
        self.sharpness = nn.Parameter(torch.tensor(4.0))

    def forward(self, subsets: Tensor) -> Tensor:
        """Rows that sum to 1."""
        means = subsets.flatten(3).mean(dim=3)  # [N, S, C/S]
        described = self.describe(means)
        unit = described / described.square().sum(dim=2, keepdim=True).add(1e-6).sqrt()
        result: Tensor = (self.sharpness * (unit @ unit.transpose(1, 2))).softmax(dim=2)
        return result


class PartitionFusion(nn.Module):
    """Split, correlate, fuse, run the shared block on the subsets in turn, merge.

    A subset enters the block with the output of the one before it added, where the block keeps the shape.

    Args:
        channels: C, of the features.
        subsets: S; must divide C.
        block: builds the shared block: called with C/S, gives a module of C/S to C'/S channels.
        norm: builds the normalisation of a fused subset, called with C/S: batch norm of one or two dimensions.

    Raises:
        BadConfigError: S does not divide C.
    """

    def __init__(
        self, channels: int, subsets: int, block: Callable[[int], nn.Module], norm: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        if subsets < 2 or channels % subsets:
            text = f"{channels} channels do not divide into {subsets} subsets"
            raise BadConfigError(text, where="partition", mend="choose 2 or more that divide them")
        self.subsets, width = subsets, channels // subsets
        self.correlation = SubsetCorrelation(width)
        self.norm = norm(width)
        self.block = block(width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, …] → [N, C', …]."""
        shape = (len(x), self.subsets, x.shape[1] // self.subsets, *x.shape[2:])
        parts = x.reshape(shape)  # [N, S, C/S, …]
        taken = (self.correlation(parts) @ parts.flatten(2)).reshape(shape)
        fused = parts + taken
        made: list[Tensor] = []
        for number in range(self.subsets):
            part = self.norm(fused[:, number])
            if made and made[-1].shape == part.shape:
                part = part + made[-1]
            made.append(self.block(part))
        return torch.cat(made, dim=1)


def partition_pointwise(model: nn.Module, subsets: int) -> int:
    """Put the plug-in in the place of every 1×1 convolution of equal width of ``model``; how many there were.

    Any CNN of the registry can be thinned so: its pointwise layers hold most of its weights.

    Args:
        model: changed in place; the new layers have fresh weights.
        subsets: S; layers whose channels it does not divide stay.

    Raises:
        BadConfigError: no layer can be replaced.
    """
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Conv2d) and _replaceable(child, subsets)
    ]
    if not found:
        text = "no pointwise convolution of equal width that the subsets divide"
        raise BadConfigError(text, where="partition", mend="choose another number of subsets")
    for parent, name, child in found:
        parent.register_module(name, PartitionFusion(child.in_channels, subsets, _pointwise, nn.BatchNorm2d))
    return len(found)


def _replaceable(layer: nn.Conv2d, subsets: int) -> bool:
    plain = layer.kernel_size == (1, 1) and layer.stride == (1, 1) and layer.groups == 1
    return plain and layer.in_channels == layer.out_channels and layer.in_channels % subsets == 0


def _pointwise(width: int) -> nn.Module:
    return nn.Conv2d(width, width, 1, bias=False)
