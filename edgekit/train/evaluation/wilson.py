"""Interval of a share of few clips: one speaker, one class."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from edgekit.core.errors import DataError
from edgekit.train.evaluation.bootstrap import LEVEL


def wilson_interval(right: int, clips: int, level: float = LEVEL) -> tuple[float, float]:
    """Score interval of ``right`` of ``clips`` (Wilson 1927), clips taken as independent.

    It keeps its width where all or none are right, which a bootstrap does not.

    Raises:
        DataError: no clip, or more right than there are.
    """
    if not 0 <= right <= clips or clips == 0:
        raise DataError(f"{right} right of {clips} clips is no share", mend="check the selection")
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    share, spread = right / clips, z * z / clips
    centre = (share + spread / 2.0) / (1.0 + spread)
    half = z / (1.0 + spread) * sqrt(share * (1.0 - share) / clips + spread / (4.0 * clips))
    return max(0.0, centre - half), min(1.0, centre + half)
