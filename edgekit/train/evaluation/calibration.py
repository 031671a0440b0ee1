"""Do a model's probabilities mean what they say: calibration error, Brier score, reliability diagram.

Confidence is the probability of the most probable class. Guo et al., "On Calibration of Modern Neural Networks"
(ICML 2017), eq. 3; bins of equal numbers of clips as Nguyen & O'Connor (EMNLP 2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.core.errors import DataError

BINS = 15


@dataclass(frozen=True)
class Bin:
    """The clips whose confidence lies in (low, high].

    Attributes:
        low, high: ends of the bin, 0 to 1.
        clips: how many.
        confidence: their mean confidence; None where there are none.
        accuracy: share of them that is right; None where there are none.
    """

    low: float
    high: float
    clips: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """How far confidence and accuracy lie apart.

    Attributes:
        ece: mean over clips of |accuracy − confidence| of their bin, 15 bins of equal width.
        adaptive_ece: the same with 15 bins of equal numbers of clips.
        brier: mean over clips of Σ over classes (p − y)², 0 to 2 (Brier 1950).
        bins: the 15 of equal width, for a reliability diagram.
    """

    ece: float
    adaptive_ece: float
    brier: float
    bins: tuple[Bin, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        bins = [
            {"low": b.low, "high": b.high, "clips": b.clips, "confidence": b.confidence, "accuracy": b.accuracy}
            for b in self.bins
        ]
        return {"ece": self.ece, "adaptive_ece": self.adaptive_ece, "brier": self.brier, "bins": bins}


def calibration(targets: np.ndarray, probabilities: np.ndarray) -> Calibration:
    """Calibration of probabilities [n, classes] for int targets [n].

    Raises:
        DataError: no clip.
    """
    if len(targets) == 0:
        raise DataError("no clip to calibrate on", mend="check the selection")
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == targets).astype(np.float64)
    edges = np.linspace(0.0, 1.0, BINS + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, BINS - 1)
    bins = tuple(_bin(edges[i], edges[i + 1], confidence[place == i], right[place == i]) for i in range(BINS))
    truth = np.zeros_like(probabilities)
    truth[np.arange(len(targets)), targets] = 1.0
    return Calibration(
        ece=_gap(confidence, right, [np.flatnonzero(place == i) for i in range(BINS)]),
        adaptive_ece=_gap(confidence, right, np.array_split(np.argsort(confidence, kind="stable"), BINS)),
        brier=float(((probabilities - truth) ** 2).sum(axis=1).mean()),
        bins=bins,
    )


def _bin(low: float, high: float, confidence: np.ndarray, right: np.ndarray) -> Bin:
    if len(confidence) == 0:
        return Bin(float(low), float(high), 0, None, None)
    return Bin(float(low), float(high), len(confidence), float(confidence.mean()), float(right.mean()))


def _gap(confidence: np.ndarray, right: np.ndarray, bins: list[np.ndarray]) -> float:
    """Σ over bins of |Σ right − Σ confidence|, a clip."""
    return float(sum(abs(right[inside].sum() - confidence[inside].sum()) for inside in bins)) / len(confidence)
