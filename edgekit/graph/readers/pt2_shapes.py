"""Shapes in an exported program held against what its operators make, where that is easily said.

The file states the shape of every value. A count must not rest on statements that contradict each other, so elementwise
operators, views, joins and parts are checked here; convolutions and products are checked by their counting rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Graph

Dims = tuple[int, ...]


def check_shapes(graph: Graph) -> None:
    """Check every node whose tensors are static and whose operator is in :data:`CHECKS`.

    Raises:
        BadFileError: an output that its operator does not make.
    """
    for node in graph.nodes:
        check = CHECKS.get(node.op.removeprefix("aten.").removesuffix("_"))
        inputs = [graph.tensor(name) for name in node.inputs if name]
        outputs = graph.node_outputs(node)
        if check is None or not inputs or not outputs or not all(t.static for t in (*inputs, *outputs)):
            continue
        if not check([tensor.dims for tensor in inputs], [tensor.dims for tensor in outputs]):
            found = " and ".join(str(tensor.dims) for tensor in inputs)
            raise BadFileError(f"{node.op} does not make {outputs[0].dims} of {found}", where=node.name)


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
    return sum(prod(dims) for dims in outputs) == prod(inputs[0])


def _wider(inputs: list[Dims], outputs: list[Dims]) -> bool:
    """At least as many values as the input has: expand, repeat, pad."""
    return prod(outputs[0]) >= prod(inputs[0])


_SAME = """
    relu relu6 hardtanh clamp sigmoid tanh silu gelu elu selu celu leaky_relu hardswish hardsigmoid mish softplus
    softsign exp log sqrt rsqrt abs neg reciprocal sin cos erf round floor ceil dropout alpha_dropout softmax
    log_softmax _softmax _log_softmax batch_norm layer_norm group_norm instance_norm rms_norm clone contiguous detach
    to _to_copy prelu cumsum flip roll logical_not bitwise_not lift_fresh_copy
"""
_PAIRS = "add sub mul div pow maximum minimum atan2 eq ne lt le gt ge where logical_and logical_or remainder fmod"
_VIEWS = """
    view reshape _unsafe_view flatten unflatten permute transpose t squeeze unsqueeze movedim swapaxes numpy_T
    pixel_shuffle pixel_unshuffle channel_shuffle
"""

CHECKS: Mapping[str, Callable[[list[Dims], list[Dims]], bool]] = {
    **dict.fromkeys(_SAME.split(), _same),
    **dict.fromkeys(_PAIRS.split(), _broadcast),
    **dict.fromkeys(_VIEWS.split(), _as_many),
    **dict.fromkeys(("cat", "stack", "concat"), _joined),
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "unbind"), _parts),
    **dict.fromkeys(("expand", "repeat", "constant_pad_nd"), _wider),
}
"""Operator to the check of its inputs' and outputs' dimensions."""
