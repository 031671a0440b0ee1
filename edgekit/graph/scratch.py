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
from edgekit.graph.plane import Pair, Plane
from edgekit.graph.products import batch_matmul_scratch

BLOCK_LIMIT = 4096
"""Bytes of a block of four widened patches above which a convolution takes two at a time."""
WIDE_PIXELS = 3
"""Positions of int16 that are worth a block."""
CODES = "codes"
"""Attribute of a layer whose weights lie in flash as numbers of four bits (graph/packing.py)."""
PAIRS_BYTES = 1024
"""The two weights of every byte of such numbers, widened: what SIMD kernels look up."""


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
    def wide_nbytes(self) -> int:
        """Working memory on int16: a block of up to four patches, and one more unless the input has them.

        None with groups, for very few positions, or where a block were too large.
        """
        block = 16 + 64 * -(-self.depth // 8)
        if self.groups > 1 or (self.direct and self.pixels < WIDE_PIXELS) or block > 2 * BLOCK_LIMIT:
            return 0
        return block if self.direct else block + 2 * self.padded

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
    each = 2 if graph.tensor(node.outputs[0]).dtype == "int16" else 1
    return Plane(output[1], output[2], output[3], kernel, node.attrs["stride"], node.attrs["dilation"], each)


def _conv2d(graph: Graph, node: Node) -> int:
    source, weights, output = conv_dims(graph, node)
    patches = patches_of(weights, source[3], output, node.attrs["stride"], node.attrs["pad"])
    if graph.tensor(node.outputs[0]).dtype == "int16":
        return patches.wide_nbytes
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
    if all(graph.tensor(name).dtype == "int16" for name in (node.inputs[0], node.outputs[0])):
        outputs, depth = graph.tensor(node.inputs[1]).dims
        return dense_patches(graph.tensor(node.outputs[0]).elements // max(outputs, 1), depth).wide_nbytes
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
