"""What TFLite's kernels refuse before they compute: numbers of inputs, activations, element types, biases, scales.

A file that no runtime takes has no count: whatever would be counted of it, nobody computes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.budget.bodies import bodies
from edgekit.budget.rules.names import op_names
from edgekit.budget.shape_checks import broadcasts
from edgekit.budget.tally import Reason
from edgekit.graph.graph import Graph, Node
from edgekit.graph.readers.tflite_control import STATE_KEY
from edgekit.graph.tensor import Tensor

_WEIGHTED: Mapping[str, int] = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""Layers with weights and a bias, and the axis of their output channels."""

_BIASES: Mapping[str, tuple[str, ...]] = {
    "float32": ("float32",), "int8": ("int32",), "uint8": ("int32",), "int16": ("int32", "int64"),
}  # fmt: skip
"""Element type of the activations to those of a bias."""

_MADE: Mapping[tuple[str, str], tuple[str, ...]] = {
    **{(op, kind): (kind,) for op in ("CONV_2D", "DEPTHWISE_CONV_2D") for kind in _BIASES},
    ("FULLY_CONNECTED", "float32"): ("float32",),
    **{("FULLY_CONNECTED", kind): ("int8", "uint8", "int16") for kind in ("int8", "uint8", "int16")},
}  # fmt: skip
"""Layer and element type of its input to those that its kernel makes (their files in LiteRT's kernels)."""

_BESIDE_FLOAT = ("float32", "int8", "uint8", "int4")
"""Element types of a dense layer's weights on float activations (fully_connected.cc:303, and its hybrid kernels)."""

_ACTIVATIONS: Mapping[str, tuple[str, ...]] = {
    "CONCATENATION": ("NONE",), "FULLY_CONNECTED": ("NONE", "RELU", "RELU_N1_TO_1", "RELU6"),
    "L2_NORMALIZATION": ("NONE",),
}  # fmt: skip
"""Operators whose kernels refuse an activation of the schema, to those that they take."""


def layer_reasons(graph: Graph) -> tuple[Reason, ...]:
    """One reason for every TFLite operator whose inputs, activation, bias or quantization its kernels refuse."""
    if graph.dialect != "tflite":
        return ()
    mend = "convert the model again"
    faults = [
        (
            node,
            _arity_fault(node)
            or _activation_fault(node)
            or _call_fault(graph, node)
            or _type_fault(graph, node)
            or _layer_fault(graph, node),
        )
        for node in graph.nodes
    ]
    reshapes = [node for node, fault in faults if node.op == "RESHAPE" and not fault]
    faults += [(node, _target_fault(graph, node)) for node in reshapes]
    return tuple(Reason(f"{node.op} {fault}", node.name, mend) for node, fault in faults if fault)


def _arity_fault(node: Node) -> str:
    """What is wrong with the number of inputs, "" for nothing."""
    if node.op not in ARITY:
        return ""
    least, most = ARITY[node.op]
    needed = least if node.op in _WEIGHTED or node.op in _OPTIONAL else most
    if not least <= len(node.inputs) <= most or "" in node.inputs[:needed]:
        return f"has {len([name for name in node.inputs if name])} inputs"
    made = len(node.outputs)
    if node.op not in _MANY_OUTPUTS and made != OUTPUTS.get(node.op, 1):
        return f"has {made} outputs"
    return ""


def _call_fault(graph: Graph, node: Node) -> str:
    """What is wrong with the values that an operator hands to the graphs that it runs, "" for nothing."""
    given = [tensor for tensor in graph.node_inputs(node) if tensor is not None][1 if node.op == "IF" else 0 :]
    for name, body in bodies(node).items():
        state = len(body.metadata.get(STATE_KEY, "").splitlines())
        wanted = [body.tensor(key) for key in body.inputs][: len(body.inputs) - state]
        if node.op != "CALL_ONCE" and [t.dtype for t in given] != [t.dtype for t in wanted]:
            return f"hands other element types to its {name} than that takes"
        pairs = [(a, b) for a, b in zip(given, wanted, strict=False) if a.static and b.static]
        if any(a.dims != b.dims for a, b in pairs):
            return f"hands other shapes to its {name} than that takes"
        if node.op == "WHILE" and name == "condition" and len(body.outputs) != 1:
            return f"has a condition of {len(body.outputs)} values"
        made = [body.tensor(key).dtype for key in body.outputs]
        if node.op == "WHILE" and name == "body" and made != [tensor.dtype for tensor in wanted]:
            return "has a body that hands on other element types than it takes"
    return ""


def _activation_fault(node: Node) -> str:
    """What is wrong with the activation in an operator, "" for nothing."""
    name = node.attrs.get("fused_activation_function", "NONE")
    return "" if name in _ACTIVATIONS.get(node.op, (name,)) else f"cannot have the activation {name}"


def _type_fault(graph: Graph, node: Node) -> str:
    """What is wrong with the element types of an operator on two values or on a resource, "" for nothing."""
    if node.op in _ON_RESOURCES and node.inputs and graph.tensor(node.inputs[0]).dtype != "resource":
        return "works on no resource"
    if not broadcasts(node.op) or node.op == "POW":
        return ""
    kinds = [tensor.dtype for tensor in graph.node_inputs(node) if tensor is not None]
    return f"takes {' and '.join(kinds)}" if len(set(kinds)) > 1 else ""


def _target_fault(graph: Graph, node: Node) -> str:
    """What is wrong with the target of a RESHAPE, "" for nothing: an int32 input, else the option (reshape.cc)."""
    target = graph.tensor(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else None
    output = graph.tensor(node.outputs[0])
    if not output.static:
        return ""
    if target is None or target.dtype != "int32":
        stated = [int(value) for value in node.attrs.get("new_shape", ())]
        wanted = [] if stated == [0] else stated  # how old files write the shape of one number
    elif target.data is None:
        return ""
    else:
        wanted = [int(value) for value in target.data.reshape(-1)]
    if len(wanted) != len(output.dims) or any(a not in (-1, b) for a, b in zip(wanted, output.dims, strict=False)):
        return f"is to make {wanted} and states {list(output.dims)}"
    return ""


def _layer_fault(graph: Graph, node: Node) -> str:
    """What is wrong with a layer, "" for nothing."""
    data, weights, bias = [*graph.node_inputs(node), None, None, None][:3]
    if node.op not in _WEIGHTED or data is None or weights is None:
        return ""
    if data.dtype not in _BIASES:
        return f"has {data.dtype} activations"
    made = graph.tensor(node.outputs[0]).dtype
    if made not in _MADE.get((node.op, data.dtype), (made,)):
        return f"makes {made} of {data.dtype}"
    if node.op == "FULLY_CONNECTED" and data.dtype == "float32" and weights.dtype not in _BESIDE_FLOAT:
        return f"has {weights.dtype} weights on float32 activations"
    if bias is not None and bias.dtype not in _BIASES.get(data.dtype, (bias.dtype,)):
        return f"has a {bias.dtype} bias on {data.dtype} activations"
    if not weights.static or len(weights.dims) <= _WEIGHTED[node.op]:
        return ""
    if not weights.elements or (data.static and not data.elements):
        return "has no weights or no input"
    outputs = weights.dims[_WEIGHTED[node.op]]
    if node.op == "CONV_2D" and _splits_groups(data, weights):
        return f"has groups that {data.dims[3]} channels or {outputs} filters do not divide into"
    if bias is not None and bias.static and bias.elements != outputs:
        return f"has {bias.elements} biases for {outputs} outputs"
    if data.dtype not in ("int8", "int16"):
        return ""
    if weights.quant is None or data.quant is None:
        return "computes on integers without their scales"
    if weights.dtype == "int8" and weights.quant.zero_point.any():
        return "has int8 weights with a zero point"
    if bias is None or bias.quant is None:
        return ""
    if bias.quant.zero_point.any():
        return "has a bias with a zero point"
    wanted = data.quant.scale.astype(np.float64)[0] * weights.quant.scale.astype(np.float64)
    given = bias.quant.scale.astype(np.float64)
    if wanted.size not in (1, given.size) or np.any(np.abs(wanted - given) > 0.02 * np.maximum(wanted, given)):
        return "has a bias whose scale is not input scale × weight scale"
    return ""


def _splits_groups(data: Tensor, weights: Tensor) -> bool:
    """Channels of the input, over those of a filter, are no whole groups, or the filters no whole number a group."""
    if not data.static or len(data.dims) != 4 or len(weights.dims) != 4:
        return False
    groups, rest = divmod(data.dims[3], weights.dims[3])
    return bool(rest or not groups or weights.dims[0] % groups)


_ONE, _TWO = (1, 1), (2, 2)
ARITY: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(
        op_names(
            """
            ABS CAST CEIL COS DEPTH_TO_SPACE DEQUANTIZE ELU EXP FAKE_QUANT FLOOR GELU HARD_SWISH L2_NORMALIZATION
            L2_POOL_2D LEAKY_RELU LOCAL_RESPONSE_NORMALIZATION LOG LOGICAL_NOT LOGISTIC LOG_SOFTMAX MAX_POOL_2D NEG
            AVERAGE_POOL_2D QUANTIZE RANK RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SHAPE SIGN SIN SOFTMAX
            SPACE_TO_DEPTH SQRT SQUARE SQUEEZE TANH UNPACK ZEROS_LIKE
            """
        ),
        _ONE,
    ),
    **dict.fromkeys(
        op_names(
            """
            ADD ARG_MAX ARG_MIN BATCH_MATMUL BROADCAST_TO CUMSUM DIV EMBEDDING_LOOKUP EQUAL EXPAND_DIMS FILL FLOOR_DIV
            FLOOR_MOD GATHER GATHER_ND GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR MAXIMUM MEAN MINIMUM
            MIRROR_PAD MUL NOT_EQUAL PAD POW PRELU REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD
            RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_SEQUENCE REVERSE_V2 SPLIT SQUARED_DIFFERENCE SUB SUM TILE
            TOPK_V2 TRANSPOSE
            """
        ),
        _TWO,
    ),
    **dict.fromkeys(
        ("BATCH_TO_SPACE_ND", "PADV2", "RANGE", "SELECT", "SELECT_V2", "SLICE", "SPACE_TO_BATCH_ND", "SPLIT_V"), (3, 3)
    ),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D", "FULLY_CONNECTED"), (2, 3)),
    "RESHAPE": (1, 2), "STRIDED_SLICE": (4, 4), "ONE_HOT": (4, 4), "SVDF": (3, 5), "TRANSPOSE_CONV": (3, 4),
    "BIDIRECTIONAL_SEQUENCE_RNN": (8, 12),
    "HASHTABLE_LOOKUP": (3, 3), "EMBEDDING_LOOKUP_SPARSE": (5, 5), "LSH_PROJECTION": (2, 3), "SKIP_GRAM": (1, 1),
    "UNIQUE": (1, 1), "WHERE": (1, 3), "SPARSE_TO_DENSE": (4, 4), "SCATTER_ND": (3, 3), "MATRIX_DIAG": (1, 1),
    "MATRIX_SET_DIAG": (2, 2), "CONV_3D_TRANSPOSE": (3, 4), "RNN": (5, 5), "NON_MAX_SUPPRESSION_V4": (5, 5),
    "NON_MAX_SUPPRESSION_V5": (6, 6), "ATAN2": (2, 2), "BITWISE_XOR": (2, 2), "RIGHT_SHIFT": (2, 2),
    "COMPLEX_ABS": (1, 1), "REAL": (1, 1), "IMAG": (1, 1), "RFFT2D": (2, 2), "SEGMENT_SUM": (2, 2), "BUCKETIZE": (1, 1),
    "DENSIFY": (1, 1), "BITCAST": (1, 1), "DYNAMIC_UPDATE_SLICE": (3, 3), "MULTINOMIAL": (2, 2),
    "RANDOM_UNIFORM": (1, 1), "RANDOM_STANDARD_NORMAL": (1, 1),
    **dict.fromkeys((f"UNSORTED_SEGMENT_{kind}" for kind in ("MAX", "MIN", "PROD", "SUM")), (3, 3)),
}  # fmt: skip
"""TFLite operator to the least and the most inputs that its kernels take; those beyond the least may be absent."""

OUTPUTS: Mapping[str, int] = {
    "TOPK_V2": 2, "HASHTABLE_LOOKUP": 2, "UNIQUE": 2, "NON_MAX_SUPPRESSION_V4": 2, "NON_MAX_SUPPRESSION_V5": 3,
}  # fmt: skip
"""Outputs of the operators in ARITY that have not one."""
_OPTIONAL = frozenset({"SVDF", "TRANSPOSE_CONV", "CONV_3D_TRANSPOSE", "BIDIRECTIONAL_SEQUENCE_RNN"})
"""Operators beside the weighted ones whose later inputs may be absent."""
_ON_RESOURCES = op_names("HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE READ_VARIABLE ASSIGN_VARIABLE")
_MANY_OUTPUTS = frozenset({"SPLIT", "SPLIT_V", "UNPACK"})
