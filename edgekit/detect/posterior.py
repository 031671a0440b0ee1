"""Probabilities of int8 logits in 1/32768, by a table of exponentials: the same integers in Python and in C."""

from __future__ import annotations

import numpy as np

from edgekit.detect.settings import ONE

_PEAK = 65535


def exponential_table(scale: float) -> np.ndarray:
    """round(65535·exp(−scale·d)) for d = 0 … 255, what a logit d steps below the largest weighs; uint16 [256].

    Args:
        scale: of the model's int8 output.
    """
    result: np.ndarray = np.floor(_PEAK * np.exp(-float(scale) * np.arange(256)) + 0.5).astype(np.uint16)
    return result


def posteriors(logits: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Softmax of int8 logits [..., K] in 1/32768, rounded down: int32 [..., K].

    p_k = ⌊32768·e_k / Σe⌋ with e_k = table[max − q_k].
    """
    below = logits.max(axis=-1, keepdims=True).astype(np.int32) - logits.astype(np.int32)
    weights = table.astype(np.int64)[below]
    out: np.ndarray = (weights * ONE // weights.sum(axis=-1, keepdims=True)).astype(np.int32)
    return out
