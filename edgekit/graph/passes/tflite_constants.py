"""Evaluation of the TFLite operators that only compute shapes (SHAPE, STRIDED_SLICE, PACK, …) on constants.

Converters emit such chains in front of RESHAPE for models with a dynamic batch; with the batch bound they are numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Node

MAX_FOLDED = 4096
"""Elements of a value that is folded: shape arithmetic is short, anything longer is real work or an attack."""

Evaluator = Callable[[Sequence[np.ndarray], Mapping[str, Any]], np.ndarray]


def evaluate(node: Node, values: Sequence[np.ndarray]) -> np.ndarray | None:
    """The value of ``node`` on constants, or None when it is no shape operator.

    Raises:
        UnsupportedOpError: a form of a shape operator that is not evaluated, or values that do not fit it.
    """
    evaluator = _EVALUATORS.get(node.op)
    if evaluator is None or any(value.size > MAX_FOLDED for value in values):
        return None
    try:
        return evaluator(values, node.attrs)
    except (ValueError, IndexError, TypeError, KeyError, ArithmeticError) as error:
        raise UnsupportedOpError(
            f"{node.op} on constants cannot be evaluated ({error})",
            where=node.name,
            mend="export the model with fixed shapes",
        ) from error


def _strided_slice(values: Sequence[np.ndarray], attrs: Mapping[str, Any]) -> np.ndarray:
    x, begin, end, strides = values
    if any(attrs.get(mask, 0) for mask in ("ellipsis_mask", "new_axis_mask")):
        raise ValueError("ellipsis or new axes")
    index: list[slice | int] = []
    for axis, (first, last, step) in enumerate(zip(begin.tolist(), end.tolist(), strides.tolist(), strict=True)):
        if attrs.get("shrink_axis_mask", 0) >> axis & 1:
            index.append(first)
            continue
        index.append(
            slice(
                None if attrs.get("begin_mask", 0) >> axis & 1 else first,
                None if attrs.get("end_mask", 0) >> axis & 1 else last,
                step,
            )
        )
    return np.asarray(x[tuple(index)])


_EVALUATORS: dict[str, Evaluator] = {
    "STRIDED_SLICE": _strided_slice,
    "PACK": lambda values, attrs: np.stack(list(values), axis=attrs.get("axis", 0)),
    "CONCATENATION": lambda values, attrs: np.concatenate(list(values), axis=attrs.get("axis", 0)),
    "GATHER": lambda values, attrs: np.take(values[0], values[1], axis=attrs.get("axis", 0)),
    "MUL": lambda values, attrs: np.asarray(values[0] * values[1]),
    "ADD": lambda values, attrs: np.asarray(values[0] + values[1]),
    "REDUCE_PROD": lambda values, attrs: np.prod(values[0], axis=tuple(np.atleast_1d(values[1]).tolist())),
}
