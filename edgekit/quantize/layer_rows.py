"""Weighted layers as matrix products: weights as rows, and what these rows are multiplied with."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Node

MOST_ROWS = 4096
"""Places looked at in a layer: a covariance of at most a few hundred inputs needs no more."""


def as_rows(node: Node, weights: np.ndarray) -> np.ndarray:
    """Weights as [O, K]: conv2d [O, kH, kW, C / groups], depthwise_conv2d [1, kH, kW, O], fully_connected [O, I]."""
    if node.op == "depthwise_conv2d":
        return weights.reshape(-1, weights.shape[3]).T
    return weights.reshape(weights.shape[0], -1)


def from_rows(node: Node, rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of ``shape`` from what :func:`as_rows` gave."""
    return (rows.T if node.op == "depthwise_conv2d" else rows).reshape(shape)


def input_rows(node: Node, weights: np.ndarray, x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """float32 [groups, R, K]: the inputs at R ≤ 4096 places; each group of outputs (a depthwise channel's) has its own.

    Args:
        node: conv2d, depthwise_conv2d or fully_connected.
        weights: of the node.
        x: its input on N clips, [N, …].
        generator: chooses the places.
    """
    if node.op == "fully_connected":
        rows = x.reshape(-1, weights.shape[1])
        result: np.ndarray = rows[_some(len(rows), generator)][None]
        return result
    (top, bottom), (left, right) = node.attrs["pad"]
    images = np.pad(x.reshape(-1, *x.shape[-3:]), ((0, 0), (top, bottom), (left, right), (0, 0)))
    patches = _patches(node, weights.shape[1:3], images, generator)  # [R, kH, kW, C]
    inner = 1 if node.op == "depthwise_conv2d" else weights.shape[3]
    split = patches.reshape(*patches.shape[:3], -1, inner)  # [R, kH, kW, groups, C / groups]
    return np.moveaxis(split, 3, 0).reshape(split.shape[3], len(split), -1)


def _patches(node: Node, kernel: tuple[int, ...], images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    stride, dilation = node.attrs["stride"], node.attrs["dilation"]
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True)]
    height, width = ((images.shape[1 + axis] - reach[axis]) // stride[axis] + 1 for axis in (0, 1))
    clip, place = np.divmod(_some(len(images) * height * width, generator), height * width)
    row, column = np.divmod(place, width)
    out = np.empty((len(clip), *kernel, images.shape[3]), np.float32)
    for y in range(kernel[0]):
        for x in range(kernel[1]):
            out[:, y, x] = images[clip, row * stride[0] + y * dilation[0], column * stride[1] + x * dilation[1]]
    return out


def _some(count: int, generator: np.random.Generator) -> np.ndarray:
    return generator.choice(count, MOST_ROWS, replace=False) if count > MOST_ROWS else np.arange(count)
