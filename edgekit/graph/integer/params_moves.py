"""What integer nodes need at run time that move values and change none (params_arithmetic.py has sums)."""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[int, int]


@dataclass(frozen=True)
class PadParams:
    """pad: ``pads`` a (before, after) pair an axis; the value is the zero point."""

    pads: tuple[Pair, ...]
    value: int


@dataclass(frozen=True)
class ReshapeParams:
    """reshape: bytes stay, ``shape`` is the output's."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class TransposeParams:
    """transpose: axis i of the output is axis perm[i] of the input."""

    perm: tuple[int, ...]


@dataclass(frozen=True)
class SliceParams:
    """slice: ``size`` elements from ``begin``, every ``stride``-th, an axis."""

    begin: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class ConcatParams:
    """concat: bytes of all inputs one behind the other along ``axis``."""

    axis: int


@dataclass(frozen=True)
class GatherParams:
    """resize_nearest, mirror_pad: the output's elements along each axis are the input's at ``axes[axis]``."""

    axes: tuple[tuple[int, ...], ...]
