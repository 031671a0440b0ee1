"""A depthwise layer turned so that its plane's rows lie along the axis in which kernels compute several outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, cast

from edgekit.deploy.c.kernel import Layer, whole
from edgekit.graph.integer.params import DepthwiseParams
from edgekit.graph.scratch import Pair, Plane


@dataclass(frozen=True)
class TurnedPlane:
    """A depthwise_conv2d with axis 0 across and axis 1 along the rows of the plane; steps in elements.

    Attributes:
        height, width, channels: of the input.
        plane: of one channel.
        params: of the operator.
    """

    height: int
    width: int
    channels: int
    plane: Plane
    params: DepthwiseParams

    @classmethod
    def of(cls, layer: Layer) -> Self:
        """That of a layer.

        Raises:
            UnsupportedOpError: input or output is not of rank 4.
        """
        params = cast(DepthwiseParams, layer.params)
        _, height, width, channels = whole(layer.inputs[0], 4, layer)
        _, out_height, out_width, outputs = whole(layer.output, 4, layer)
        kernel = (params.arithmetic.weights.shape[1], params.arithmetic.weights.shape[2])
        plane = Plane(out_height, out_width, outputs, kernel, params.stride, params.dilation)
        return cls(height, width, channels, plane, params)

    @property
    def order(self) -> Pair:
        """(across, along) as axes of the image."""
        return 1 - self.plane.along, self.plane.along

    def turned(self, pair: Pair) -> Pair:
        """A (h, w) pair as (across, along)."""
        return pair[self.order[0]], pair[self.order[1]]

    @property
    def inputs(self) -> Pair:
        """Between neighbouring inputs, (across, along)."""
        return self.turned((self.width * self.channels, self.channels))

    @property
    def outputs(self) -> Pair:
        """Between neighbouring outputs, (across, along)."""
        each = self.channels * self.params.multiplier
        return self.turned((self.plane.out_width * each, each))
