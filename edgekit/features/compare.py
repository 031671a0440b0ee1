"""How far one implementation of a front-end is from the reference, gathered over clips."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.features.reference import log_factor
from edgekit.features.spec import FrontendSpec

TOLERANCES: Mapping[str, float] = MappingProxyType({"torch": 1e-4, "c": 1e-3})
"""Largest difference from the reference, in natural-log units before normalisation, by implementation."""
MIN_INT8_EQUAL = 0.999
MAX_INT8_STEPS = 1


@dataclass(frozen=True)
class Comparison:
    """One implementation against the numpy reference.

    Attributes:
        implementation: "torch" or "c".
        clips, values: how much was compared.
        max_difference, mean_difference: of the output before normalisation, in units of the natural logarithm.
        tolerance: for ``max_difference``.
        worst_clip: where the largest difference was.
        int8_equal: share of equal int8 model inputs.
        int8_steps: largest difference of an int8 model input.
    """

    implementation: str
    clips: int
    values: int
    max_difference: float
    mean_difference: float
    tolerance: float
    worst_clip: str
    int8_equal: float
    int8_steps: int

    @property
    def passed(self) -> bool:
        """Within the tolerance, 99.9 % of the int8 inputs equal and the rest off by one."""
        close = self.max_difference <= self.tolerance
        return close and self.int8_equal >= MIN_INT8_EQUAL and self.int8_steps <= MAX_INT8_STEPS

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output; a difference that is not finite is null."""
        return {
            "implementation": self.implementation,
            "clips": self.clips,
            "values": self.values,
            "max_difference": self.max_difference if math.isfinite(self.max_difference) else None,
            "mean_difference": self.mean_difference if math.isfinite(self.mean_difference) else None,
            "tolerance": self.tolerance,
            "worst_clip": self.worst_clip,
            "int8_equal": self.int8_equal,
            "int8_steps": self.int8_steps,
            "passed": self.passed,
        }


def natural_unit(spec: FrontendSpec) -> float:
    """What a difference of outputs is multiplied with to be one of natural logarithms: dB and log10 are other units."""
    return spec.std / log_factor(spec)


class Tally:
    """Running sums of one :class:`Comparison`."""

    def __init__(self, implementation: str, spec: FrontendSpec) -> None:
        self._name, self._unit = implementation, natural_unit(spec)
        self._clips = self._values = self._unequal = self._steps = 0
        self._sum = self._max = 0.0
        self._worst = ""

    def add(
        self,
        clip: str,
        wanted: NDArray[np.float64],
        got: NDArray[np.floating],
        wanted_int8: NDArray[np.int8],
        got_int8: NDArray[np.int8],
    ) -> None:
        """Take in one clip: features and model inputs of the reference and of the implementation, same shape."""
        difference = np.abs(got.astype(np.float64) - wanted) * self._unit
        # A NaN must fail the gate, and no comparison with NaN is true.
        largest = float(difference.max()) if np.isfinite(difference).all() else float("inf")
        steps = np.abs(got_int8.astype(np.int32) - wanted_int8)
        self._clips += 1
        self._values += wanted.size
        self._sum += float(difference.sum()) if largest < float("inf") else float("inf")
        self._unequal += int(np.count_nonzero(steps))
        self._steps = max(self._steps, int(steps.max()))
        if largest > self._max or not self._worst:
            self._max, self._worst = max(largest, self._max), clip

    def comparison(self) -> Comparison:
        """The sums so far; at least one clip must have been added."""
        return Comparison(
            implementation=self._name,
            clips=self._clips,
            values=self._values,
            max_difference=self._max,
            mean_difference=self._sum / self._values,
            tolerance=TOLERANCES[self._name],
            worst_clip=self._worst,
            int8_equal=1.0 - self._unequal / self._values,
            int8_steps=self._steps,
        )
