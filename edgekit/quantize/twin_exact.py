"""What the integer kernels give for the twin's activations: the values behind its gradients once scales are frozen."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import multiply_wide, quantize_multiplier
from edgekit.graph.integer.interpreter import empty_memory, prepare_node, run_node
from edgekit.graph.integer.params import Params
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.rounding import Rounding
from edgekit.quantize.fake_quant import Grid, Steps, rescaled


class ExactKernels:
    """Integer kernels for scales as they are.

    Args:
        integer: an integer graph with these scales; of its weights only those of operators that remember matter.
    """

    def __init__(self, integer: Graph) -> None:
        self.nodes = {node.name: node for node in integer.nodes}
        self.integer = integer
        self.params: dict[str, Params] = {
            node.name: prepare_node(integer, node) for node in integer.nodes if node.op not in WEIGHTED
        }

    def function(self, name: str, inputs: list[Steps], clips: int) -> Tensor:
        """Q − zero_point of the output of a node without weights, by its kernel; float32 [clips, *dims]."""
        node = self.nodes[name]
        stored = [_stored(x) for x in inputs]
        output = self.integer.tensor(node.outputs[0])
        wide = tuple(np.broadcast_to(q, (clips, *q.shape[1:])) for q in stored)
        made = run_node(node, self.params[name], wide, empty_memory(self.integer)).reshape(-1, *output.dims)
        steps = torch.from_numpy(made.astype(np.float32) - output.scale_zero()[1])
        return steps.to(inputs[0].values.device)


def exact_sums(sums: Tensor, factors: Tensor, grid: Grid, node: Node, scale: float, rounding: Rounding) -> Tensor:
    """Q − zero_point of a weighted layer's output from its whole sums, bias included, as the kernel rescales them.

    Args:
        sums: float64 [N, …, O], whole.
        factors: float64 [O], input scale × weight scale / output scale.
        grid: of the output.
        node: the layer.
        scale: of the output.
        rounding: of the graph.
    """
    low, high = grid.bounds(node.attrs["activation"], scale)
    if grid.width == "int8":
        return rescaled(sums, factors, rounding).clamp(low, high)
    pairs = np.array([quantize_multiplier(float(factor)) for factor in factors], np.int64)
    scaled = multiply_wide(sums.cpu().numpy().astype(np.int64), pairs[:, 0], pairs[:, 1])
    return torch.from_numpy(np.clip(scaled, low, high)).to(sums.device)


def _stored(x: Steps) -> np.ndarray:
    """The integers of an activation."""
    out: np.ndarray = (x.values.detach() + x.grid.zero_point).cpu().numpy().astype(x.grid.width)
    return out
