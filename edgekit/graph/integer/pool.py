"""avg_pool2d and max_pool2d on int8 and int16 (TensorFlow Lite reference_integer_ops::AveragePool and MaxPool)."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import INT16_MIN
from edgekit.graph.integer.params import PoolParams
from edgekit.graph.integer.rescale import fused_clamp, input_output, require_same_scale
from edgekit.graph.integer.windows import pad_spatial, windows


def prepare_pool2d(graph: Graph, node: Node) -> PoolParams:
    """Parameters of one avg_pool2d or max_pool2d node."""
    source, output = input_output(graph, node)
    require_same_scale(node, source, output)
    return PoolParams(
        window=tuple(node.attrs["window"]),
        stride=tuple(node.attrs["stride"]),
        pad=tuple(tuple(pair) for pair in node.attrs["pad"]),  # type: ignore[arg-type]
        clamp=fused_clamp(node.attrs.get("activation", "none"), output),
    )


def avg_pool2d(params: PoolParams, x: np.ndarray) -> np.ndarray:
    """Mean of the real (not padded) values of each window; [N,H,W,C] to [N,Ho,Wo,C]."""
    sums = _window_sums(x.astype(np.int32), params)
    counts = _window_sums(np.ones((1, *x.shape[1:3], 1), dtype=np.int32), params)
    half = counts // 2
    magnitude = (np.abs(sums) + half) // counts
    return params.clamp(np.where(sums > 0, magnitude, -magnitude))


def max_pool2d(params: PoolParams, x: np.ndarray) -> np.ndarray:
    """Largest value of each window; [N,H,W,C] to [N,Ho,Wo,C]."""
    patches = windows(pad_spatial(x.astype(np.int16), params.pad, INT16_MIN), params.window, params.stride)
    return params.clamp(patches.max(axis=(3, 4)))


def _window_sums(x: np.ndarray, params: PoolParams) -> np.ndarray:
    patches = windows(pad_spatial(x, params.pad, 0), params.window, params.stride)
    result: np.ndarray = patches.sum(axis=(3, 4), dtype=np.int32)
    return result
