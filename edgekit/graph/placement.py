"""Offsets of buffers in one arena: greedy heuristics against the lower bound.

Greedy by size (Pisarchyk and Lee 2020, arXiv:2001.03288, algorithm 3); where that misses the lower bound also by
lifetime and by birth, and from both ends of the arena, which is optimal for chains. The smallest arena wins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ALIGNMENT = 16
"""Bytes; every offset is a multiple, which suits the vector loads of all targets."""


@dataclass(frozen=True)
class Buffer:
    """A piece of the arena: the tensors that take it over from each other, and the steps from first to last.

    Attributes:
        tensors: names, in the order in which they come to life.
        size: bytes that they cover together.
        first, last: steps, both included.
        places: where each tensor begins inside the buffer, multiples of ALIGNMENT.
    """

    tensors: tuple[str, ...]
    size: int
    first: int
    last: int
    places: tuple[int, ...] = (0,)


def aligned(size: int) -> int:
    """``size`` rounded up to ALIGNMENT."""
    return -(-size // ALIGNMENT) * ALIGNMENT


_ORDERS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda buffer: (-buffer.size, buffer.first, buffer.last),
    lambda buffer: (-(buffer.last - buffer.first), -buffer.size, buffer.first),
    lambda buffer: (buffer.first, -buffer.size, buffer.last),
)
"""Orders of placement: by size (the paper's), by lifetime, by birth."""


def place(buffers: list[Buffer], bound: int) -> tuple[list[int], int]:
    """Offsets of the buffers and the arena's size; the first attempt that reaches ``bound``, else the best."""
    best: tuple[list[int], int] | None = None
    for key in _ORDERS:
        order = sorted(range(len(buffers)), key=lambda index: (*key(buffers[index]), index))
        offsets = _greedy(buffers, order)
        arena = max((offsets[i] + aligned(buffer.size) for i, buffer in enumerate(buffers)), default=0)
        if best is None or arena < best[1]:
            best = offsets, arena
        if best[1] <= bound:
            return best
    ends = _from_both_ends(buffers, bound)
    if ends is not None:
        return ends, bound
    return best if best is not None else ([], 0)


def _from_both_ends(buffers: list[Buffer], bound: int) -> list[int] | None:
    """Offsets inside an arena of ``bound`` bytes: in order of birth, at the bottom if it is free, else at the top.

    In a chain every buffer lies at the other end than the one it is made from. None if a buffer finds no room.
    """
    offsets = [0] * len(buffers)
    placed: list[int] = []
    for index in sorted(range(len(buffers)), key=lambda item: (buffers[item].first, -buffers[item].size, item)):
        size = aligned(buffers[index].size)
        placed = [other for other in placed if buffers[other].last >= buffers[index].first]
        taken = sorted((offsets[other], offsets[other] + aligned(buffers[other].size)) for other in placed)
        gaps = zip([0, *(end for _, end in taken)], [*(begin for begin, _ in taken), bound], strict=True)
        fitting = [(begin, end) for begin, end in gaps if end - begin >= size]
        if not fitting:
            return None
        offsets[index] = 0 if fitting[0][0] == 0 else fitting[-1][1] - size
        placed.append(index)
    return offsets


def _greedy(buffers: list[Buffer], order: list[int]) -> list[int]:
    """Place buffers one after another in ``order``, each into the tightest gap that its neighbours in time leave."""
    offsets = [0] * len(buffers)
    first, last, begin, end = (np.zeros(len(buffers), dtype=np.int64) for _ in range(4))
    for count, index in enumerate(order):
        buffer, size = buffers[index], aligned(buffers[index].size)
        together = (first[:count] <= buffer.last) & (last[:count] >= buffer.first)
        offsets[index] = _tightest_gap(begin[:count][together], end[:count][together], size)
        first[count], last[count] = buffer.first, buffer.last
        begin[count], end[count] = offsets[index], offsets[index] + size
    return offsets


def _tightest_gap(begin: np.ndarray, end: np.ndarray, size: int) -> int:
    """Offset of the smallest gap of at least ``size`` between occupied ranges; behind all of them if there is none."""
    if begin.size == 0:
        return 0
    order = np.argsort(begin, kind="stable")
    reached = np.concatenate([[0], np.maximum.accumulate(end[order])])
    gaps = begin[order] - reached[:-1]
    fitting = np.flatnonzero(gaps >= size)
    if fitting.size == 0:
        return int(reached[-1])
    return int(reached[fitting[np.argmin(gaps[fitting])]])
