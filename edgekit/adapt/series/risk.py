"""How far reprogrammed series are from the source's sounds, and the bound on the risk that follows.

Yang et al., "Voice2Series: Reprogramming Acoustic Models for Time Series Classification", ICML 2021, theorem 1:
target risk ≤ source risk + 2·√K · W₁(logits of the source's data, logits of the reprogrammed target data), with K
source classes and W₁ the Wasserstein-1 distance. As in the paper's figure the sliced distance stands for W₁, which it
never exceeds: what is printed follows the bound, it does not prove it.
"""

from __future__ import annotations

import math

import numpy as np

_PROJECTIONS = 128


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, projections: int = _PROJECTIONS, seed: int = 0) -> float:
    """Mean over random directions of the Wasserstein-1 distance of two sets of vectors on them.

    In one dimension W₁ is the area between the two distribution functions, which for sets of different sizes is the
    integral of the difference of their quantiles.

    Args:
        a: float [N, D].
        b: float [M, D].
        projections: directions.
        seed: of the directions.
    """
    draw = np.random.default_rng(seed)
    directions = draw.standard_normal((a.shape[1], projections))
    directions /= np.linalg.norm(directions, axis=0)
    return float(np.mean([wasserstein_1(x, y) for x, y in zip((a @ directions).T, (b @ directions).T, strict=True)]))


def wasserstein_1(a: np.ndarray, b: np.ndarray) -> float:
    """W₁ of two sets of numbers, float [N] and [M]."""
    a, b = np.sort(a), np.sort(b)
    places = np.sort(np.concatenate([a, b]))
    steps = np.diff(places)
    below_a = np.searchsorted(a, places[:-1], side="right") / len(a)
    below_b = np.searchsorted(b, places[:-1], side="right") / len(b)
    return float(np.sum(np.abs(below_a - below_b) * steps))


def risk_bound(source_risk: float, distance: float, classes: int) -> float:
    """Source risk + 2·√K · W₁: an upper bound of the target risk in the theorem's terms, not a probability.

    Args:
        source_risk: share of the source's own data that it gets wrong.
        distance: Wasserstein-1 between the distributions of the source's logits.
        classes: K, of the source.
    """
    return source_risk + 2.0 * math.sqrt(classes) * distance
