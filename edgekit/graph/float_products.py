"""Float32 kernels of products, functions of one value, extremes and resizing, and the table of all kernels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.graph.float_kernels import BASIC_KERNELS, Attrs, Kernel, Operands, elementwise, need, ranked
from edgekit.graph.integer.functions import evaluate
from edgekit.graph.integer.resize import gathered_axes


def batch_matmul(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """Products of matrices over the last two axes, the axes before them broadcast."""
    x, y = (ranked(need(side), len(dims)) for side in inputs)
    first = np.swapaxes(x, -1, -2) if attrs["adj_x"] else x
    second = np.swapaxes(y, -1, -2) if attrs["adj_y"] else y
    result: np.ndarray = np.matmul(first, second).reshape(-1, *dims)
    return result


def pointwise(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """A function of one value, worked out in float64."""
    return evaluate(attrs["expression"], need(inputs[0])).astype(np.float32)


def gathered(op: str) -> Kernel:
    """resize_nearest, mirror_pad: elements at positions along each axis."""

    def kernel(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
        x = need(inputs[0])
        return x[np.ix_(range(len(x)), *gathered_axes(op, attrs, x.shape[1:]))]

    return kernel


def resize_bilinear(inputs: Operands, attrs: Attrs, dims: tuple[int, ...]) -> np.ndarray:
    """Four neighbours, mixed by distance."""
    x = need(inputs[0])
    for axis in (2, 3):
        size, outputs = x.shape[axis], dims[axis - 1]
        corners = attrs["align_corners"] and outputs > 1
        scale = (size - 1) / (outputs - 1) if corners else size / outputs
        places = (np.arange(outputs) + 0.5) * scale - 0.5 if attrs["half_pixel"] else np.arange(outputs) * scale
        lower = np.maximum(np.floor(places).astype(int), 0)
        upper = np.minimum(np.ceil(places).astype(int), size - 1)
        weight = (places - lower).astype(np.float32).reshape(-1, *(1,) * (x.ndim - axis - 1))
        x = np.take(x, lower, axis) * (1 - weight) + np.take(x, upper, axis) * weight
    return x


KERNELS: Mapping[str, Kernel] = {
    **BASIC_KERNELS,
    "batch_matmul": batch_matmul,
    "pointwise": pointwise,
    "minimum": elementwise(np.minimum),
    "maximum": elementwise(np.maximum),
    "prelu": elementwise(lambda x, slope: np.where(x >= 0, x, slope * x)),
    "squared_difference": elementwise(lambda x, y: np.square(x - y)),
    "resize_nearest": gathered("resize_nearest"),
    "mirror_pad": gathered("mirror_pad"),
    "gather": gathered("gather"),
    "resize_bilinear": resize_bilinear,
}
"""Every operator of float graphs to its kernel."""
