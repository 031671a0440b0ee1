"""The fake-quantized twin of an integer graph: what quantization-aware training trains.

It is made from the float edge graph and the integer graph that post-training quantization made of it: the same nodes in
the same order, the same fusions, the same tensors rounded, the same scales to begin with. Batch norm was folded into
the weights before, so nothing of it is left to freeze.

While scales are learned, an output is its real quotient by the scale, rounded: a step off the integer kernels now and
then. Once they are frozen, and in evaluation, every operator gives what its integer kernel gives, fixed-point
rescaling included: sums of products are sums of whole numbers (exact in float32 up to 2²⁴) and go through the same
rounding, everything else through graph/integer itself. The gradient is that of the real function in both cases.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import FIXED_OUTPUTS, activation_inputs
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.rounding import rounding_of
from edgekit.graph.tensor import Quantization
from edgekit.quantize.activations import activation_names, sharing_groups
from edgekit.quantize.cells import cells
from edgekit.quantize.cluster import books
from edgekit.quantize.fake_quant import FixedScale, Grid, LearnedScale, Steps, requantize, straight, unrounded
from edgekit.quantize.ptq import assemble, require_float
from edgekit.quantize.twin_constants import constant_side
from edgekit.quantize.twin_exact import ExactKernels, exact_sums
from edgekit.quantize.twin_kernels import MOVING_KERNELS, REAL_KERNELS, WEIGHTED_KERNELS
from edgekit.quantize.twin_recurrent import RECURRENT, TwinLstm, TwinSvdf
from edgekit.quantize.twin_weights import TwinWeights, weights_of, with_weights

Values = dict[str, Steps]


class FakeQuantTwin(nn.Module):
    """[N, 1, H, W] float32 features → [N, classes] float32 logits, each a multiple of the output's scale.

    Attributes:
        floating: nodes (or the input) that are left in float, weights included, for sensitivity analysis; none by
            default.

    Args:
        graph: float edge graph with one input and one output, as :func:`edgekit.quantize.ptq.prepared` gives it.
        integer: what :func:`edgekit.quantize.ptq.quantize_prepared` made of it.

    Raises:
        UnsupportedOpError: an operator that the twin has no kernel for, or an integer graph of another model.
    """

    def __init__(self, graph: Graph, integer: Graph) -> None:
        super().__init__()
        require_float(graph)
        self.graph, self.integer = graph, integer
        self.rounding = rounding_of(graph)
        self.layers = nn.ModuleDict()
        self.scales = nn.ModuleList()
        self.scale_of: dict[str, int] = {}
        self.frozen = False
        self.floating: frozenset[str] = frozenset()
        self.constants = nn.ModuleDict()
        self._prepared: tuple[tuple[float, ...], ExactKernels] | None = None
        self._books = books(graph, integer)
        self._remembers = any(node.op in RECURRENT for node in graph.nodes)
        _check(graph, integer)
        self._add_scales()
        shared: dict[tuple[str, ...], int] = {}
        for index, node in enumerate(graph.nodes):
            if node.op in WEIGHTED:
                # The steps of a recurrent layer read the same constants: they train one set of weights.
                first = shared.setdefault(node.inputs[1:], index)
                own = first == index
                self.layers[str(index)] = self._weights(node) if own else self.layers[str(first)]
            elif node.op in RECURRENT:
                self.layers[str(index)] = RECURRENT[node.op](graph, node, integer, _named(integer, node.name))
            else:
                self._add_constants(node)

    # --- construction

    def _add_scales(self) -> None:
        fixed = {node.outputs[0] for node in self.graph.nodes if node.op in FIXED_OUTPUTS} | {*cells(self.graph)}
        for members in sharing_groups(self.graph):
            stored = self.integer.tensor(members[0])
            scale, zero_point = stored.scale_zero()
            grid = Grid(zero_point, stored.dtype)
            elements = sum(self.graph.tensor(name).elements for name in members)
            prescribed = any(name in fixed for name in members)
            module = FixedScale(scale, grid) if prescribed else LearnedScale(scale, grid, elements)
            self.scale_of.update(dict.fromkeys(members, len(self.scales)))
            self.scales.append(module)

    def _weights(self, node: Node) -> TwinWeights:
        book = self._books.get(node.name)
        return weights_of(self.graph, node, self.integer, _named(self.integer, node.name), book)

    def _add_constants(self, node: Node) -> None:
        for position, name in enumerate(node.inputs):
            if self.graph.tensor(name).constant:
                side = constant_side(self.graph, node, self.integer, _named(self.integer, node.name), position)
                self.constants[_key(node, position)] = side

    # --- computation

    def forward(self, features: Tensor) -> Tensor:
        """Logits of features [N, 1, H, W] (or any layout with the input's elements in order)."""
        output = self.steps(features)[self.graph.outputs[0]]
        return output.real.reshape(len(features), -1)

    def steps(self, features: Tensor) -> dict[str, Steps]:
        """Every activation by name."""
        exact = (self.frozen or not self.training) and not self.floating
        kernels = self._kernels() if exact else None
        source = self.graph.inputs[0]
        values = {source: self._quantized(features.reshape(-1, *self.graph.tensor(source).dims), source)}
        for index, node in enumerate(self.graph.nodes):
            made = self._sums if node.op in WEIGHTED else self._function
            values[node.outputs[0]] = made(index, node, values, kernels)
        return values

    def _quantized(self, x: Tensor, name: str) -> Steps:
        """The input, rounded as the front-end on the device does: floor(x / scale + 0.5), in float64."""
        scale, grid = self._scale(name)
        if name in self.floating:
            return Steps(x / scale, scale, grid)
        low, high = grid.bounds()
        with torch.no_grad():
            rounded = torch.floor(x.double() * (1.0 / scale.double()) + 0.5).clamp(low, high).to(x.dtype)
        return Steps(straight(torch.clamp(x / scale, low, high), rounded), scale, grid)

    def _sums(self, index: int, node: Node, values: Values, kernels: ExactKernels | None) -> Steps:
        """conv2d, depthwise_conv2d, fully_connected."""
        layer, x = self._layer(index), values[node.inputs[0]]
        scale, grid = self._scale(node.outputs[0])
        weight_scales = layer.scales(x.scale)
        dims = self.graph.tensor(node.outputs[0]).dims
        left, activation = node.name in self.floating, node.attrs["activation"]
        weights = layer.steps(weight_scales, rounded=not left)
        # Sums of int16 steps leave float32's whole numbers.
        kind = torch.float64 if x.grid.width == "int16" else torch.float32
        sums = WEIGHTED_KERNELS[node.op](x.values.to(kind), weights.to(kind), node.attrs, dims)
        bias = layer.bias_steps(x.scale, weight_scales, rounded=not left)
        exact = None
        if kernels is not None:
            with torch.no_grad():
                whole = sums.double() if bias is None else sums.double() + bias
                factors = x.scale.double() * weight_scales.double() / scale.double()
                exact = exact_sums(whole, factors, grid, node, float(scale), self.rounding)
        ratio = ((sums if bias is None else sums + bias.to(kind)) * (x.scale * weight_scales / scale)).float()
        return unrounded(ratio, scale, grid, activation) if left else requantize(ratio, scale, grid, activation, exact)

    def _function(self, index: int, node: Node, values: Values, kernels: ExactKernels | None) -> Steps:
        """Every operator without weights."""
        scale, grid = self._scale(node.outputs[0])
        dims = self.graph.tensor(node.outputs[0]).dims
        own = activation_inputs(node) if node.op in RECURRENT else node.inputs
        inputs = [values.get(name) or self._constant(node, place) for place, name in enumerate(own)]
        clips = len(values[self.graph.inputs[0]].values)
        exact = None if kernels is None else kernels.function(node.name, inputs, clips)
        activation = node.op if node.op in ("relu", "relu6") else node.attrs.get("activation", "none")
        if node.op in RECURRENT:
            ratio = self.layers[str(index)](inputs[0], scale, grid, rounded=node.name not in self.floating)
        elif node.op in MOVING_KERNELS:
            ratio = MOVING_KERNELS[node.op]([item.values for item in inputs], node.attrs, dims)
        else:
            ratio = REAL_KERNELS[node.op]([item.real for item in inputs], node.attrs, dims) / scale
        if node.name in self.floating:
            return unrounded(ratio, scale, grid, activation)
        return requantize(ratio, scale, grid, activation, exact)

    def _kernels(self) -> ExactKernels:
        """The integer kernels for the scales as they are, and for the weights of operators that remember."""
        current = tuple(self._scale_module(name).value() for name in self.scale_of)
        if self._prepared is None or self._prepared[0] != current or self._remembers:
            self._prepared = current, ExactKernels(self.integer_graph())
        return self._prepared[1]

    def _scale(self, name: str) -> tuple[Tensor, Grid]:
        module = self._scale_module(name)
        return module(), module.grid

    def _scale_module(self, name: str) -> LearnedScale | FixedScale:
        return cast(LearnedScale | FixedScale, self.scales[self.scale_of[name]])

    def _layer(self, index: int) -> TwinWeights:
        return cast(TwinWeights, self.layers[str(index)])

    def _constant(self, node: Node, position: int) -> Steps:
        made: Steps = self.constants[_key(node, position)](*self._scale(node.outputs[0]))
        return made

    # --- results

    def freeze_scales(self) -> None:
        """Learn the scales no further, so that the weights settle on them."""
        self.frozen = True
        for module in self.scales:
            module.requires_grad_(False)

    def quantizations(self) -> dict[str, Quantization]:
        """Scale and zero point of every activation as they are now."""
        modules = {name: self._scale_module(name) for name in activation_names(self.graph)}
        return {n: Quantization(np.array([m.value()]), np.array([m.grid.zero_point])) for n, m in modules.items()}

    def integer_graph(self) -> Graph:
        """The integer graph that computes what the twin does, with its weights, biases and scales."""
        quants = self.quantizations()
        nodes, tensors = [], []
        per_channel_dense = False
        for index, node in enumerate(self.graph.nodes):
            if node.op in WEIGHTED:
                layer = self._layer(index)
                node, own = with_weights(node, *layer.unrounded())
                tensors += own
                per_channel_dense |= node.op == "fully_connected" and layer.per_channel
            elif node.op in RECURRENT:
                node, own = cast(TwinLstm | TwinSvdf, self.layers[str(index)]).rebuilt(node)
                tensors += own
            nodes.append(node)
        return assemble(self.graph.rebuild(nodes, tensors), quants, per_channel_dense)


def _check(graph: Graph, integer: Graph) -> None:
    known = {*WEIGHTED_KERNELS, *MOVING_KERNELS, *REAL_KERNELS, *RECURRENT}
    for node in graph.nodes:
        if node.op not in known:
            raise UnsupportedOpError(
                f"{node.op} has no fake-quantized form", where=node.name, mend="quantize it after training instead"
            )
    same = rounding_of(graph) == rounding_of(integer)
    if not same or [node.name for node in graph.nodes] != [node.name for node in integer.nodes]:
        raise UnsupportedOpError("the integer graph is of another model", where=graph.name, mend="quantize it again")


def _named(graph: Graph, name: str) -> Node:
    return next(node for node in graph.nodes if node.name == name)


def _key(node: Node, position: int) -> str:
    letters = "".join(letter if letter.isalnum() else "_" for letter in node.name)
    return f"{letters}_{position}"
