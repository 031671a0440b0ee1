"""The fake-quantized twin of an integer graph: what quantization-aware training trains.

It is made from the float edge graph and the integer graph that post-training quantization made of it: the same nodes in
the same order, the same fusions, the same tensors rounded, the same scales to begin with. Batch norm was folded into
the weights before, so nothing of it is left to freeze.

While scales are learned, an output is its real quotient by the scale, rounded: a step off the integer kernels now and
then. Once they are frozen, and in evaluation, every operator gives what its integer kernel gives, fixed-point
rescaling included: sums of products are sums of whole numbers (exact in float32 up to 2²⁴) and go through the same
double rounding, everything else through graph/integer itself. The gradient is that of the real function in both cases.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.interpreter import prepare_node, run_node
from edgekit.graph.integer.params import Params
from edgekit.graph.ops import FIXED_OUTPUTS
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.tensor import Quantization
from edgekit.graph.tensor import Tensor as GraphTensor
from edgekit.quantize.activations import activation_names, sharing_groups
from edgekit.quantize.fake_quant import (
    FixedScale,
    LearnedScale,
    Steps,
    requantize,
    rescaled,
    step_bounds,
    straight,
    unrounded,
)
from edgekit.quantize.ptq import assemble, require_float
from edgekit.quantize.twin_kernels import MOVING_KERNELS, REAL_KERNELS, WEIGHTED_KERNELS
from edgekit.quantize.twin_weights import TwinWeights

Values = dict[str, Steps]
Kernels = dict[str, Params]


class FakeQuantTwin(nn.Module):
    """[N, 1, H, W] float32 features → [N, classes] float32 logits, each a multiple of the output's scale.

    Attributes:
        floating: nodes (or the input) that are left in float, weights included, for sensitivity analysis; none by
            default.

    Args:
        graph: float edge graph with one input and one output.
        integer: what :func:`edgekit.quantize.ptq.quantize_graph` made of it.

    Raises:
        UnsupportedOpError: an operator that the twin has no kernel for, or an integer graph of another model.
    """

    def __init__(self, graph: Graph, integer: Graph) -> None:
        super().__init__()
        require_float(graph)
        self.graph, self.integer = graph, integer
        self.layers = nn.ModuleDict()
        self.scales = nn.ModuleList()
        self.scale_of: dict[str, int] = {}
        self.frozen = False
        self.floating: frozenset[str] = frozenset()
        self._prepared: tuple[tuple[float, ...], Kernels] | None = None
        _check(graph, integer)
        self._add_scales()
        for index, node in enumerate(graph.nodes):
            if node.op in WEIGHTED:
                self.layers[str(index)] = self._weights(node)
        for name, (steps, scale, _) in self._constants().items():
            self.register_buffer(_buffer(name), steps)
            self.register_buffer(_buffer(name) + "_scale", scale)

    # --- construction

    def _add_scales(self) -> None:
        fixed = {node.outputs[0] for node in self.graph.nodes if node.op in FIXED_OUTPUTS}
        for members in sharing_groups(self.graph):
            scale, zero_point = self.integer.tensor(members[0]).scale_zero()
            elements = sum(self.graph.tensor(name).elements for name in members)
            prescribed = any(name in fixed for name in members)
            module = FixedScale(scale, zero_point) if prescribed else LearnedScale(scale, zero_point, elements)
            self.scale_of.update(dict.fromkeys(members, len(self.scales)))
            self.scales.append(module)

    def _weights(self, node: Node) -> TwinWeights:
        bias = self.graph.tensor(node.inputs[2]).data if len(node.inputs) > 2 and node.inputs[2] else None
        weights = np.asarray(self.graph.tensor(node.inputs[1]).data)
        twin = next(other for other in self.integer.nodes if other.name == node.name)
        quant = self.integer.tensor(twin.inputs[1]).quant
        return TwinWeights(weights, bias, WEIGHTED[node.op], quant is not None and not quant.per_tensor)

    def _constants(self) -> dict[str, tuple[Tensor, Tensor, int]]:
        """Constant sides of sums and products, as the integer graph stores them: (steps, scale, zero point)."""
        found = {}
        for node in self.graph.nodes:
            for name in () if node.op in WEIGHTED else node.inputs:
                if name and self.graph.tensor(name).constant:
                    stored = self.integer.tensor(name)
                    scale, zero_point = stored.scale_zero()
                    steps = torch.from_numpy(np.asarray(stored.data, np.float32) - zero_point)[None]
                    found[name] = steps, torch.tensor(scale, dtype=torch.float32), zero_point
        return found

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
        scale, zero_point = self._scale(name)
        if name in self.floating:
            return Steps(x / scale, scale, zero_point)
        low, high = step_bounds(float(scale.detach()), zero_point, "none")
        with torch.no_grad():
            rounded = torch.floor(x.double() * (1.0 / scale.double()) + 0.5).clamp(low, high).to(x.dtype)
        return Steps(straight(torch.clamp(x / scale, low, high), rounded), scale, zero_point)

    def _sums(self, index: int, node: Node, values: Values, kernels: Kernels | None) -> Steps:
        """conv2d, depthwise_conv2d, fully_connected."""
        layer, x = self.layers[str(index)], values[node.inputs[0]]
        scale, zero_point = self._scale(node.outputs[0])
        weight_scales = layer.scales(x.scale)
        dims = self.graph.tensor(node.outputs[0]).dims
        left = node.name in self.floating
        sums = WEIGHTED_KERNELS[node.op](x.values, layer.steps(weight_scales, rounded=not left), node.attrs, dims)
        bias = layer.bias_steps(x.scale, weight_scales, rounded=not left)
        exact = None
        if kernels is not None:
            with torch.no_grad():
                # float32 holds the sums exactly, but perhaps not once a large bias is added.
                whole = sums.double() if bias is None else sums.double() + bias.double()
                exact = rescaled(whole, x.scale.double() * weight_scales.double() / scale.double())
                low, high = step_bounds(float(scale), zero_point, node.attrs["activation"])
                exact = exact.clamp(low, high)
        ratio = (sums if bias is None else sums + bias) * (x.scale * weight_scales / scale)
        if left:
            return unrounded(ratio, scale, zero_point, node.attrs["activation"])
        return requantize(ratio, scale, zero_point, node.attrs["activation"], exact)

    def _function(self, index: int, node: Node, values: Values, kernels: Kernels | None) -> Steps:
        """Every operator without weights."""
        scale, zero_point = self._scale(node.outputs[0])
        dims = self.graph.tensor(node.outputs[0]).dims
        inputs = [values[name] if name in values else self._constant(name) for name in node.inputs]
        exact = None if kernels is None else self._exact(node, kernels, inputs, len(next(iter(values.values())).values))
        activation = node.op if node.op in ("relu", "relu6") else node.attrs.get("activation", "none")
        if node.op in MOVING_KERNELS:
            ratio = MOVING_KERNELS[node.op]([item.values for item in inputs], node.attrs, dims)
        else:
            ratio = REAL_KERNELS[node.op]([item.real for item in inputs], node.attrs, dims) / scale
        if node.name in self.floating:
            return unrounded(ratio, scale, zero_point, activation)
        return requantize(ratio, scale, zero_point, activation, exact)

    def _exact(self, node: Node, kernels: Kernels, inputs: list[Steps], clips: int) -> Tensor:
        """Q − zero_point of the node's output, by the integer kernel."""
        stored = [(x.values.detach() + x.zero_point).to(torch.int8).cpu().numpy() for x in inputs]
        wide = tuple(np.broadcast_to(q, (clips, *q.shape[1:])) for q in stored)
        output = self.graph.tensor(node.outputs[0])
        made = run_node(node, kernels[node.name], wide).reshape(-1, *output.dims)
        zero_point = self._scale(output.name)[1]
        steps = torch.from_numpy(made.astype(np.float32) - zero_point)
        return steps.to(inputs[0].values.device)

    def _kernels(self) -> Kernels:
        """Parameters of the integer kernels of all operators without weights, for the scales as they are."""
        current = tuple(module.value() for module in self.scales)
        if self._prepared is None or self._prepared[0] != current:
            quants = self.quantizations()
            tensors = {n: t.replace(dtype="int8", quant=quants[n]) if n in quants else t for n, t in self._stored()}
            graph = self.graph.replace(tensors=tensors)
            kernels = {node.name: prepare_node(graph, node) for node in graph.nodes if node.op not in WEIGHTED}
            self._prepared = current, kernels
        return self._prepared[1]

    def _stored(self) -> list[tuple[str, GraphTensor]]:
        """The float graph's tensors; constant sides of sums and products as the integer graph stores them."""
        constants = self._constants()
        return [(name, self.integer.tensor(name) if name in constants else t) for name, t in self.graph.tensors.items()]

    def _scale(self, name: str) -> tuple[Tensor, int]:
        module = self.scales[self.scale_of[name]]
        return module(), int(module.zero_point)

    def _constant(self, name: str) -> Steps:
        key = _buffer(name)
        return Steps(getattr(self, key), getattr(self, key + "_scale"), self.integer.tensor(name).scale_zero()[1])

    # --- results

    def freeze_scales(self) -> None:
        """Learn the scales no further, so that the weights settle on them."""
        self.frozen = True
        for module in self.scales:
            module.requires_grad_(False)

    def quantizations(self) -> dict[str, Quantization]:
        """Scale and zero point of every activation as they are now."""
        modules = {name: self.scales[self.scale_of[name]] for name in activation_names(self.graph)}
        return {n: Quantization(np.float32([m.value()]), np.array([m.zero_point])) for n, m in modules.items()}

    def integer_graph(self) -> Graph:
        """The integer graph that computes what the twin does, with its weights, biases and scales."""
        quants = self.quantizations()
        nodes, tensors = [], []
        per_channel_dense = False
        for index, node in enumerate(self.graph.nodes):
            if node.op in WEIGHTED:
                layer = self.layers[str(index)]
                node, own = _with_weights(self.graph, node, *layer.unrounded())
                tensors += own
                per_channel_dense |= node.op == "fully_connected" and bool(layer.per_channel)
            nodes.append(node)
        return assemble(self.graph.rebuild(nodes, tensors), quants, per_channel_dense)


def _with_weights(
    graph: Graph, node: Node, weights: np.ndarray, bias: np.ndarray | None
) -> tuple[Node, list[GraphTensor]]:
    """The node with trained constants of its own."""
    made = [GraphTensor(f"{node.name}/trained_weights", weights.shape, "float32", data=weights)]
    if bias is not None:
        made.append(GraphTensor(f"{node.name}/trained_bias", bias.shape, "float32", data=bias))
    names = tuple(tensor.name for tensor in made)
    return node.replace(inputs=(node.inputs[0], *names, *("",) * (bias is None))), made


def _check(graph: Graph, integer: Graph) -> None:
    known = {*WEIGHTED_KERNELS, *MOVING_KERNELS, *REAL_KERNELS}
    for node in graph.nodes:
        if node.op not in known:
            raise UnsupportedOpError(
                f"{node.op} has no fake-quantized form", where=node.name, mend="quantize it after training instead"
            )
    if [node.name for node in graph.nodes] != [node.name for node in integer.nodes]:
        raise UnsupportedOpError("the integer graph is of another model", where=graph.name, mend="quantize it again")


def _buffer(name: str) -> str:
    return "constant_" + "".join(letter if letter.isalnum() else "_" for letter in name)
