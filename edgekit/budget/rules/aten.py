"""Counting rules of torch's own operators where ONNX' rules do not fit as they are."""

from __future__ import annotations

from math import prod

from edgekit.budget.layer import Layer, Work
from edgekit.budget.rules.attention import onnx_attention
from edgekit.budget.rules.convolution import Window, forward_convolution, onnx_transposed
from edgekit.budget.rules.transform import fft_multiplies


def aten_convolution(layer: Layer) -> Work:
    """A convolution costs output positions × output channels × input channels of a group × kernel size.

    dcase: (weights + bias) × output positions.
    """
    if layer.attr("transposed", False):
        return onnx_transposed(layer)
    data, weights = layer.input(0).dims, layer.input(1).dims
    groups = layer.number("groups", 1)
    # An input without a batch has one axis less than the weights.
    data = (1, *data) if len(data) == len(weights) - 1 else data
    if len(data) < 3 or len(weights) != len(data) or data[1] != weights[1] * groups:
        raise layer.odd(f"has weights {weights} in {groups} groups on an input {data}")
    out = (data[0], weights[0], *_window(layer, weights[2:]).positions(data[2:]))
    declared = layer.output().dims
    if (1, *declared) != out and declared != out:
        raise layer.odd(f"declares the output {declared}, but its arguments give {out}")
    return forward_convolution(out[0] * prod(out[2:]), weights, layer.size(2))


def _window(layer: Layer, kernel: tuple[int, ...]) -> Window:
    rank = len(kernel)
    stride, dilation = _each(layer, "stride", rank, 1, 1), _each(layer, "dilation", rank, 1, 1)
    padding = layer.attr("padding", 0)
    if padding == "same":
        total = tuple(d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
        return Window(kernel, stride, dilation, tuple((n // 2, n - n // 2) for n in total))
    pads = (0,) * rank if padding == "valid" else _each(layer, "padding", rank, 0, 0)
    return Window(kernel, stride, dilation, tuple((n, n) for n in pads))


def _each(layer: Layer, name: str, rank: int, default: int, least: int) -> tuple[int, ...]:
    """An argument that is one number for all axes, or one an axis."""
    value = layer.attr(name, default)
    values = value if isinstance(value, tuple) else (value,)
    values = values * rank if len(values) == 1 else values
    if len(values) != rank or not all(isinstance(n, int) and n >= least for n in values):
        raise layer.odd(f"has {name} {value!r}")
    return values


def aten_recurrence(layer: Layer) -> Work:
    """An LSTM, GRU or RNN costs steps × batch × (all weight matrices), layers and directions included.

    dcase: steps × batch × (all weights and biases).
    """
    steps = prod(layer.input(0).dims[:-1])
    parameters = [layer.input(index) for index in range(1, 1 + layer.number("params_count", 1))]
    matrices = sum(tensor.elements for tensor in parameters if len(tensor.shape) == 2)
    vectors = sum(tensor.elements for tensor in parameters if len(tensor.shape) == 1)
    return Work(true=steps * matrices, dcase=steps * (matrices + vectors))


def aten_attention(layer: Layer) -> Work:
    """Attention costs query elements × keys (scores) + output elements × keys (mixing).

    dcase: nothing, as every product of two activations.
    """
    if len(layer.node.inputs) > 3 and len(layer.input(0).shape) not in (3, 4):
        raise layer.odd(f"has queries {layer.input(0).shape}")
    return onnx_attention(layer)


def aten_stft(layer: Layer) -> Work:
    """An STFT costs frames × the multiplications of one FFT (budget.rules.transform), and one a sample for its window.

    dcase: nothing, as every operator without parameters.
    """
    length, out = layer.number("n_fft", 0), layer.output().dims
    if length < 1 or len(out) < 2:
        raise layer.odd(f"has n_fft {length}")
    real = layer.input(0).dtype.startswith("float")
    frames = prod(out) // out[-2] if out[-2] else 0
    return Work(true=frames * (fft_multiplies(length, real) + layer.size(1)))
