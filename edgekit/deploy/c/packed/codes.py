"""Codebook and numbers of packed weights as one C array: sixteen bytes of values, then two numbers a byte."""

from __future__ import annotations

import numpy as np

from edgekit.deploy.c.text import array_lines
from edgekit.graph.few_values import MOST_VALUES

BESIDE = (0, 1)
"""Of two neighbouring values the first is in the lower half of a byte."""
EVEN_ODD = (0, 2, 1, 3)
"""Of four values (0, 2) are one byte and (1, 3) the next: the order of the DSP kernels' widened patches."""
BOOK = f"const int8_t *book = (const int8_t *)w;\nw += {MOST_VALUES};\n"
"""Statements that take the codebook from the front of ``w``."""


def packed_array(weights: np.ndarray, order: tuple[int, ...], name: str, beyond: int = 0) -> str:
    """Definition of the array of weights [O, …].

    Args:
        weights: int8, at most sixteen values.
        order: of the values of each group of its length; rows are filled up to whole groups.
        name: of the array.
        beyond: bytes behind the last row that a kernel may read.
    """
    values, outputs = np.unique(weights), weights.shape[0]
    book = np.concatenate([values, np.zeros(MOST_VALUES - values.size, np.int8)])
    found = np.searchsorted(values, weights).reshape(outputs, -1)
    found = np.pad(found, ((0, 0), (0, -found.shape[1] % len(order))))
    halves = found.reshape(-1, len(order))[:, list(order)].reshape(-1, 2)
    data = [*book.view(np.uint8).tolist(), *(halves[:, 0] | halves[:, 1] << 4).tolist(), *[0] * beyond]
    return f"static const uint8_t {name}[{len(data)}] = {{\n{array_lines(map(str, data))}\n}};\n"
