"""The detection error trade-off of a speaker model."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from edgekit.report.canvas import INK, SERIES, figure_axes, to_svg

_TICKS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)


def det_curve(missed: np.ndarray, false: np.ndarray, eer: float) -> str:
    """Misses against false alarms on axes of normal deviates, where two normal score distributions make a line.

    Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997.

    Args:
        missed: float [T], share of trials of one voice that are rejected at each threshold.
        false: float [T], share of trials of two voices that are accepted.
        eer: where both are equal, marked; without any error there is no point to mark.
    """
    inside = (missed > 0) & (missed < 1) & (false > 0) & (false < 1)
    deviate = np.vectorize(NormalDist().inv_cdf, otypes=[float])
    figure, axes = figure_axes(4.6, 4.4)
    axes.plot(deviate(false[inside]), deviate(missed[inside]), color=SERIES[0])
    if 0 < eer < 1:
        axes.plot(deviate([eer]), deviate([eer]), "o", color=SERIES[1])
    axes.set_title(f"equal error rate {100 * eer:.1f} %", fontsize=8, color=INK)
    for ticks in (axes.set_xticks, axes.set_yticks):
        ticks(deviate(_TICKS), [f"{100 * share:g}" for share in _TICKS])
    axes.set_xlabel("false alarms, %")
    axes.set_ylabel("misses, %")
    return to_svg(figure)
