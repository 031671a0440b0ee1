"""Loop nests over tensors of any rank, with constant strides."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from edgekit.deploy.c.text import indent

Dims = tuple[int, ...]


def strides(dims: Sequence[int]) -> tuple[int, ...]:
    """Elements between neighbours along each axis of a dense tensor."""
    out = [1] * len(dims)
    for axis in range(len(dims) - 2, -1, -1):
        out[axis] = out[axis + 1] * dims[axis + 1]
    return tuple(out)


def loops(dims: Sequence[int], axes: Sequence[int], body: str) -> str:
    """``body`` inside a loop ``i<axis>`` for every axis of ``axes`` that is longer than 1."""
    for axis in reversed(axes):
        if dims[axis] > 1:
            head = f"for (int32_t i{axis} = 0; i{axis} < {dims[axis]}; i{axis}++) {{\n"
            body = f"{head}{indent(body)}}}\n"
    return body


def broadcast(inputs: Sequence[Dims], out: Dims) -> tuple[Dims, tuple[Dims, ...]]:
    """Dims of the loops over an output of dims ``out``, and each input's strides along them, 0 where it repeats.

    Neighbouring axes along which every input goes on evenly are one loop: one loop over all elements where no input is
    smaller than the output.
    """
    full = [(1,) * (len(out) - len(dims)) + dims for dims in inputs]
    steps = [tuple(0 if d == 1 else s for d, s in zip(dims, strides(dims), strict=True)) for dims in full]
    if not out or prod(out) == 0:
        return (prod(out),), ((1,),) * len(full)
    loops_of: list[int] = [out[-1]]
    found = [[step[-1]] for step in steps]
    for axis in range(len(out) - 2, -1, -1):
        even = all(step[axis] == own[0] * loops_of[0] for step, own in zip(steps, found, strict=True))
        if even or out[axis] == 1:
            loops_of[0] *= out[axis]
        elif loops_of[0] == 1:
            loops_of[0] = out[axis]
            for step, own in zip(steps, found, strict=True):
                own[0] = step[axis]
        else:
            loops_of.insert(0, out[axis])
            for step, own in zip(steps, found, strict=True):
                own.insert(0, step[axis])
    return tuple(loops_of), tuple(map(tuple, found))


def offset(dims: Sequence[int], steps: Sequence[int], axes: Sequence[int]) -> str:
    """The C expression Σ i<axis> · step over axes longer than 1 with a step other than 0."""
    terms = [f"i{axis} * {steps[axis]}" for axis in axes if dims[axis] > 1 and steps[axis]]
    return " + ".join(terms) or "0"
