"""Shapes that a file states held against what its operators make, where that is easily said.

TFLite files and exported programs state the shape of every value; ONNX shapes are inferred by the reader. A count must
not rest on statements that contradict each other, so elementwise operators, views, joins, parts and dense layers are
checked here. Convolutions and products of two activations are checked by their counting rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from edgekit.budget.rules.names import op_names
from edgekit.budget.tally import Reason
from edgekit.graph.graph import Graph

Dims = tuple[int, ...]
Check = Callable[[list[Dims], list[Dims]], bool]


def shape_reasons(graph: Graph) -> tuple[Reason, ...]:
    """One reason for every node whose static inputs do not make its static outputs."""
    checks = CHECKS.get(graph.dialect, {})
    found = []
    for node in graph.nodes:
        check = checks.get(node.op)
        inputs = [graph.tensor(name) for name in node.inputs if name]
        outputs = graph.node_outputs(node)
        if check is None or not inputs or not outputs or not all(t.static for t in (*inputs, *outputs)):
            continue
        if not check([tensor.dims for tensor in inputs], [tensor.dims for tensor in outputs]):
            shapes = " and ".join("×".join(map(str, tensor.dims)) or "one number" for tensor in inputs[:3])
            made = "×".join(map(str, outputs[0].dims)) or "one number"
            found.append(Reason(f"{node.op} cannot make {made} of {shapes}", node.name, "export the model again"))
    return tuple(found)


def broadcasts(op: str) -> bool:
    """A TFLite operator takes values of several shapes that are made wide for each other."""
    return CHECKS["tflite"].get(op) is _broadcast


def _same(inputs: list[Dims], outputs: list[Dims]) -> bool:
    return outputs[0] == inputs[0]


def _broadcast(inputs: list[Dims], outputs: list[Dims]) -> bool:
    rank = max(len(dims) for dims in inputs)
    padded = [(1,) * (rank - len(dims)) + dims for dims in inputs]
    made = []
    for sizes in zip(*padded, strict=True):
        wide = {size for size in sizes if size != 1}
        if len(wide) > 1:
            return False
        made.append(wide.pop() if wide else 1)
    return outputs[0] == tuple(made)


def _as_many(inputs: list[Dims], outputs: list[Dims]) -> bool:
    return prod(outputs[0]) == prod(inputs[0])


def _joined(inputs: list[Dims], outputs: list[Dims]) -> bool:
    return prod(outputs[0]) == sum(prod(dims) for dims in inputs)


def _parts(inputs: list[Dims], outputs: list[Dims]) -> bool:
    """TFLite's SPLIT has the axis first; the tensor is the largest input either way."""
    return sum(prod(dims) for dims in outputs) == max(prod(dims) for dims in inputs)


def _wider(inputs: list[Dims], outputs: list[Dims]) -> bool:
    """At least as many values as the input has: expand, repeat, pad."""
    return prod(outputs[0]) >= prod(inputs[0])


def _dense(inputs: list[Dims], outputs: list[Dims]) -> bool:
    """x[…, K] and weights [O, K]: one O for every K."""
    if len(inputs) < 2 or len(inputs[1]) != 2 or not inputs[1][1]:
        return True  # a form that its counting rule decides about
    outer, inner = inputs[1]
    return prod(inputs[0]) % inner == 0 and prod(outputs[0]) == prod(inputs[0]) // inner * outer


def _named(prefix: str, names: str, check: Check) -> dict[str, Check]:
    return {f"{prefix}{name}": check for name in op_names(names)}


_ATEN: Mapping[str, Check] = {
    **_named(
        "aten.",
        """
        relu relu6 hardtanh clamp sigmoid tanh silu gelu elu selu celu leaky_relu hardswish hardsigmoid mish softplus
        softsign exp log sqrt rsqrt abs neg reciprocal sin cos erf round floor ceil dropout alpha_dropout softmax
        log_softmax _softmax _log_softmax batch_norm layer_norm group_norm instance_norm rms_norm clone contiguous
        detach to _to_copy prelu cumsum flip roll logical_not bitwise_not lift_fresh_copy relu_ hardtanh_ hardswish_
        silu_ sigmoid_ tanh_
        """,
        _same,
    ),
    **_named(
        "aten.",
        "add sub mul div pow maximum minimum atan2 eq ne lt le gt ge where logical_and logical_or remainder fmod add_ "
        "mul_",
        _broadcast,
    ),
    **_named(
        "aten.",
        "view reshape _unsafe_view flatten unflatten permute transpose t squeeze unsqueeze movedim swapaxes numpy_T "
        "pixel_shuffle pixel_unshuffle channel_shuffle",
        _as_many,
    ),
    **_named("aten.", "cat stack concat", _joined),
    **_named("aten.", "split split_with_sizes chunk unbind", _parts),
    **_named("aten.", "expand repeat constant_pad_nd", _wider),
    "aten.linear": _dense,
}
_TFLITE: Mapping[str, Check] = {
    **_named(
        "",
        """
        ABS CAST CEIL COS CUMSUM DEQUANTIZE ELU EXP FAKE_QUANT FLOOR GELU HARD_SWISH L2_NORMALIZATION LEAKY_RELU
        LOCAL_RESPONSE_NORMALIZATION LOG LOGICAL_NOT LOGISTIC LOG_SOFTMAX NEG PRELU QUANTIZE RELU RELU6 RELU_0_TO_1
        RELU_N1_TO_1 REVERSE_V2 ROUND RSQRT SIGN SIN SOFTMAX SQRT SQUARE TANH ZEROS_LIKE
        """,
        _same,
    ),
    **_named(
        "",
        """
        ADD DIV EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR MAXIMUM MINIMUM
        MUL NOT_EQUAL POW SQUARED_DIFFERENCE SUB
        """,
        _broadcast,
    ),
    **_named("", "RESHAPE SQUEEZE EXPAND_DIMS TRANSPOSE SPACE_TO_DEPTH DEPTH_TO_SPACE", _as_many),
    **_named("", "CONCATENATION PACK", _joined),
    **_named("", "SPLIT SPLIT_V UNPACK", _parts),
    **_named("", "PAD PADV2 MIRROR_PAD TILE BROADCAST_TO", _wider),
    "FULLY_CONNECTED": _dense,
}
CHECKS: Mapping[str, Mapping[str, Check]] = {"aten": _ATEN, "tflite": _TFLITE}
"""Dialect and operator to the check of its inputs' and outputs' dimensions."""
