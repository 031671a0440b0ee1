"""Counting rules of attention and of transforms that are one operator."""

from __future__ import annotations

from math import prod

from edgekit.budget.layer import Layer, Work
from edgekit.budget.rules.transform import fft_multiplies


def onnx_attention(layer: Layer) -> Work:
    """Attention costs query elements × keys (scores) + output elements × keys (mixing), past keys included.

    dcase: nothing, as every product of two activations.
    """
    query, key = layer.input(0), layer.input(1).dims
    if len(query.shape) != len(key) or len(key) not in (3, 4):
        raise layer.odd(f"has queries {query.shape} and keys {key}")
    past = layer.optional(4)
    keys = key[-2] + (past.dims[-2] if past is not None else 0)
    return Work(true=(query.elements + layer.output().elements) * keys)


def onnx_stft(layer: Layer) -> Work:
    """An STFT costs frames × the multiplications of one FFT (budget.rules.transform), and one a sample for its window.

    dcase: nothing, as every operator without parameters.
    """
    out = layer.output().dims  # [batch, frames, bins, 2]
    signal = layer.input(0).dims
    if len(out) != 4:
        raise layer.odd(f"has an output {out}")
    real = len(signal) == 2 or signal[-1] == 1
    window, frame_length = layer.optional(2), layer.optional(3)
    if window is not None:
        length = window.elements
    elif frame_length is not None and frame_length.data is not None:
        length = int(frame_length.data.reshape(-1)[0])
    else:
        raise layer.odd("has a frame length that is not in the file")
    frames = out[0] * out[1]
    return Work(true=frames * (fft_multiplies(length, real) + layer.size(2)))


def onnx_dft(layer: Layer) -> Work:
    """A DFT costs signals × the multiplications of one FFT of complex input (budget.rules.transform).

    dcase: nothing, as every operator without parameters.
    """
    out = layer.output().dims
    data = layer.input(0).dims
    if len(out) < 2 or len(data) != len(out):
        raise layer.odd(f"has an output {out}")
    # The axis may be an input that is not read: the axis that costs most is taken.
    sizes = [(prod(out[:-1]) // max(out[i], 1), max(out[i], data[i])) for i in range(len(out) - 1)]
    return Work(true=max(lines * fft_multiplies(length, data[-1] == 1) for lines, length in sizes))


def onnx_affine_grid(layer: Layer) -> Work:
    """An AffineGrid costs grid points × axes × (axes + 1): one small matrix product a point.

    dcase: nothing, as every operator without parameters.
    """
    theta, out = layer.input(0).dims, layer.output().dims
    return Work(true=prod(out[:-1]) * prod(theta[1:]))
