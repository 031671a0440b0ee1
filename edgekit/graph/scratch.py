"""Working memory of the generated kernels: one rule for the memory plan, the C generator and the budget gate.

Kernels of operators that are not here need none. The sizes do not depend on the target: SIMD kernels widen activations
to int16 here, portable ones use the same place for bytes, and so the budget gate's number is that of every firmware.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.attention import ATTENTION, attention_scratch
from edgekit.graph.graph import Graph, Node
from edgekit.graph.products import batch_matmul_scratch

Pair = tuple[int, int]

PLANE_LIMIT = 1024
"""Bytes of a depthwise kernel's int16 plane above which it must be small beside the layer's output to be kept whole."""
BLOCK_LIMIT = 4096
"""Bytes of a block of four widened patches above which a convolution takes two at a time."""
CODES = "codes"
"""Attribute of a layer whose weights lie in flash as numbers of four bits (graph/packing.py)."""
PAIRS_BYTES = 1024
"""The two weights of every byte of such numbers, widened: what SIMD kernels look up."""


@dataclass(frozen=True)
class Plane:
    """The padded piece of one channel that a depthwise kernel gathers: all of it, or tiles of output rows.

    Attributes:
        out_height, out_width, channels: of the output.
        kernel, stride, dilation: (h, w).
    """

    out_height: int
    out_width: int
    channels: int
    kernel: Pair
    stride: Pair
    dilation: Pair

    @property
    def width(self) -> int:
        """Columns of a plane of bytes."""
        return (self.out_width - 1) * self.stride[1] + (self.kernel[1] - 1) * self.dilation[1] + 1

    def height(self, tile: int) -> int:
        """Rows of a plane of bytes for ``tile`` output rows."""
        return (tile - 1) * self.stride[0] + (self.kernel[0] - 1) * self.dilation[0] + 1

    @property
    def along(self) -> int:
        """Axis, 0 or 1, along which SIMD kernels compute pairs of outputs: neither dilated nor odd if there is one."""
        sizes = (self.out_height, self.out_width)
        pairs = [-(-sizes[axis] // 2) * sizes[1 - axis] for axis in (0, 1)]
        cost = [(self.dilation[axis] > 1, pairs[axis], -self.kernel[axis]) for axis in (0, 1)]
        return 0 if cost[0] < cost[1] else 1

    @property
    def wide(self) -> Pair:
        """(rows, values a row) of the whole int16 plane, its rows along ``along`` and of an even length."""
        along, across = self.along, 1 - self.along
        out = (self.out_height, self.out_width)
        pairs = out[along] + out[along] % 2
        length = (pairs - 1) * self.stride[along] + (self.kernel[along] - 1) * self.dilation[along] + 1
        rows = (out[across] - 1) * self.stride[across] + (self.kernel[across] - 1) * self.dilation[across] + 1
        return rows, length + length % 2

    @property
    def whole(self) -> bool:
        """The plane is gathered whole, which lets the kernel run in place."""
        output = self.out_height * self.out_width * self.channels
        return self._wide_bytes <= max(PLANE_LIMIT, output // 4)

    @property
    def tile(self) -> int:
        """Output rows a tile: all, or as many as PLANE_LIMIT allows, at least one."""
        if self.whole:
            return self.out_height
        fixed = (self.kernel[0] - 1) * self.dilation[0] + 1
        fitting = (PLANE_LIMIT // max(self.width, 1) - fixed) // self.stride[0] + 1
        return max(min(self.out_height, fitting), min(self.out_height, 1))

    @property
    def nbytes(self) -> int:
        """Working memory: of the whole int16 plane, or of a tile of bytes."""
        return self._wide_bytes if self.whole else self.height(self.tile) * self.width

    @property
    def _wide_bytes(self) -> int:
        rows, length = self.wide
        return 2 * rows * length


@dataclass(frozen=True)
class Patches:
    """The patches (kh·kw·C inputs of one output position each) that a convolution gathers at a time.

    Attributes:
        kernel: (height, width, input channels of a group).
        pixels: output positions.
        direct: the input itself is the patches: 1×1, no stride, no padding.
        groups: of the convolution.
    """

    kernel: tuple[int, int, int]
    pixels: int
    direct: bool
    groups: int

    @property
    def depth(self) -> int:
        """Values of a patch."""
        return self.kernel[0] * self.kernel[1] * self.kernel[2]

    @property
    def padded(self) -> int:
        """Values of a patch rounded up to four."""
        return -(-self.depth // 4) * 4

    @property
    def block(self) -> int:
        """Patches at a time that are widened to int16; 0 where none are: with groups, or too few positions."""
        block = 4 if 8 * self.padded <= BLOCK_LIMIT else 2
        return block if self.groups == 1 and self.pixels >= block else 0

    @property
    def nbytes(self) -> int:
        """Working memory: the widened block, and one patch of bytes unless the input has them."""
        if self.block == 0:
            return 0 if self.direct else min(2, self.pixels) * self.depth
        return (2 * self.block + (0 if self.direct else 1)) * self.padded

    @property
    def packed_nbytes(self) -> int:
        """Working memory where weights are numbers of four bits: behind their pairs a block, or one patch at a time."""
        return PAIRS_BYTES + (2 * max(self.block, 1) + (0 if self.direct else 1)) * self.padded


def patches_of(
    weights: tuple[int, ...], channels: int, output: tuple[int, ...], stride: Pair, pad: tuple[Pair, Pair]
) -> Patches:
    """Patches of a conv2d.

    Args:
        weights: dims [O,kh,kw,C/g].
        channels: of the input.
        output: dims [1,Ho,Wo,O].
        stride: (h, w).
        pad: ((top, bottom), (left, right)).
    """
    direct = weights[1:3] == (1, 1) and stride == (1, 1) and not any(any(pair) for pair in pad)
    kernel = (weights[1], weights[2], weights[3])
    return Patches(kernel, output[1] * output[2], direct, max(1, channels // max(weights[3], 1)))


def dense_patches(rows: int, depth: int) -> Patches:
    """Rows of a fully_connected, which are the patches of a 1×1 convolution."""
    return Patches((1, 1, depth), rows, True, 1)


def scratch_sizes(graph: Graph) -> dict[str, int]:
    """Bytes of working memory by node of an integer edge graph; nodes that need none are left out.

    Raises:
        UnsupportedOpError: a convolution that is not of rank 4.
    """
    sizes = {node.name: _RULES[node.op](graph, node) for node in graph.nodes if node.op in _RULES}
    return {name: size for name, size in sizes.items() if size}


def conv_dims(graph: Graph, node: Node) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Dims of input, weights and output of a convolution.

    Raises:
        UnsupportedOpError: not of rank 4.
    """
    found = tuple(graph.tensor(name).dims for name in (*node.inputs[:2], node.outputs[0]))
    if any(len(dims) != 4 for dims in found):
        raise UnsupportedOpError(f"{node.op} of rank {len(found[2])} cannot be planned", where=node.name)
    return found[0], found[1], found[2]


def plane_of(graph: Graph, node: Node) -> Plane:
    """The plane of a depthwise_conv2d.

    Raises:
        UnsupportedOpError: not of rank 4.
    """
    _, weights, output = conv_dims(graph, node)
    kernel = (weights[1], weights[2])
    return Plane(output[1], output[2], output[3], kernel, node.attrs["stride"], node.attrs["dilation"])


def _conv2d(graph: Graph, node: Node) -> int:
    source, weights, output = conv_dims(graph, node)
    patches = patches_of(weights, source[3], output, node.attrs["stride"], node.attrs["pad"])
    return patches.packed_nbytes if node.attrs.get(CODES) else patches.nbytes


def dense_patches_of(graph: Graph, node: Node) -> Patches | None:
    """Those of a fully_connected; None where it computes row by row without working memory."""
    outputs, depth = graph.tensor(node.inputs[1]).dims
    patches = dense_patches(graph.tensor(node.outputs[0]).elements // max(outputs, 1), depth)
    int8 = all(graph.tensor(name).dtype == "int8" for name in (node.inputs[0], node.outputs[0]))
    return patches if int8 and patches.block else None


def _fully_connected(graph: Graph, node: Node) -> int:
    if node.attrs.get(CODES):
        outputs, depth = graph.tensor(node.inputs[1]).dims
        return dense_patches(graph.tensor(node.outputs[0]).elements // outputs, depth).packed_nbytes
    patches = dense_patches_of(graph, node)
    return patches.nbytes if patches else 0


def _depthwise_conv2d(graph: Graph, node: Node) -> int:
    return plane_of(graph, node).nbytes


def _lstm(graph: Graph, node: Node) -> int:
    """Three gates of int16."""
    return 6 * graph.tensor(node.outputs[0]).dims[-1]


_RULES: Mapping[str, Callable[[Graph, Node], int]] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise_conv2d,
    "fully_connected": _fully_connected,
    "batch_matmul": batch_matmul_scratch,
    ATTENTION: attention_scratch,
    "lstm": _lstm,
}
