"""Codebook and numbers of packed weights as C arrays."""

from __future__ import annotations

import numpy as np

from edgekit.deploy.c.kernel import int8_array
from edgekit.deploy.c.text import array_lines
from edgekit.graph.few_values import MOST_VALUES

BESIDE = (0, 1)
"""Of two neighbouring values the first is in the lower half of a byte."""
EVEN_ODD = (0, 2, 1, 3)
"""Of four values (0, 2) are one byte and (1, 3) the next: the order of the DSP kernels' widened patches."""


def codebook(weights: np.ndarray, name: str) -> str:
    """Definition of the sixteen values, sorted; those that the weights do not need are 0."""
    values = np.unique(weights)
    return int8_array(name, np.concatenate([values, np.zeros(MOST_VALUES - values.size, np.int8)]))


def numbers(weights: np.ndarray, order: tuple[int, ...], name: str, beyond: int = 0) -> str:
    """Definition of the numbers of weights [O, …], two a byte, the first in its lower half.

    Args:
        weights: int8, at most sixteen values.
        order: of the values of each group of its length; rows are filled up to whole groups.
        name: of the array.
        beyond: bytes behind the last row that a kernel may read.
    """
    outputs = weights.shape[0]
    found = np.searchsorted(np.unique(weights), weights).reshape(outputs, -1)
    found = np.pad(found, ((0, 0), (0, -found.shape[1] % len(order))))
    halves = found.reshape(-1, len(order))[:, list(order)].reshape(-1, 2)
    data = [*(halves[:, 0] | halves[:, 1] << 4).tolist(), *[0] * beyond]
    return f"static const uint8_t {name}[{len(data)}] = {{\n{array_lines(map(str, data))}\n}};\n"
