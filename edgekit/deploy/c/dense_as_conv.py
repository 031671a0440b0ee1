"""A fully connected layer of several rows as the 1×1 convolution that it is: the same kernels, blocks of rows."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from edgekit.deploy.c.kernel import Layer
from edgekit.graph.integer.params import ConvParams, FullyConnectedParams
from edgekit.graph.scratch import dense_patches

NO_PAD = ((0, 0), (0, 0))


def as_pointwise(layer: Layer, *, few: bool = False) -> Layer:
    """``layer``, or where it is fully_connected on a block of rows or more, an equal conv2d [1,rows,1,K].

    Args:
        layer: of any operator.
        few: with fewer rows than a block, too.
    """
    types = {layer.inputs[0].dtype, layer.output.dtype}
    if layer.node.op != "fully_connected" or types not in ({"int8"}, {"int16"}):
        return layer
    arithmetic = cast(FullyConnectedParams, layer.params).arithmetic
    outputs, depth = arithmetic.weights.shape
    rows = layer.output.elements // outputs
    patches = dense_patches(rows, depth)
    if not few and not (patches.block if types == {"int8"} else patches.wide_nbytes):
        return layer
    weights = arithmetic.weights.reshape(outputs, 1, 1, depth)
    params = ConvParams(replace(arithmetic, weights=weights), (1, 1), (1, 1), NO_PAD)
    return replace(
        layer, node=layer.node.replace(op="conv2d"), params=params,
        inputs=(layer.inputs[0].replace(shape=(1, rows, 1, depth)),),
        output=layer.output.replace(shape=(1, rows, 1, outputs)),
    )  # fmt: skip
