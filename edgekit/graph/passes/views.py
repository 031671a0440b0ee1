"""Values during the lowering from ONNX: constants, and activations as views of NHWC tensors.

ONNX activations are NCHW, edge activations NHWC, and between convolution and classifier models flatten, squeeze and
transpose at will. A :class:`View` says for every element of the ONNX tensor where it lies in the edge tensor, so that
all of these operators are index arithmetic and none of them moves data: an operator that needs a layout asks for it,
and only then a reshape is emitted. Where H·W > 1 is flattened, the permutation ends in the next layer's weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

NHWC_OF_NCHW = (0, 2, 3, 1)
Order = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class View:
    """An ONNX activation as a rearrangement of an edge tensor.

    Attributes:
        name: the edge tensor.
        index: int64, of the ONNX tensor's shape: flat position of each element in the edge tensor. Always a
            permutation: every element of the edge tensor appears once.
    """

    name: str
    index: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the ONNX tensor."""
        return self.index.shape

    def like(self, name: str) -> View:
        """The same rearrangement of another tensor of the same shape."""
        return View(name, self.index)

    def moved(self, index: np.ndarray) -> View:
        """The same tensor, rearranged further."""
        return View(self.name, np.ascontiguousarray(index))


def direct(name: str, dims: tuple[int, ...]) -> View:
    """An edge tensor as it is."""
    return View(name, np.arange(prod(dims), dtype=np.int64).reshape(dims))


def permuted(name: str, dims: tuple[int, ...], order: tuple[int, ...]) -> View:
    """The ONNX view of an edge tensor of shape ``dims`` whose axis i is the ONNX axis ``order[i]``."""
    return View(name, np.ascontiguousarray(direct(name, dims).index.transpose(np.argsort(order))))


def in_order(index: np.ndarray) -> bool:
    """Whether elements in row-major order lie one after another."""
    flat = index.reshape(-1)
    return bool(np.array_equal(flat, np.arange(flat.size)))


def transposition(index: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """(dims, perm) such that the tensor, reshaped to dims and transposed by perm, has ``index``'s elements in order.

    None where no such pair with at most 5 axes (TFLM's limit) exists.
    """
    rest = index.reshape(-1)
    digits: list[tuple[int, int]] = []  # (size, step) an axis, outermost first
    while rest.size > 1:
        steps = np.diff(rest)
        other = np.flatnonzero(steps != steps[0])
        run = int(other[0]) + 1 if other.size else rest.size
        if rest.size % run:
            return None
        digits.insert(0, (run, int(steps[0])))
        rest = rest[::run]
    source = sorted(range(len(digits)), key=lambda axis: -digits[axis][1])
    dims = tuple(digits[axis][0] for axis in source)
    perm = tuple(source.index(axis) for axis in range(len(digits)))
    found = np.arange(prod(dims)).reshape(dims).transpose(perm).reshape(-1)
    return (dims, perm) if len(dims) <= 5 and np.array_equal(found, index.reshape(-1)) else None


def with_ones(found: tuple[tuple[int, ...], tuple[int, ...]], dims: tuple[int, ...]) -> tuple[Order, Order]:
    """A :func:`transposition` whose result has the shape ``dims``, if axes of size 1 are all that it lacks."""
    before, perm = found
    missing = sum(dim == 1 for dim in dims)
    if tuple(before[axis] for axis in perm) != tuple(dim for dim in dims if dim != 1) or len(dims) > 5:
        return found
    ones, rest = iter(range(missing)), iter(perm)
    return (1,) * missing + before, tuple(next(ones) if dim == 1 else missing + next(rest) for dim in dims)


def layouts(view: View, dims: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Orders of the ONNX axes in which the edge tensor (of shape ``dims``) holds the view without moving data.

    The first is the best: one that gives the edge tensor's own shape if there is one, NHWC before others.
    """
    fitting = [order for order in _candidates(view.index) if in_order(view.index.transpose(order))]
    return sorted(fitting, key=lambda order: tuple(view.shape[axis] for axis in order) != dims)


def _candidates(index: np.ndarray) -> Iterator[tuple[int, ...]]:
    rank = index.ndim
    if rank >= 3:
        yield (0, *range(2, rank), 1)
    yield tuple(range(rank))
    # By stride: the axis along which neighbours lie farthest apart comes first; axes of size 1 stay in front.
    strides = []
    for axis in range(rank):
        probe = [0] * rank
        first = int(index[tuple(probe)])
        probe[axis] = min(1, index.shape[axis] - 1)
        strides.append(int(index[tuple(probe)]) - first if index.shape[axis] > 1 else index.size + 1)
    yield tuple(sorted(range(rank), key=lambda axis: (-strides[axis], axis)))


def scatter(view: View, dims: tuple[int, ...], values: np.ndarray) -> np.ndarray:
    """``values`` (broadcast to the view's shape) in the edge tensor's own order and shape ``dims``."""
    flat = np.empty(view.index.size, dtype=values.dtype)
    flat[view.index.reshape(-1)] = np.broadcast_to(values, view.shape).reshape(-1)
    return flat.reshape(dims)
