"""Offsets of buffers in one arena: greedy heuristics against the lower bound.

Greedy by size (Pisarchyk and Lee 2020, arXiv:2001.03288, algorithm 3), by lifetime and by birth, each also with the
buffers that ended up too high placed first the next time, and from both ends of the arena, which is optimal for chains.
The smallest arena wins.

Buffers that live together share no byte, but for one exception: what a kernel makes may lie over what it reads if it
begins far enough in front of it, or exactly on it (:class:`Overlap`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

ALIGNMENT = 16
"""Bytes; every offset is a multiple, which suits the vector loads of all targets."""
ATTEMPTS = 1200
"""Placements of single buffers that the repeated attempts may take."""


@dataclass(frozen=True)
class Overlap:
    """How an output may lie over an input: the input begins at least ``distance`` bytes behind it, or just so many (a
    multiple of ALIGNMENT).
    """

    distance: int
    exact: bool = False


@dataclass(frozen=True)
class Buffer:
    """A piece of the arena: the tensors that take it over from each other, and the steps from first to last.

    Attributes:
        tensors: names, in the order in which they come to life.
        size: bytes, a multiple of ALIGNMENT.
        first, last: steps, both included.
    """

    tensors: tuple[str, ...]
    size: int
    first: int
    last: int


Relations = Mapping[tuple[int, int], Overlap]
"""(place of the output's buffer in the list, of the input's) to how the first may lie over the second."""


def aligned(size: int) -> int:
    """``size`` rounded up to ALIGNMENT."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def saving(output: int, source: int, overlap: Overlap) -> int:
    """Most bytes that an output may share with an input, from the bytes of both."""
    return max(0, min(output - aligned(overlap.distance), source))


_ORDERS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda buffer: (-buffer.size, buffer.first, buffer.last),
    lambda buffer: (-(buffer.last - buffer.first), -buffer.size, buffer.first),
    lambda buffer: (buffer.first, -buffer.size, buffer.last),
    lambda buffer: (-buffer.first, -buffer.size, buffer.last),
)
"""Orders of placement: by size (the paper's), by lifetime, by birth, from the end."""


def place(buffers: Sequence[Buffer], relations: Relations, bound: int) -> tuple[list[int], int]:
    """Offsets of the buffers and the arena's size; the first attempt that reaches ``bound``, else the best."""
    best: tuple[list[int], int] | None = None
    rounds = 1 + max(1, ATTEMPTS // (len(_ORDERS) * max(1, len(buffers))))
    orders = [sorted(range(len(buffers)), key=lambda index: (*key(buffers[index]), index)) for key in _ORDERS]
    for limit in (1, rounds):
        for order in orders:
            offsets, arena = _repeated(buffers, relations, order, bound, limit)
            if best is None or arena < best[1]:
                best = offsets, arena
            if best[1] <= bound:
                return best
        ends = _from_both_ends(buffers, relations, bound)
        if ends is not None:
            return ends, bound
    return best if best is not None else ([], 0)


def _repeated(
    buffers: Sequence[Buffer], relations: Relations, order: list[int], bound: int, rounds: int
) -> tuple[list[int], int]:
    """The best of several attempts; in each, the buffer that reached beyond ``bound`` before the others goes first."""
    best: tuple[list[int], int] | None = None
    seen: set[tuple[int, ...]] = set()
    while len(seen) < rounds and tuple(order) not in seen:
        seen.add(tuple(order))
        offsets = _greedy(buffers, relations, order, bound)
        arena = max((offset + buffer.size for offset, buffer in zip(offsets, buffers, strict=True)), default=0)
        if best is None or arena < best[1]:
            best = offsets, arena
        if arena <= bound:
            break
        late = next(index for index in order if offsets[index] + buffers[index].size > bound)
        order = [late, *(index for index in order if index != late)]
    return best if best is not None else ([], 0)


def _greedy(buffers: Sequence[Buffer], relations: Relations, order: list[int], bound: int) -> list[int]:
    """Place buffers one after another: below ``bound`` if possible, over what they may lie on, in the tightest gap."""
    placed = _Placed(buffers, relations)
    for index in order:
        size = buffers[index].size
        options = [(0, 0, point) for point in placed.shared(index)]
        options += [(1, high - low, low) for low, high in placed.free(index)]
        placed.add(index, min(options, key=lambda option: (max(0, option[2] + size - bound), *option))[2])
    return placed.offsets


def _from_both_ends(buffers: Sequence[Buffer], relations: Relations, bound: int) -> list[int] | None:
    """Offsets inside an arena of ``bound`` bytes: in order of birth, at the bottom if it is free, else at the top.

    In a chain every buffer lies at the other end than the one it is made from. None if a buffer finds no room.
    """
    placed = _Placed(buffers, relations)
    for index in sorted(range(len(buffers)), key=lambda item: (buffers[item].first, -buffers[item].size, item)):
        top = bound - buffers[index].size
        room = [(low, min(high, top)) for low, high in placed.free(index) if low <= top]
        shared = [point for point in placed.shared(index) if point <= top]
        if not room and not shared:
            return None
        if room and room[0][0] == 0:
            placed.add(index, 0)
        else:
            placed.add(index, shared[0] if shared else room[-1][1])
    return placed.offsets


_FAR = 1 << 62


class _Placed:
    """Buffers that have their offset."""

    def __init__(self, buffers: Sequence[Buffer], relations: Relations) -> None:
        self.offsets = [0] * len(buffers)
        self._buffers, self._count = buffers, 0
        self._begin, self._end, self._first, self._last = (np.zeros(len(buffers), np.int64) for _ in range(4))
        self._related: dict[int, list[tuple[int, Overlap, bool]]] = {}
        for (output, source), overlap in relations.items():
            self._related.setdefault(output, []).append((source, overlap, True))
            self._related.setdefault(source, []).append((output, overlap, False))
        self._at: dict[int, int] = {}

    def add(self, index: int, offset: int) -> None:
        """Keep a buffer at ``offset`` from now on."""
        buffer, i = self._buffers[index], self._count
        self.offsets[index] = offset
        self._begin[i], self._end[i] = offset, offset + buffer.size
        self._first[i], self._last[i] = buffer.first, buffer.last
        self._at[index] = i
        self._count += 1

    def free(self, index: int) -> list[tuple[int, int]]:
        """Ranges [low, high] of offsets that are free for a buffer, ascending; the last one has no end."""
        low, high = self._forbidden(index)
        order = np.argsort(low, kind="stable")
        reached = np.concatenate([[0], np.maximum.accumulate(np.maximum(high[order], 0))])
        ends = np.concatenate([low[order], [_FAR]])
        return [(int(a), int(b)) for a, b in zip(reached, ends, strict=True) if a <= b]

    def shared(self, index: int) -> list[int]:
        """Free offsets at which a buffer shares as much as it may with one that it is related to."""
        points = []
        for other, overlap, is_output in self._related.get(index, ()):
            if other in self._at:
                distance = aligned(overlap.distance)
                points.append(self.offsets[other] - distance if is_output else self.offsets[other] + distance)
        return [point for point in points if point >= 0 and self._fits(index, point)]

    def _fits(self, index: int, offset: int) -> bool:
        low, high = self._forbidden(index, offset)
        return not np.any((low < offset) & (offset < high))

    def _forbidden(self, index: int, on: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Open ranges of offsets at which a buffer would meet one that lives with it; those on which it may lie exactly
        do not count if it would at ``on``.
        """
        buffer, n = self._buffers[index], self._count
        met = (self._first[:n] <= buffer.last) & (self._last[:n] >= buffer.first) & (self._end[:n] > self._begin[:n])
        low, high = self._begin[:n] - buffer.size, self._end[:n].copy()
        for other, overlap, is_output in self._related.get(index, ()):
            i = self._at.get(other)
            if i is None:
                continue
            distance = aligned(overlap.distance)
            if overlap.exact:
                met[i] &= on != self._begin[i] + (-distance if is_output else distance)
            elif is_output:
                low[i] = self._begin[i] - min(buffer.size, distance)
            else:
                high[i] = min(self._end[i], self._begin[i] + distance)
        return low[met], high[met]
