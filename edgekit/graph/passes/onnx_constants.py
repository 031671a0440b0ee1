"""Evaluation of ONNX operators on constants: the shape arithmetic and weight transformations that exporters leave.

What torch's two exporters (TorchScript and dynamo, opset 13 to 20) put between Shape and Reshape, and what quantizers
put between stored weights and the layer. Results are bounded, so that a small file cannot ask for a large constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node

MAX_CREATED = 2**20
"""Elements that a result may have beyond those of its operands (a creation, a broadcast, a repetition)."""

Operands = Sequence[np.ndarray | None]
Evaluator = Callable[[Operands, Mapping[str, Any]], np.ndarray]


def evaluate(node: Node, operands: Operands) -> np.ndarray | None:
    """The value of ``node`` on constant operands (None: absent), or None when the operator is not evaluated.

    Raises:
        BadFileError: operands that do not fit the operator, or a result beyond MAX_CREATED.
    """
    evaluator = _EVALUATORS.get(node.op)
    if evaluator is None:
        return None
    try:
        _bounded([_result_size(node.op, operands, node.attrs)], sum(item.size for item in operands if item is not None))
        with np.errstate(all="ignore"):
            return np.asarray(evaluator(operands, node.attrs))
    except (ValueError, IndexError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise BadFileError(f"{node.op} does not fit its constants ({error})", where=node.name) from error


def _array(operands: Operands, position: int) -> np.ndarray:
    value = operands[position] if position < len(operands) else None
    if value is None:
        raise ValueError(f"input {position} is absent")
    return value


def _ints(operands: Operands, position: int, attrs: Mapping[str, Any], key: str) -> tuple[int, ...] | None:
    if key in attrs:
        return tuple(attrs[key])
    value = operands[position] if position < len(operands) else None
    return None if value is None else tuple(int(item) for item in value.reshape(-1))


BROADCASTING = frozenset(
    {"Add", "Sub", "Mul", "Div", "Mod", "Equal", "Greater", "Less", "And", "Or", "Min", "Max", "Where"}
)
"""Operators whose result has the operands' common shape."""


def _result_size(op: str, operands: Operands, attrs: Mapping[str, Any]) -> int:
    """Elements of the result where it may be longer than all operands together; 0 for the other operators."""
    present = [item for item in operands if item is not None]
    if op in BROADCASTING:
        return prod(np.broadcast_shapes(*(item.shape for item in present)))
    if op == "Gather" and len(present) == 2 and present[0].ndim:
        result: int = present[0].size // max(present[0].shape[attrs.get("axis", 0)], 1) * present[1].size
        return result
    return 0


def _bounded(dims: Sequence[int], allowance: int = 0) -> tuple[int, ...]:
    if min(dims, default=0) < 0 or prod(dims) > MAX_CREATED + allowance or len(dims) > 8:
        raise ValueError(f"a constant of shape {tuple(dims)} is too large")
    return tuple(dims)


def _slice(operands: Operands, attrs: Mapping[str, Any]) -> np.ndarray:
    x = _array(operands, 0)
    starts, ends = _ints(operands, 1, attrs, "starts"), _ints(operands, 2, attrs, "ends")
    if starts is None or ends is None:
        raise ValueError("no starts or ends")
    axes = _ints(operands, 3, attrs, "axes") or tuple(range(len(starts)))
    steps = _ints(operands, 4, attrs, "steps") or (1,) * len(starts)
    index: list[slice] = [slice(None)] * x.ndim
    for axis, first, last, step in zip(axes, starts, ends, steps, strict=True):
        # An end before the first element of a backward slice is written as a very negative number.
        index[axis] = slice(first, None if step < 0 and last < -x.shape[axis] else last, step)
    return x[tuple(index)]


def _reshape(operands: Operands, attrs: Mapping[str, Any]) -> np.ndarray:
    x, target = _array(operands, 0), _ints(operands, 1, attrs, "shape") or ()
    dims = [x.shape[i] if dim == 0 and not attrs.get("allowzero", 0) else dim for i, dim in enumerate(target)]
    return x.reshape(dims)


def _squeeze(operands: Operands, attrs: Mapping[str, Any]) -> np.ndarray:
    return np.squeeze(_array(operands, 0), _ints(operands, 1, attrs, "axes"))


def _unsqueeze(operands: Operands, attrs: Mapping[str, Any]) -> np.ndarray:
    return np.expand_dims(_array(operands, 0), _ints(operands, 1, attrs, "axes") or ())


def _flatten(operands: Operands, attrs: Mapping[str, Any]) -> np.ndarray:
    x, axis = _array(operands, 0), attrs.get("axis", 1)
    return x.reshape(prod(x.shape[:axis]), -1)


def _range(operands: Operands, attrs: Mapping[str, Any]) -> np.ndarray:
    start, limit, step = (_array(operands, i).reshape(-1)[0] for i in range(3))
    _bounded([max(0, int(np.ceil((float(limit) - float(start)) / float(step))))])
    return np.arange(start, limit, step, dtype=_array(operands, 0).dtype)


def _constant_of_shape(operands: Operands, attrs: Mapping[str, Any]) -> np.ndarray:
    value = attrs.get("value", np.zeros(1, np.float32))
    return np.full(_bounded([int(dim) for dim in _array(operands, 0)]), value.reshape(-1)[0], dtype=value.dtype)


def _expand(operands: Operands, attrs: Mapping[str, Any]) -> np.ndarray:
    x, target = _array(operands, 0), [int(dim) for dim in _array(operands, 1)]
    return np.broadcast_to(x, _bounded(np.broadcast_shapes(x.shape, tuple(target))))


def _divide(operands: Operands, attrs: Mapping[str, Any]) -> np.ndarray:
    x, y = _array(operands, 0), _array(operands, 1)
    if x.dtype.kind not in "iu":
        result: np.ndarray = x / y
        return result
    if np.any(y == 0):
        raise ValueError("division by 0")
    quotient = np.abs(x) // np.abs(y)
    return np.asarray(np.where((x < 0) != (y < 0), -quotient, quotient), x.dtype)


def _cast(operands: Operands, attrs: Mapping[str, Any]) -> np.ndarray:
    x = _array(operands, 0)
    kinds = {1: np.float32, 2: np.uint8, 3: np.int8, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}
    return x.astype(kinds[attrs["to"]])


def _binary(function: Callable[..., Any]) -> Evaluator:
    return lambda operands, attrs: function(_array(operands, 0), _array(operands, 1))


def _unary(function: Callable[..., Any]) -> Evaluator:
    return lambda operands, attrs: function(_array(operands, 0))


def _reduce(function: Callable[..., Any]) -> Evaluator:
    def evaluator(operands: Operands, attrs: Mapping[str, Any]) -> np.ndarray:
        axes = _ints(operands, 1, attrs, "axes")
        result: np.ndarray = function(_array(operands, 0), axis=axes, keepdims=bool(attrs.get("keepdims", 1)))
        return result

    return evaluator


_EVALUATORS: dict[str, Evaluator] = {
    "Identity": _unary(np.asarray),
    "Shape": lambda o, a: np.array(_array(o, 0).shape[a.get("start", 0) : a.get("end", None)], np.int64),
    "Size": _unary(lambda x: np.array(x.size, np.int64)),
    "Gather": lambda o, a: np.take(_array(o, 0), _array(o, 1), axis=a.get("axis", 0)),
    "Concat": lambda o, a: np.concatenate([_array(o, i) for i in range(len(o))], axis=a["axis"]),
    "Slice": _slice,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Flatten": _flatten,
    "Transpose": lambda o, a: np.transpose(_array(o, 0), a.get("perm")),
    "Range": _range,
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "Cast": _cast,
    "CastLike": lambda o, a: _array(o, 0).astype(_array(o, 1).dtype),
    "Add": _binary(np.add),
    "Sub": _binary(np.subtract),
    "Mul": _binary(np.multiply),
    "Div": _divide,
    "Mod": _binary(np.mod),
    "Equal": _binary(np.equal),
    "Greater": _binary(np.greater),
    "Less": _binary(np.less),
    "And": _binary(np.logical_and),
    "Or": _binary(np.logical_or),
    "Not": _unary(np.logical_not),
    "Neg": _unary(np.negative),
    "Abs": _unary(np.abs),
    "Sqrt": _unary(np.sqrt),
    "Floor": _unary(np.floor),
    "Ceil": _unary(np.ceil),
    "Min": lambda o, a: np.minimum.reduce([_array(o, i) for i in range(len(o))]),
    "Max": lambda o, a: np.maximum.reduce([_array(o, i) for i in range(len(o))]),
    "Where": lambda o, a: np.where(_array(o, 0), _array(o, 1), _array(o, 2)),
    "ReduceProd": _reduce(np.prod),
    "ReduceSum": _reduce(np.sum),
}
