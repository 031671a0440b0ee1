"""Working memory of the generated kernels: one rule for the memory plan, the C generator and the budget gate.

Kernels of operators that are not here need none. The sizes do not depend on the target.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.planner import MemoryPlan, plan_memory

PLANE_LIMIT = 1024
"""Bytes of a depthwise kernel's plane above which rows are worked off in tiles."""


@dataclass(frozen=True)
class Plane:
    """The padded piece of one channel that a depthwise kernel gathers, for tiles of output rows.

    Attributes:
        out_height, out_width: of the output.
        kernel, stride, dilation: (h, w).
    """

    out_height: int
    out_width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]

    @property
    def width(self) -> int:
        """Columns of the plane."""
        return (self.out_width - 1) * self.stride[1] + (self.kernel[1] - 1) * self.dilation[1] + 1

    def height(self, tile: int) -> int:
        """Rows of the plane for ``tile`` output rows."""
        return (tile - 1) * self.stride[0] + (self.kernel[0] - 1) * self.dilation[0] + 1

    @property
    def tile(self) -> int:
        """Output rows a tile: all, or as many as PLANE_LIMIT allows, at least one."""
        fixed = (self.kernel[0] - 1) * self.dilation[0] + 1
        fitting = (PLANE_LIMIT // max(self.width, 1) - fixed) // self.stride[0] + 1
        return max(min(self.out_height, fitting), min(self.out_height, 1))

    @property
    def nbytes(self) -> int:
        """Bytes of the plane, one an element."""
        return self.height(self.tile) * self.width


def patch_bytes(kernel: tuple[int, ...], stride: tuple[int, int], pad: tuple[tuple[int, int], ...], pixels: int) -> int:
    """Bytes into which conv2d gathers its patches: two pixels at a time; none where it reads its input in place.

    Args:
        kernel: (height, width, input channels).
        stride: (h, w).
        pad: ((top, bottom), (left, right)).
        pixels: output positions.
    """
    if kernel[:2] == (1, 1) and stride == (1, 1) and not any(any(pair) for pair in pad):
        return 0
    return min(2, pixels) * kernel[0] * kernel[1] * kernel[2]


def scratch_sizes(graph: Graph) -> dict[str, int]:
    """Bytes of working memory by node of an integer edge graph; nodes that need none are left out.

    Raises:
        UnsupportedOpError: a convolution that is not of rank 4.
    """
    sizes = {node.name: _RULES[node.op](graph, node) for node in graph.nodes if node.op in _RULES}
    return {name: size for name, size in sizes.items() if size}


def firmware_plan(core: Graph) -> MemoryPlan:
    """The memory plan that the generated C uses, for an integer core (passes/integer_core.py).

    Raises:
        UnknownShapeError: an activation's dimension is unknown.
        UnsupportedOpError: a convolution that is not of rank 4.
    """
    return plan_memory(core, scratch_sizes(core))


def _dims(graph: Graph, node: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Dims of weights and output."""
    weights, output = graph.tensor(node.inputs[1]).dims, graph.tensor(node.outputs[0]).dims
    if len(weights) != 4 or len(output) != 4:
        raise UnsupportedOpError(f"{node.op} of rank {len(output)} cannot be planned", where=node.name)
    return weights, output


def _conv2d(graph: Graph, node: Node) -> int:
    weights, output = _dims(graph, node)
    return patch_bytes(weights[1:], node.attrs["stride"], node.attrs["pad"], output[1] * output[2])


def _depthwise_conv2d(graph: Graph, node: Node) -> int:
    weights, output = _dims(graph, node)
    kernel = (weights[1], weights[2])
    return Plane(output[1], output[2], kernel, node.attrs["stride"], node.attrs["dilation"]).nbytes


_RULES: Mapping[str, Callable[[Graph, Node], int]] = {"conv2d": _conv2d, "depthwise_conv2d": _depthwise_conv2d}
