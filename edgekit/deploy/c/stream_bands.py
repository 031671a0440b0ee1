"""Sub-spectral normalization of a frame: slices of frequencies, a factor a channel in each, and their concatenation.

In a step of one frame the slices are neighbouring runs of bytes that lie where the concatenation puts them again, so
that one function reads and writes them all where they are (BC-ResNet has a dozen of these with five bands each).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import cast

import numpy as np

from edgekit.deploy.c.dsp.depthwise_row import channel_rows
from edgekit.deploy.c.dsp.requantize import applies, finish, zero_line
from edgekit.deploy.c.kernel import Code, Function, int32_array
from edgekit.deploy.c.text import fill
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.interpreter import prepare_node
from edgekit.graph.integer.params import DepthwiseParams

_MOST_ROWS = 16

_BANDS = """\
static void @self@(const int32_t *c, const int8_t *x, int8_t *y) {
    for (int32_t band = 0; band < @bands@; band++) {
        for (const int32_t *end = c + @words@; c < end; c += 4) {
            const int32_t weight = c[0];
            const int32_t bias = c[1];
            const int32_t packed = c[2];
            const int32_t multiplier = c[3];
            @zero@@lines@            x++;
            y++;
        }
        x += @others@;
        y += @others@;
    }
}
"""


@dataclass(frozen=True, eq=False)
class Bands:
    """One of them.

    Attributes:
        source: the tensor that is sliced.
        slices, factors: nodes, in the order of the bands.
        rows: of a band, each of all channels.
        channels: bytes of a row.
    """

    source: str
    slices: tuple[Node, ...]
    factors: tuple[Node, ...]
    rows: int
    channels: int

    @property
    def members(self) -> frozenset[str]:
        """Names of all nodes but the concatenation."""
        return frozenset(node.name for node in (*self.slices, *self.factors))


def find_bands(graph: Graph) -> Mapping[str, Bands]:
    """All in a step graph, by the name of the concatenation."""
    producers, readers = graph.producers(), graph.consumers()
    found = {}
    for node in graph.nodes:
        factors = [producers.get(name) for name in node.inputs] if node.op == "concat" else []
        plain = [item for item in factors if item is not None and _is_factor(graph, item)]
        cuts = [producers.get(item.inputs[0]) for item in plain]
        slices = [item for item in cuts if item is not None and item.op == "slice"]
        if len(plain) < 2 or not len(node.inputs) == len(plain) == len(slices):
            continue
        inner = [item.outputs[0] for item in (*plain, *slices)]
        if any(len(readers.get(name, [])) != 1 or name in graph.outputs for name in inner):
            continue
        bands = _bands(graph, node, tuple(slices), tuple(plain))
        if bands is not None:
            found[node.name] = bands
    return found


def _is_factor(graph: Graph, node: Node) -> bool:
    """A depthwise convolution of one tap: a factor and a bias a channel."""
    if node.op != "depthwise_conv2d" or graph.tensor(node.outputs[0]).dtype != "int8":
        return False
    params = cast(DepthwiseParams, prepare_node(graph, node))
    one = params.arithmetic.weights.shape[1:3] == (1, 1) and params.stride == (1, 1) and params.multiplier == 1
    return one and not np.any(params.pad) and applies(params.arithmetic, 3)


def _bands(graph: Graph, node: Node, slices: tuple[Node, ...], factors: tuple[Node, ...]) -> Bands | None:
    """None where the slices are not equal neighbours that make up the whole tensor, one run of bytes each."""
    source, axis = slices[0].inputs[0], node.attrs["axis"]
    dims, output = graph.tensor(source).dims, graph.tensor(node.outputs[0]).dims
    size = dims[axis] // len(slices)
    if dims != output or prod(dims[:axis]) != 1 or dims[axis] % len(slices) or axis == len(dims) - 1:
        return None
    for i, cut in enumerate(slices):
        begin = tuple(i * size if at == axis else 0 for at in range(len(dims)))
        whole = tuple(size if at == axis else dim for at, dim in enumerate(dims))
        same = (tuple(cut.attrs["begin"]), tuple(cut.attrs["size"])) == (begin, whole)
        if cut.inputs[0] != source or not same or set(cut.attrs["stride"]) != {1}:
            return None
    rows = size * prod(dims[axis + 1 : -1])
    return Bands(source, slices, factors, rows, dims[-1]) if rows <= _MOST_ROWS else None


def emit_bands(graph: Graph, bands: Bands, index: int) -> Code:
    """X int8 [bands · rows, C] to y int8 of that size; correct for y on x. ``index`` names the constants."""
    arithmetic = [cast(DepthwiseParams, prepare_node(graph, node)).arithmetic for node in bands.factors]
    first, channels = arithmetic[0], bands.channels
    value = [finish(first, f"bias + weight * x[{row * channels}]", "packed", "multiplier") for row in range(bands.rows)]
    text = fill(
        _BANDS, self="@self@", bands=len(bands.factors), words=4 * channels, zero=zero_line(first, "packed"),
        lines="".join(f"            y[{row * channels}] = {item};\n" for row, item in enumerate(value)),
        others=(bands.rows - 1) * channels,
    )  # fmt: skip
    table = f"channels_{index}"
    rows = np.concatenate([channel_rows(part) for part in arithmetic])
    function = Function(f"bands_{len(bands.factors)}x{bands.rows}x{channels}", text)
    return Code(
        f"{{f0}}({table}, {{x}}, {{y}});", (function,), (int32_array(table, rows),), kernel=f"dsp {function.name}"
    )
