"""A depthwise layer turned so that its plane's rows lie along the axis in which kernels compute several outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, cast

from edgekit.deploy.c.kernel import Layer, whole
from edgekit.graph.integer.params import DepthwiseParams
from edgekit.graph.plane import Pair, Plane


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
        each = 2 if layer.output.dtype == "int16" else 1
        plane = Plane(out_height, out_width, outputs, kernel, params.stride, params.dilation, each)
        return cls(height, width, channels, plane, params)

    @property
    def element(self) -> int:
        """Bytes of an activation."""
        return self.plane.element

    @property
    def kind(self) -> str:
        """C type of an activation."""
        return "int8_t" if self.element == 1 else "int16_t"

    @property
    def order(self) -> Pair:
        """(across, along) as axes of the image."""
        return 1 - self.plane.along, self.plane.along

    def turned(self, pair: Pair) -> Pair:
        """A (h, w) pair as (across, along), and such a pair as (h, w)."""
        return pair[self.order[0]], pair[self.order[1]]

    @property
    def kernel(self) -> Pair:
        """Taps, (across, along)."""
        return self.turned(self.plane.kernel)

    @property
    def stride(self) -> Pair:
        """Inputs from one output to the next, (across, along)."""
        return self.turned(self.params.stride)

    @property
    def dilation(self) -> Pair:
        """Inputs from one tap to the next, (across, along)."""
        return self.turned(self.params.dilation)

    @property
    def weight_steps(self) -> Pair:
        """Between the weights of neighbouring taps, (across, along)."""
        return self.turned((self.plane.kernel[1], 1))

    @property
    def results(self) -> Pair:
        """Outputs of a channel, (across, along)."""
        return self.turned((self.plane.out_height, self.plane.out_width))

    @property
    def before(self) -> Pair:
        """Places of the plane in front of the image, (across, along)."""
        (top, _), (left, _) = self.params.pad
        return self.turned((top, left))

    @property
    def kept(self) -> Pair:
        """Inputs that lie inside the plane, (across, along)."""
        sizes, room, before = self.turned((self.height, self.width)), self.plane.wide, self.before
        return max(0, min(sizes[0], room[0] - before[0])), max(0, min(sizes[1], room[1] - before[1]))

    def products(self, rows: int) -> dict[int, list[tuple[int, int]]]:
        """What each input that ``rows`` rows of outputs read is multiplied with.

        Returns:
            For the outputs that stand first in their rows: an input's place in the plane, from the first one's first
            tap, to each (row of outputs, weight).
        """
        found: dict[int, list[tuple[int, int]]] = {}
        for row in range(rows):
            for k in range(self.kernel[0]):
                for t in range(self.kernel[1]):
                    across = row * self.stride[0] + k * self.dilation[0]
                    place = across * self.plane.wide[1] + t * self.dilation[1]
                    found.setdefault(place, []).append((row, k * self.weight_steps[0] + t * self.weight_steps[1]))
        return dict(sorted(found.items()))

    @property
    def inputs(self) -> Pair:
        """Between neighbouring inputs, (across, along)."""
        return self.turned((self.width * self.channels, self.channels))

    @property
    def outputs(self) -> Pair:
        """Between neighbouring outputs, (across, along)."""
        each = self.channels * self.params.multiplier
        return self.turned((self.plane.out_width * each, each))
