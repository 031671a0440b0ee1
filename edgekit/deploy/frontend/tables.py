"""Constant tables of the C front-end, as integers of the type in which they lie in flash."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgekit.features.mel import cepstrum_matrix, mel_segments
from edgekit.features.spec import FrontendSpec
from edgekit.features.window import analysis_window

ONE_Q31 = 1 << 31


@dataclass(frozen=True)
class Tables:
    """What the generated C holds as constants.

    Attributes:
        window: int32, 2^31 is one (less one step at the top), the first half (windows are
            symmetric about ``window_end / 2``); empty for "rect".
        window_end: ``window[i]`` for ``i`` past the middle is ``window[window_end - i]``.
        cosine: int32 ``[n_fft // 4 + 1]``, a quarter wave, 2^31 is one (less one step at its top).
        corners: uint16 ``[mel_bins + 2]``, first FFT bin at or above each corner of the triangles.
        rise: uint32, 2^31 is one: weight of each bin, first corner to last, in the triangle that rises there.
        mel_scale: float32 ``[mel_bins]`` factors of the triangles, or None where all are one.
        cepstrum: float32 ``[mel_bins, n_mfcc]`` (DCT and lifter), or None.
    """

    window: NDArray[np.int32]
    window_end: int
    cosine: NDArray[np.int32]
    corners: NDArray[np.uint16]
    rise: NDArray[np.uint32]
    mel_scale: NDArray[np.float32] | None
    cepstrum: NDArray[np.float32] | None

    @property
    def bytes(self) -> int:
        """Flash of all tables."""
        arrays = (self.window, self.cosine, self.corners, self.rise, self.mel_scale, self.cepstrum)
        return sum(array.nbytes for array in arrays if array is not None)


def make_tables(spec: FrontendSpec) -> Tables:
    """All tables of a spec."""
    quarter = np.arange(spec.n_fft // 4 + 1)
    corners, rise, scale = mel_segments(spec)
    end = spec.window_length - (0 if spec.window_periodic else 1)
    half = analysis_window(spec)[: end // 2 + 1] if spec.window != "rect" else np.empty(0)
    return Tables(
        window=_q31(half),
        window_end=end,
        cosine=_q31(np.cos(2.0 * np.pi * quarter / spec.n_fft)),
        corners=corners.astype(np.uint16),
        rise=np.round(rise * ONE_Q31).astype(np.uint32),
        mel_scale=None if np.all(scale == 1.0) else scale.astype(np.float32),
        cepstrum=cepstrum_matrix(spec).T.astype(np.float32) if spec.n_mfcc is not None else None,
    )


def _q31(values: NDArray[np.float64]) -> NDArray[np.int32]:
    """Values from 0 to 1 in steps of 2^-31; one itself is a step too small, no more than other rounding."""
    return np.minimum(np.round(values * ONE_Q31), ONE_Q31 - 1).astype(np.int32)
