"""Sliding windows over NHWC activations: padding, strides and dilation as views, no copies."""

from __future__ import annotations

import numpy as np

from edgekit.graph.integer.params import Pair


def pad_spatial(x: np.ndarray, pad: tuple[Pair, Pair], value: float) -> np.ndarray:
    """Array x [N,H,W,C] with rows and columns of ``value`` around it."""
    if pad == ((0, 0), (0, 0)):
        return x
    return np.pad(x, ((0, 0), *pad, (0, 0)), constant_values=value)


def output_size(size: int, kernel: int, stride: int, dilation: int, pad: Pair) -> int:
    """Number of window positions along one axis."""
    return (size + sum(pad) - (kernel - 1) * dilation - 1) // stride + 1


def windows(padded: np.ndarray, kernel: Pair, stride: Pair, dilation: Pair = (1, 1)) -> np.ndarray:
    """View [N, Ho, Wo, kh, kw, C] of a padded [N,H,W,C] array."""
    batch, height, width, channels = padded.shape
    rows = output_size(height, kernel[0], stride[0], dilation[0], (0, 0))
    columns = output_size(width, kernel[1], stride[1], dilation[1], (0, 0))
    step_n, step_h, step_w, step_c = padded.strides
    return np.lib.stride_tricks.as_strided(
        padded,
        shape=(batch, rows, columns, *kernel, channels),
        strides=(
            step_n,
            step_h * stride[0],
            step_w * stride[1],
            step_h * dilation[0],
            step_w * dilation[1],
            step_c,
        ),
        writeable=False,
    )
