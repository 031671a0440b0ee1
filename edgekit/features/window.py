"""Analysis windows in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.features.spec import FrontendSpec


def analysis_window(spec: FrontendSpec) -> NDArray[np.float64]:
    """The spec's window, float64 ``[window_length]``.

    Periodic windows divide the period by ``window_length``, symmetric ones by ``window_length - 1``.
    """
    points = spec.window_length if spec.window_periodic else spec.window_length - 1
    phase = 2.0 * np.pi * np.arange(spec.window_length) / points
    if spec.window == "hann":
        return 0.5 - 0.5 * np.cos(phase)
    if spec.window == "hamming":
        return 0.54 - 0.46 * np.cos(phase)
    if spec.window == "povey":
        return np.maximum(0.5 - 0.5 * np.cos(phase), 0.0) ** 0.85
    return np.ones(spec.window_length)
