"""A float edge graph with ``fake_quant`` nodes (from a QDQ model) into the integer edge graph that it stands for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import FIXED_OUTPUTS, SAME_SCALE_OPS, activation_inputs
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.passes.common_step import common_steps
from edgekit.graph.passes.spread_channels import spread_channels
from edgekit.graph.passes.unstated_ranges import with_unstated
from edgekit.graph.passes.unstated_widths import widened_unstated
from edgekit.graph.passes.widen import WIDE, widths
from edgekit.graph.tensor import Quantization, Tensor

_MOVES = (*(SAME_SCALE_OPS - {"avg_pool2d"}), "relu", "relu6")
"""Operators that rounding may as well stand in front of."""
MEND = "quantize every layer, or start from the float model with edgekit quantize"


def integer_graph(graph: Graph, scales: Mapping[str, np.ndarray], clips: np.ndarray | None = None) -> Graph:
    """The integer form of ``graph``; a graph without fake_quant is returned as it is.

    1. A fake_quant's parameters are those of the tensor that it reads; the node vanishes. Where it has a scale for each
       channel, the layers before and after take the differences over (spread_channels.py).
    2. What a second fake_quant does to the same tensor in another way is a quantize node, which rescales; so is each
       where an operator reads the tensor as it was before.
    3. Maxima, pads and reshapes keep their input's quantization, whatever the model says behind them: their values lie
       in the same range; relu and relu6 do so where the model says nothing.
    4. Any other tensor of which the model says nothing gets a range from ``clips``, or without these from random ones
       (unstated_ranges.py). Inside the model it computes in int16, since the model does not round there at all
       (unstated_widths.py); an output (NNCF leaves the last layer's in float) is int8.
    5. Weights return to the stored integers, biases become int32 (int64 beside int16) at input scale × weight scale.

    Args:
        graph: edge, float32, with fused activations.
        scales: scales of the stored integers, by name of the weights' constant.
        clips: float32 [N, H, W, C], features of the task.

    Raises:
        UnsupportedOpError: a layer that is left in float.
    """
    if not any(node.op == "fake_quant" for node in graph.nodes):
        return graph
    bare, known, scales = stated_graph(graph, scales)
    quants, width = with_unstated(bare, known, clips), widths(bare)
    tensors: dict[str, Tensor] = {}
    nodes: list[Node] = []
    for name in (*bare.inputs, *(node.outputs[0] for node in bare.nodes)):
        if name not in quants:
            raise UnsupportedOpError("a tensor without quantization in a QDQ model", where=name, mend=MEND)
        tensors[name] = bare.tensor(name).replace(dtype=width[name], quant=quants[name])
    for node in bare.nodes:
        if node.op == "concat":
            node, before = _rescaled_parts(node, tensors)
            nodes += before
        if node.op in WEIGHTED:
            bias_dtype = "int64" if width[node.inputs[0]] == WIDE else "int32"
            constants = _integers(bare, node, quants[node.inputs[0]], scales, bias_dtype)
            tensors.update({tensor.name: tensor for tensor in constants})
            node = node.replace(inputs=(node.inputs[0], *(tensor.name for tensor in constants)))
        nodes.append(node)
    return bare.rebuild(nodes, tensors.values())


def stated_graph(
    graph: Graph, scales: Mapping[str, np.ndarray]
) -> tuple[Graph, dict[str, Quantization], Mapping[str, np.ndarray]]:
    """Steps 1 to 3: a float graph without fake_quant, widths marked, what the model says of its activations, scales."""
    bare, stated = _without_fakes(graph)
    bare, found, scales = spread_channels(bare, stated, scales)
    bare, known = widened_unstated(bare, _complete(bare, found))
    return bare, known, scales


def _rescaled_parts(node: Node, tensors: dict[str, Tensor]) -> tuple[Node, list[Node]]:
    """A concat whose parts have its output's quantization, and the quantize nodes that see to it."""
    output, names, before = tensors[node.outputs[0]], [], []
    for position, name in enumerate(node.inputs):
        part = tensors.get(name)
        if part is None:
            raise UnsupportedOpError("concat with a constant in a QDQ model", where=node.name, mend=MEND)
        if part.scale_zero() != output.scale_zero():
            part = part.replace(name=f"{node.name}/part{position}", quant=output.quant)
            tensors[part.name] = part
            before.append(Node("quantize", f"{node.name}/rescale{position}", (name,), (part.name,)))
        names.append(part.name)
    return node.replace(inputs=tuple(names)), before


def without_rounding(graph: Graph) -> Graph:
    """The float graph itself, without fake_quant.

    Where a range begins at 0, clipping to it may be all that is left of a ReLU (ONNX Runtime's quantizer drops those):
    it stays one.
    """
    nodes = [node.replace(op="relu", attrs={}) if _clips_at_zero(graph, node) else node for node in graph.nodes]
    bare, _ = _without_fakes(graph.rebuild(nodes))
    return bare.rebuild(node.replace(op="reshape") if node.op == "quantize" else node for node in bare.nodes)


def _clips_at_zero(graph: Graph, node: Node) -> bool:
    """Whether a fake_quant makes negative values 0; the model's inputs are features, which no ReLU made."""
    if node.op != "fake_quant" or node.inputs[0] in graph.inputs or node.outputs[0] in graph.outputs:
        return False
    return all(zero_point == -128 for zero_point in node.attrs["zero_point"])


def _without_fakes(graph: Graph) -> tuple[Graph, dict[str, Quantization]]:
    """The graph without fake_quant nodes, and the quantization that each states for the tensor it reads."""
    alias: dict[str, str] = {}
    found = _widest(graph)
    nodes = []
    for original in graph.nodes:
        node = original.replace(inputs=tuple(alias.get(name, name) for name in original.inputs))
        if node.op != "fake_quant":
            nodes.append(node)
            continue
        source = node.inputs[0]
        stated = _stated(graph, node)
        if source in found and _same(found[source], stated):
            alias[node.outputs[0]] = source
        else:
            nodes.append(Node("quantize", node.name, (source,), node.outputs))
            found[node.outputs[0]] = stated
    # A fake_quant in front of an output leaves the output's name to the tensor that it read.
    names = {alias[name]: name for name in graph.outputs if name in alias}
    if any(name in graph.inputs for name in names):
        raise UnsupportedOpError("an output that is the quantized input", where=graph.name, mend=MEND)
    tensors = [graph.tensor(old).replace(name=new) for old, new in names.items()]
    renamed = [
        node.replace(
            inputs=tuple(names.get(name, name) for name in node.inputs),
            outputs=tuple(names.get(name, name) for name in node.outputs),
        )
        for node in nodes
    ]
    return graph.rebuild(renamed, tensors), {names.get(name, name): quant for name, quant in found.items()}


def _widest(graph: Graph) -> dict[str, Quantization]:
    """What is stated for each tensor that no fake_quant makes; of several statements the one that clips least.

    Nothing is, where an operator reads the tensor as it was before it was rounded (NNCF leaves what a norm reads).
    """
    fakes = [node for node in graph.nodes if node.op == "fake_quant"]
    passed = {node.outputs[0] for node in fakes} | _read_unrounded(graph)
    found: dict[str, Quantization] = {}
    for node in fakes:
        name, stated = node.inputs[0], _stated(graph, node)
        if name not in passed and (name not in found or np.sum(stated.scale) > np.sum(found[name].scale)):
            found[name] = stated
    return found


def _read_unrounded(graph: Graph) -> set[str]:
    """Activations inside the graph that an operator other than fake_quant reads, unless it only moves values."""
    return {
        name
        for node in graph.nodes
        if node.op not in ("fake_quant", *_MOVES)
        for name in activation_inputs(node)
        if name not in graph.inputs and name not in graph.outputs
    }


def _stated(graph: Graph, node: Node) -> Quantization:
    """The parameters of a fake_quant."""
    axis = len(graph.tensor(node.inputs[0]).dims) - 1 if len(node.attrs["scale"]) > 1 else None
    return Quantization(np.array(node.attrs["scale"]), np.array(node.attrs["zero_point"]), axis)


def _same(first: Quantization, second: Quantization) -> bool:
    return np.array_equal(first.scale, second.scale) and np.array_equal(first.zero_point, second.zero_point)


def _complete(graph: Graph, found: dict[str, Quantization]) -> dict[str, Quantization]:
    """Quantization of every activation that follows from the stated ones."""
    quants = dict(found)
    # Backwards: what a reshape or a maximum makes of a tensor has the tensor's range.
    for node in reversed(graph.nodes):
        if node.op in ("reshape", "max_pool2d", "pad", "transpose") and node.outputs[0] in quants:
            quants.setdefault(node.inputs[0], quants[node.outputs[0]])
    for node in graph.nodes:
        source = quants.get(node.inputs[0])
        if node.op in FIXED_OUTPUTS:
            scale, zero_point = FIXED_OUTPUTS[node.op]
            quants[node.outputs[0]] = Quantization(np.array([scale]), np.array([zero_point]))
        elif node.op == "concat" and source is not None:
            quants.setdefault(node.outputs[0], source)
        elif node.op == "avg_pool2d" and node.outputs[0] in quants:
            continue  # may be finer than its input (unstated_widths.py)
        elif node.op in SAME_SCALE_OPS and source is not None:
            quants[node.outputs[0]] = source
        elif node.op in ("relu", "relu6") and source is not None:
            quants.setdefault(node.outputs[0], source)
    return quants


def _integers(
    graph: Graph, node: Node, source: Quantization, scales: Mapping[str, np.ndarray], bias_dtype: str
) -> list[Tensor]:
    """Integer weights and bias of a layer."""
    weights = graph.tensor(node.inputs[1])
    axis = WEIGHTED[node.op]
    channels = weights.dims[axis]
    scale = scales.get(weights.name)
    if scale is None:
        # Normalization was folded into the stored integers: they are still multiples of one number a channel.
        scale = common_steps(np.asarray(weights.data, np.float64), axis)
    if scale is None and weights.dims[:3] == (1, 1, 1):
        # One weight a channel (normalization left in float by the quantizer): 127 steps of its own scale are exact.
        magnitude = np.abs(np.asarray(weights.data, np.float64)).reshape(-1)
        scale = np.where(magnitude > 0, magnitude, 1.0) / 127
    if scale is None or scale.size not in (1, channels):
        raise UnsupportedOpError(f"{node.op} with float weights in a QDQ model", where=node.name, mend=MEND)
    vector = np.broadcast_to(np.asarray(scale, np.float32), (channels,))
    shape = [1] * len(weights.dims)
    shape[axis] = channels
    values = np.rint(np.asarray(weights.data, np.float64) / vector.reshape(shape).astype(np.float64))
    integers = np.clip(values, -128, 127).astype(np.int8)
    quant = Quantization(vector.copy(), np.zeros(channels, np.int64), axis)
    constants = [Tensor(f"{weights.name}/int8", weights.shape, "int8", quant, integers)]
    if len(node.inputs) > 2 and node.inputs[2]:
        bias = graph.tensor(node.inputs[2])
        bias_scale = (np.float32(source.scalar()[0]) * vector).astype(np.float32)
        rounded = np.rint(np.asarray(bias.data, np.float64) / bias_scale.astype(np.float64))
        most = 2 ** (31 if bias_dtype == "int32" else 47)
        limited = np.clip(rounded, -most, most - 1).astype(bias_dtype)
        bias_quant = Quantization(bias_scale, np.zeros(channels, np.int64), 0)
        constants.append(Tensor(f"{bias.name}/{node.name}/{bias_dtype}", bias.shape, bias_dtype, bias_quant, limited))
    return constants
