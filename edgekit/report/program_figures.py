"""Figures of trained programs: the waveform that is added to every clip, the frame around every spectrogram."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.core.optional import require
from edgekit.report.canvas import INK, SERIES, figure_axes, to_svg


def waveform_program(delta: np.ndarray, rate: int) -> str:
    """P1D over time, and its short-time spectrum below.

    Args:
        delta: float [samples], out of 1.
        rate: samples a second.
    """
    figure, axes = figure_axes(6.4, 3.6)
    axes.set_position((0.12, 0.58, 0.85, 0.36))
    axes.plot(np.arange(len(delta)) / rate, delta, color=SERIES[0], linewidth=0.5)
    axes.set_ylabel("P1D, out of 1")
    below = figure.add_axes((0.12, 0.14, 0.85, 0.36))
    below.specgram(delta, NFFT=256, Fs=rate, noverlap=128, cmap="magma")
    below.set_xlabel("time, s", fontsize=8, color=INK)
    below.set_ylabel("frequency, Hz", fontsize=8, color=INK)
    below.tick_params(labelsize=7, colors=INK)
    return to_svg(figure)


def frame_program(pictures: list[tuple[str, np.ndarray]]) -> str:
    """Pictures as the source sees them, each on a symmetric scale of its own: red is positive, blue negative.

    Args:
        pictures: (caption, float [H, W]) pairs: the frame alone, then clips inside it.
    """
    figure: Any = require("matplotlib.figure", "report").Figure(figsize=(2.2 * len(pictures), 2.4))
    figure.patch.set_alpha(0.0)
    for number, (caption, picture) in enumerate(pictures, 1):
        axes = figure.add_subplot(1, len(pictures), number)
        bound = float(np.abs(picture).max()) or 1.0
        axes.imshow(picture, origin="lower", cmap="RdBu_r", vmin=-bound, vmax=bound, interpolation="nearest")
        axes.set_title(caption, fontsize=8, color=INK)
        axes.set_axis_off()
    return to_svg(figure)
