"""Weights and bias of a layer of the twin: float parameters, and the integers quantize/weights.py makes of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.passes.widen import WIDE, WIDTH
from edgekit.graph.tensor import Tensor as GraphTensor
from edgekit.quantize.fake_quant import straight
from edgekit.quantize.weights import BIAS_LIMITS, IDLE_SCALE, WEIGHT_MAX, largest_weight

_PLACE = 0.25
"""How far from a whole number, in steps, weights start that compensation rounded away from the nearest."""


class TwinWeights(nn.Module):
    """A layer's weights in the edge layout.

    The scale of the weights follows from their largest magnitude in every step, as in post-training quantization, so
    that what is exported is what was trained.

    Args:
        weights: float32, as the edge operator stores them.
        bias: float32 [O], or None.
        axis: output-channel axis of the weights.
        per_channel: one scale a channel, otherwise one for all.
        rounded: int8, what post-training quantization made of the weights, which is where training starts; None for
            the nearest whole numbers.
        book: float64, sorted: the numbers that the steps are chosen from (quantize/cluster.py); None for all.
        bias_dtype: "int32", or "int64" beside int16 activations.
        largest: whole number of a weight.
    """

    given: Tensor
    book: Tensor | None

    def __init__(
        self,
        weights: np.ndarray,
        bias: np.ndarray | None,
        axis: int,
        per_channel: bool,
        rounded: np.ndarray | None = None,
        book: np.ndarray | None = None,
        bias_dtype: str = "int32",
        largest: int = WEIGHT_MAX,
    ) -> None:
        super().__init__()
        self.largest = largest
        self.weights = nn.Parameter(torch.from_numpy(np.array(weights, np.float32)))
        self.register_buffer("given", self.weights.detach().clone(), persistent=False)
        self.bias = None if bias is None else nn.Parameter(torch.from_numpy(np.array(bias, np.float32).reshape(-1)))
        self.axis, self.per_channel, self.bias_limit = axis, per_channel, BIAS_LIMITS[bias_dtype]
        self.register_buffer("book", None if book is None else torch.from_numpy(book), persistent=False)
        if rounded is not None:
            self._start_at(torch.from_numpy(np.array(rounded, np.float64)))

    @torch.no_grad()
    def _start_at(self, steps: Tensor) -> None:
        """Move weights to where they round to ``steps``, which compensation chose, and not at once to others."""
        # The input's scale matters only where a bias hardly fits int32: 1 leaves the scales to the weights.
        shape = [1] * self.weights.dim()
        shape[self.axis] = -1
        scales = self.scales(torch.ones(())).double().reshape(shape)
        ratio = self.weights.double() / scales
        near = torch.clamp(ratio, steps - _PLACE, steps + _PLACE)
        self.weights.copy_(torch.where(self._whole(ratio) == steps, ratio, near) * scales)

    def _whole(self, ratio: Tensor) -> Tensor:
        """The nearest whole numbers, or numbers of the codebook."""
        if self.book is None:
            return torch.round(ratio)
        return self.book[torch.bucketize(ratio.detach().contiguous(), (self.book[1:] + self.book[:-1]) / 2)]

    @torch.no_grad()
    def scales(self, input_scale: Tensor) -> Tensor:
        """float32 [O]: :func:`edgekit.quantize.weights.quantize_weights`, step by step in float64."""
        rows = self.weights.double().movedim(self.axis, 0).reshape(self.weights.shape[self.axis], -1)
        scale = rows.abs().amax(dim=1) / self.largest
        if self.bias is not None:
            scale = torch.maximum(scale, self.bias.double().abs() / (input_scale.double() * self.bias_limit))
        if not self.per_channel:
            scale = scale.max().expand_as(scale)
        return torch.where(scale > 0, scale, torch.full_like(scale, IDLE_SCALE)).float()

    def steps(self, scales: Tensor, *, rounded: bool = True) -> Tensor:
        """Whole numbers, in the layout of the weights; not whole unless ``rounded``."""
        shape = [1] * self.weights.dim()
        shape[self.axis] = -1
        if not rounded:
            return (self.given.double() / scales.double().reshape(shape)).float()
        ratio = self.weights.double() / scales.double().reshape(shape)
        return torch.clamp(straight(ratio, self._whole(ratio)), -self.largest, self.largest).float()

    def bias_steps(self, input_scale: Tensor, scales: Tensor, *, rounded: bool = True) -> Tensor | None:
        """Whole numbers [O], float64, at input scale × weight scale; not whole unless ``rounded``."""
        if self.bias is None:
            return None
        ratio = self.bias.double() / (input_scale.double() * scales.double())
        return straight(ratio, torch.round(ratio)) if rounded else ratio

    def unrounded(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Weights and bias in float32, for the export; weights with a codebook are those that it leaves."""
        bias = None if self.bias is None else self.bias.detach().cpu().numpy()
        weights = self.weights.detach()
        if self.book is not None:
            shape = [1] * weights.dim()
            shape[self.axis] = -1
            scales = self.scales(torch.ones(())).double().reshape(shape)
            weights = (self._whole(weights.double() / scales) * scales).float()
        return weights.cpu().numpy(), bias


def weights_of(graph: Graph, node: Node, integer: Graph, made: Node, book: np.ndarray | None) -> TwinWeights:
    """Weights of ``node`` that round to those of ``made`` in the integer graph, with its bias, maybe corrected."""
    stored = [integer.tensor(name) if name else None for name in made.inputs[1:]]
    quant = stored[0].quant if stored[0] is not None else None
    bias = None
    if len(stored) > 1 and stored[1] is not None and stored[1].quant is not None:
        bias = np.asarray(stored[1].data, np.float64) * stored[1].quant.scale.astype(np.float64)
    weights = np.asarray(graph.tensor(node.inputs[1]).data)
    rounded = None if stored[0] is None else stored[0].data
    per_channel = quant is not None and not quant.per_tensor
    kind = "int64" if node.attrs.get(WIDTH) == WIDE else "int32"
    return TwinWeights(weights, bias, WEIGHTED[node.op], per_channel, rounded, book, kind, largest_weight(node))


def with_weights(node: Node, weights: np.ndarray, bias: np.ndarray | None) -> tuple[Node, list[GraphTensor]]:
    """The node with trained constants of its own."""
    made = [GraphTensor(f"{node.name}/trained_weights", weights.shape, "float32", data=weights)]
    if bias is not None:
        made.append(GraphTensor(f"{node.name}/trained_bias", bias.shape, "float32", data=bias))
    names = tuple(tensor.name for tensor in made)
    return node.replace(inputs=(node.inputs[0], *names, *("",) * (bias is None))), made
