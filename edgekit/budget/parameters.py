"""Which stored constants are learned weights, which are buffers, which are neither.

A constant is what its readers do with it. Readers that only place values (Transpose, DequantizeLinear of a weight, …)
hand on the role of their own output, so that a weight counts once, in the type in which the file stores it.

Weights are floats with at least one axis, quantized integers, and the integer biases of integer layers. A float without
an axis (an ε, a √d, a clip limit) is a number of the algorithm and no weight. Tables that a model computes with but
never learned (a window, a mel matrix) look like weights in a file and are counted as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from edgekit.budget.rules.names import op_names
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import BUFFERS_KEY
from edgekit.graph.tensor import Tensor


class Role(IntEnum):
    """What a constant is for; the higher wins where readers disagree."""

    STRUCTURE = 0
    """shapes, axes, pads, limits: part of the operator"""
    QUANTIZATION = 1
    """scales and zero points"""
    BUFFER = 2
    """stored numbers that are not learned by gradient: running statistics, windows, masks, initial states"""
    WEIGHT = 3
    """learned, if the element type can be"""
    INTEGER_WEIGHT = 4
    """learned, whatever the element type"""


@dataclass(frozen=True)
class Stored:
    """One constant of the file.

    Attributes:
        name: its tensor.
        role: what it is for.
        elements, nbytes: as stored.
        layer: the node that uses it (the first, when several do).
    """

    name: str
    role: Role
    elements: int
    nbytes: int
    layer: str


_ROLES: dict[str, dict[str, dict[Role, tuple[int, ...]]]] = {
    "onnx": {
        "BatchNormalization": {Role.BUFFER: (3, 4)},
        "STFT": {Role.BUFFER: (2,)},
        "RotaryEmbedding": {Role.BUFFER: (1, 2)},
        "Attention": {Role.BUFFER: (3,)},
        "LSTM": {Role.BUFFER: (5, 6)},
        "GRU": {Role.BUFFER: (5,)},
        "RNN": {Role.BUFFER: (5,)},
        "DequantizeLinear": {Role.QUANTIZATION: (1, 2)},
        "QuantizeLinear": {Role.QUANTIZATION: (1, 2)},
        "QLinearConv": {Role.QUANTIZATION: (1, 2, 4, 5, 6, 7), Role.INTEGER_WEIGHT: (3, 8)},
        "QLinearMatMul": {Role.QUANTIZATION: (1, 2, 4, 5, 6, 7), Role.INTEGER_WEIGHT: (0, 3)},
        "ConvInteger": {Role.QUANTIZATION: (2, 3), Role.INTEGER_WEIGHT: (1,)},
        "MatMulInteger": {Role.QUANTIZATION: (2, 3), Role.INTEGER_WEIGHT: (0, 1)},
        "Resize": {Role.STRUCTURE: (1, 2, 3)},
        "Upsample": {Role.STRUCTURE: (1,)},
        "OneHot": {Role.STRUCTURE: (1, 2)},
        "NonMaxSuppression": {Role.STRUCTURE: (2, 3, 4)},
        "Pow": {Role.STRUCTURE: (1,)},
        "Clip": {Role.STRUCTURE: (1, 2)},
        "Dropout": {Role.STRUCTURE: (1, 2)},
        "Pad": {Role.STRUCTURE: (1, 2, 3)},
        "Shape": {Role.STRUCTURE: (0,)},
        "Size": {Role.STRUCTURE: (0,)},
    },
    "tflite": {
        "CONV_2D": {Role.INTEGER_WEIGHT: (1, 2)},
        "DEPTHWISE_CONV_2D": {Role.INTEGER_WEIGHT: (1, 2)},
        "CONV_3D": {Role.INTEGER_WEIGHT: (1, 2)},
        "FULLY_CONNECTED": {Role.INTEGER_WEIGHT: (1, 2)},
        "TRANSPOSE_CONV": {Role.STRUCTURE: (0,), Role.INTEGER_WEIGHT: (1, 3)},
        "CONV_3D_TRANSPOSE": {Role.STRUCTURE: (0,), Role.INTEGER_WEIGHT: (1, 3)},
        "SVDF": {Role.INTEGER_WEIGHT: (1, 2, 3)},
        "UNIDIRECTIONAL_SEQUENCE_LSTM": {Role.INTEGER_WEIGHT: (*range(1, 9), *range(12, 16))},
        "SHAPE": {Role.STRUCTURE: (0,)},
        "RANK": {Role.STRUCTURE: (0,)},
    },
    "aten": {
        "aten.batch_norm": {Role.BUFFER: (3, 4)},
        "aten._native_batch_norm_legit_no_training": {Role.BUFFER: (3, 4)},
        "aten.sym_size": {Role.STRUCTURE: (0,)},
        "aten.pow": {Role.STRUCTURE: (1,)},
    },
    "edge": {
        "conv2d": {Role.INTEGER_WEIGHT: (1, 2)},
        "depthwise_conv2d": {Role.INTEGER_WEIGHT: (1, 2)},
        "fully_connected": {Role.INTEGER_WEIGHT: (1, 2)},
        "svdf": {Role.INTEGER_WEIGHT: (1, 2, 3)},
        "lstm": {Role.INTEGER_WEIGHT: tuple(range(1, 13))},
        "lookup": {Role.BUFFER: (1,)},
    },
}
"""Dialect, operator and role to the inputs that have it; all others are weights if their element type can be."""

_CARRIERS = op_names(
    """
    Identity Cast Reshape Flatten Transpose Squeeze Unsqueeze Expand Tile Slice Split Concat Gather
    QuantizeLinear DequantizeLinear RESHAPE TRANSPOSE CAST SQUEEZE EXPAND_DIMS CONCATENATION PACK SPLIT SLICE
    STRIDED_SLICE DENSIFY QUANTIZE DEQUANTIZE aten.permute aten.t aten.transpose aten.view aten.reshape aten.unsqueeze
    aten.squeeze aten.expand aten.flatten aten.contiguous aten.clone aten.to aten._to_copy aten.select aten.slice
    aten.lift_fresh_copy aten.detach aten.alias
    """
)
_DEQUANTIZERS = frozenset({"DequantizeLinear", "DEQUANTIZE", "dequantize"})
_RANDOM = op_names(
    """
    Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike MULTINOMIAL
    RANDOM_STANDARD_NORMAL RANDOM_UNIFORM STABLEHLO_RNG_BIT_GENERATOR READ_VARIABLE VAR_HANDLE
    """
)
_SHAPES = frozenset({"Shape", "Size", "SHAPE", "RANK"})
_SMALL_INTEGERS = frozenset({"int4", "int8", "uint8", "int16", "uint16"})
_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64", "complex64"})


def constant_tensors(graph: Graph) -> frozenset[str]:
    """Names of all tensors whose value follows from the file alone: weights, static shapes, what they make."""
    known = {name for name, tensor in graph.tensors.items() if tensor.constant}
    for node in graph.nodes:
        inputs = [name for name in node.inputs if name]
        if node.op in _SHAPES and inputs:
            fixed = graph.tensor(inputs[0]).static
        else:
            fixed = node.op not in _RANDOM and all(name in known for name in inputs)
        if fixed and (inputs or node.op == "Constant"):
            known.update(name for name in node.outputs if name)
    return frozenset(known)


def stored_constants(graph: Graph, constants: frozenset[str]) -> tuple[Stored, ...]:
    """Every constant that a node reads, with its role, in the order of first use.

    Raises:
        UnknownShapeError: a constant without a known shape.
    """
    roles, users = _roles(graph, constants)
    buffers = frozenset(graph.metadata.get(BUFFERS_KEY, "").split("\n")) if graph.dialect == "aten" else frozenset()
    roots = {name for name, tensor in graph.tensors.items() if tensor.constant}
    roots |= {name for node in graph.nodes if node.op == "Constant" for name in node.outputs if name}
    found = []
    for name in roles:
        if name in roots:
            tensor = graph.tensor(name)
            role = Role.BUFFER if name in buffers else _by_type(roles[name], tensor)
            found.append(Stored(name, role, tensor.elements, tensor.nbytes, users[name]))
    order = {node.name: index for index, node in enumerate(graph.nodes)}
    return tuple(sorted(found, key=lambda stored: order[stored.layer]))


def _roles(graph: Graph, constants: frozenset[str]) -> tuple[dict[str, Role], dict[str, str]]:
    """Role of every constant tensor from its readers, last reader first, and the node that finally uses it."""
    roles: dict[str, Role] = {}
    users: dict[str, str] = {}
    for node in reversed(graph.nodes):
        for slot, name in enumerate(node.inputs):
            if name in constants:
                role, user = _role(graph, node, slot, roles, users, constants)
                roles[name] = max(role, roles.get(name, Role.STRUCTURE))
                users[name] = user
    return roles, users


def _role(
    graph: Graph,
    node: Node,
    slot: int,
    roles: Mapping[str, Role],
    users: Mapping[str, str],
    constants: frozenset[str],
) -> tuple[Role, str]:
    for role, slots in _ROLES[graph.dialect].get(node.op, {}).items():
        if slot in slots:
            return role, node.name
    computed_ahead = all(name in constants for name in node.outputs if name)
    if node.op not in _CARRIERS or not computed_ahead:
        return _operand(node, slot, graph, computed_ahead), node.name
    followers = [name for name in node.outputs if name in roles]
    if not followers:  # the value leaves the graph, or nothing reads it
        return Role.WEIGHT, node.name
    strongest = max(followers, key=lambda name: roles[name])
    role = roles[strongest]
    if node.op in _DEQUANTIZERS and role is Role.WEIGHT:
        role = Role.INTEGER_WEIGHT
    return role, users[strongest]


def _operand(node: Node, slot: int, graph: Graph, computed_ahead: bool) -> Role:
    """A constant that meets an activation is a weight; a single number in arithmetic among constants is not.

    A table with one number an entry is that of a function (an activation of an integer model), none that was learned:
    an embedding has a row an entry.
    """
    if node.op == "GATHER" and slot == 0 and len(graph.tensor(node.inputs[0]).shape) == 1:
        return Role.BUFFER
    single = graph.tensor(node.inputs[slot]).elements == 1
    return Role.STRUCTURE if computed_ahead and single else Role.WEIGHT


def _by_type(role: Role, tensor: Tensor) -> Role:
    """A WEIGHT whose element type or rank no weight has is part of the operator."""
    if role is not Role.WEIGHT:
        return role
    learned = (tensor.dtype in _FLOATS and len(tensor.shape) > 0) or tensor.dtype in _SMALL_INTEGERS
    return Role.WEIGHT if learned or tensor.quant is not None else Role.STRUCTURE
