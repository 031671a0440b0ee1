"""Rounding of weights, up or down, by what the layer's outputs become (AdaRound).

Source: Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization" (2020), equations 21–25: a weight
is its floor plus h(V), V is learned so that the layer's outputs on calibration clips stay, and a regulariser drives
every h to 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from edgekit.core.progress import Progress, silent
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.passes.widen import widths
from edgekit.graph.tensor import Quantization
from edgekit.graph.tensor import Tensor as GraphTensor
from edgekit.quantize.twin_kernels import WEIGHTED_KERNELS
from edgekit.quantize.weights import largest_weight, quantize_weights

_LOW, _HIGH = -0.1, 1.1  # γ and ζ of the rectified sigmoid, equation 23
_REGULARISER = 0.01  # λ
_SHARPNESS = (20.0, 2.0)  # β, from and to
_WARM = 0.2  # share of the steps without regulariser
_LEARNING_RATE = 1e-2


@dataclass(frozen=True, kw_only=True)
class AdaRound:
    """How long to look for the rounding.

    Attributes:
        steps: optimiser steps a layer.
        clips: calibration clips to look at.
        batch: clips a step.
        seed: of the batches' order.
    """

    steps: int = 400
    clips: int = 128
    batch: int = 16
    seed: int = 0


def adarounded(
    graph: Graph,
    quants: Mapping[str, Quantization],
    clips: np.ndarray,
    per_channel_dense: bool,
    options: AdaRound | None = None,
    progress: Progress = silent,
) -> Graph:
    """The float graph with weights on the int8 grid that they will get, so that rounding them leaves them as they are.

    A layer sees what it will see: its input rounded to int8. Largest weights keep their step, so the scales stay.

    Args:
        graph: float edge graph.
        quants: quantization of the activations.
        clips: float32 [N, H, W, C].
        per_channel_dense: as in PtqOptions.
        options: how long.
        progress: told about layers done.
    """
    options = options or AdaRound()
    given = np.ascontiguousarray(clips[: options.clips], np.float32)
    activations = run_float(graph, given, all_tensors=True)
    layers = [node for node in graph.nodes if node.op in WEIGHTED]
    rounded: dict[str, GraphTensor] = {}
    for index, node in enumerate(layers):
        x, y = activations[node.inputs[0]], activations[node.outputs[0]]
        rounded[node.name] = _rounded(graph, node, quants[node.inputs[0]], (x, y), per_channel_dense, options)
        progress("rounding weights", index + 1, len(layers))
    nodes = [
        node.replace(inputs=(node.inputs[0], rounded[node.name].name, *node.inputs[2:]))
        if node.name in rounded
        else node
        for node in graph.nodes
    ]
    return graph.rebuild(nodes, rounded.values())


def _rounded(
    graph: Graph,
    node: Node,
    source: Quantization,
    values: tuple[np.ndarray, np.ndarray],
    per_channel_dense: bool,
    options: AdaRound,
) -> GraphTensor:
    axis = WEIGHTED[node.op]
    weights = graph.tensor(node.inputs[1])
    bias = np.asarray(graph.tensor(node.inputs[2]).data) if len(node.inputs) > 2 and node.inputs[2] else None
    per_channel = per_channel_dense or node.op != "fully_connected"
    scale, zero_point = source.scalar()
    most = largest_weight(node)
    given = None if bias is None else bias.reshape(-1)
    nearest = quantize_weights(weights, axis, per_channel, scale, given, largest=most)
    if nearest.quant is None or nearest.data is None:
        return weights
    shape = [1] * len(weights.dims)
    shape[axis] = -1
    step = np.broadcast_to(nearest.quant.scale, (weights.dims[axis],)).astype(np.float64).reshape(shape)
    ratio = np.asarray(weights.data, np.float64) / step
    limits = np.iinfo(widths(graph)[node.inputs[0]])
    seen = (np.clip(np.rint(values[0] / scale) + zero_point, limits.min, limits.max) - zero_point) * scale
    dims = (graph.tensor(node.inputs[0]).dims, graph.tensor(node.outputs[0]).dims)
    layer = _Layer(
        node,
        dims,
        torch.from_numpy(seen.astype(np.float32)),
        torch.from_numpy(values[1].astype(np.float32)),
        torch.from_numpy(step.astype(np.float32)),
        None if bias is None else torch.from_numpy(bias.reshape(-1).astype(np.float32)),
    )
    steps = layer.search(torch.from_numpy(ratio.astype(np.float32)), options)
    largest = np.abs(np.asarray(nearest.data, np.int64)) == most
    chosen = np.where(largest, nearest.data, np.clip(steps, -most, most))
    return GraphTensor(f"{node.name}/adarounded", weights.shape, "float32", data=(chosen * step).astype(np.float32))


@dataclass(frozen=True, eq=False)
class _Layer:
    """One layer with its inputs and outputs on the calibration clips."""

    node: Node
    dims: tuple[tuple[int, ...], tuple[int, ...]]
    x: Tensor
    y: Tensor
    step: Tensor
    bias: Tensor | None

    def search(self, ratio: Tensor, options: AdaRound) -> np.ndarray:
        """Whole weights for the real ones in units of their step."""
        floor = torch.floor(ratio)
        rest = (ratio - floor).clamp(0.01, 0.99)
        variable = torch.logit((rest - _LOW) / (_HIGH - _LOW)).requires_grad_(True)
        optimiser = torch.optim.Adam([variable], _LEARNING_RATE)
        generator = torch.Generator().manual_seed(options.seed)
        size = float(self.y.square().mean().clamp_min(1e-12))
        for number in range(options.steps):
            part = torch.randperm(len(self.x), generator=generator)[: options.batch]
            up = _rectified(variable)
            error = (self._outputs(part, floor + up) - self.y[part]).square().mean() / size
            loss = error + _regulariser(up, number / options.steps) / up.numel()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.no_grad():
            out: np.ndarray = (floor + (_rectified(variable) >= 0.5).float()).numpy()
        return out

    def _outputs(self, part: Tensor, weights: Tensor) -> Tensor:
        source, target = self.dims
        x = self.x[part].reshape(-1, *source)
        y = WEIGHTED_KERNELS[self.node.op](x, weights * self.step, self.node.attrs, target)
        y = y if self.bias is None else y + self.bias
        activation = self.node.attrs["activation"]
        if activation != "none":
            y = y.clamp(0, 6.0 if activation == "relu6" else None)
        return y.reshape(self.y[part].shape)


def _rectified(variable: Tensor) -> Tensor:
    return (torch.sigmoid(variable) * (_HIGH - _LOW) + _LOW).clamp(0.0, 1.0)


def _regulariser(up: Tensor, done: float) -> Tensor:
    """λ Σ 1 − |2h − 1|^β with β falling from 20 to 2 (equation 24)."""
    if done < _WARM:
        return up.new_zeros(())
    share = (done - _WARM) / (1.0 - _WARM)
    sharpness = _SHARPNESS[1] + (_SHARPNESS[0] - _SHARPNESS[1]) * 0.5 * (1.0 + float(np.cos(np.pi * share)))
    return _REGULARISER * (1.0 - (2.0 * up - 1.0).abs().pow(sharpness)).sum()
