"""The step of numbers that are whole multiples of one, found again after they were scaled."""

from __future__ import annotations

import numpy as np

_LARGEST = 127
"""Of a symmetric int8 magnitude."""
_NEAR = 2e-3
"""How far a multiple may be from a whole number: float32 weights of 127 steps are off by about 1e-5."""


def common_steps(values: np.ndarray, axis: int) -> np.ndarray | None:
    """A step for each channel of which its values are multiples, at most 127 in magnitude; None where one has none.

    The smallest such step is found, since the bias is rounded to multiples of it too: 1, 2, 3 come back as 42, 84 and
    126 times a 42nd, which computes the same.

    Args:
        values: float64.
        axis: of the channels.

    Returns:
        float64 [channels]; 1 for a channel of zeros.
    """
    rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    steps = np.empty(len(rows))
    for index, row in enumerate(rows):
        largest = np.abs(row).max(initial=0.0)
        if largest == 0.0:
            steps[index] = 1.0
            continue
        counts = np.arange(1, _LARGEST + 1)[:, None]
        multiples = row[None] / largest * counts
        fits = np.abs(multiples - np.rint(multiples)).max(axis=1) < _NEAR
        if not fits.any():
            return None
        steps[index] = largest / (int(np.flatnonzero(fits)[-1]) + 1)
    return steps
