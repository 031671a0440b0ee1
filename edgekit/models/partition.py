"""Feature partition and fusion: a plug-in block that runs a narrow block on subsets of the channels in turn.

After the module of lightweight speaker verification: the features are split into low-dimensional subsets, each is fused
with the others by their correlation (convolution, pooling, mean, concatenation, normalisation, addition), the fused
subsets pass the block in turn, and its outputs are merged. With S subsets, a block of width C becomes one of width C/S
that is used S times: its C² weights fall to C²/S², its multiplications to 1/S.
"""

from __future__ import annotations

import functools
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


def partition_convolutions(model: nn.Module, subsets: int, spare: int | None = None) -> int:
    """Put the plug-in in the place of every convolution of ``model`` that it makes smaller; how many there were.

    Any CNN of the registry can be thinned so. Depthwise and grouped ones stay, and so does what reads the input.

    Args:
        model: changed in place; the new layers have fresh weights.
        subsets: S; layers whose channels it does not divide stay.
        spare: output channels of layers that stay: the number of classes, whose scores are no features.

    Raises:
        BadConfigError: no layer can be replaced.
    """
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Conv2d) and child.out_channels != spare and _is_thinned(child, subsets)
    ]
    if not found:
        text = "no convolution that the subsets divide and make smaller"
        raise BadConfigError(text, where="partition", mend="choose another number of subsets")
    for parent, name, child in found:
        block = functools.partial(_narrow, child, subsets)
        parent.register_module(name, PartitionFusion(child.in_channels, subsets, block, nn.BatchNorm2d))
    return len(found)


def _is_thinned(layer: nn.Conv2d, subsets: int) -> bool:
    """Whether the subsets divide it, and weights of block, description and norm are fewer than its own."""
    if layer.groups != 1 or layer.in_channels % subsets or layer.out_channels % subsets:
        return False
    width, taps = layer.in_channels // subsets, layer.weight[0, 0].numel()
    return width * (layer.out_channels // subsets) * taps + width**2 + 1 + 2 * width < layer.weight.numel()


def _narrow(layer: nn.Conv2d, subsets: int, width: int) -> nn.Module:
    """The same convolution from ``width`` channels to a subset of its outputs."""
    return nn.Conv2d(
        width,
        layer.out_channels // subsets,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        layer.padding,  # type: ignore[arg-type]
        layer.dilation,  # type: ignore[arg-type]
        bias=layer.bias is not None,
    )
