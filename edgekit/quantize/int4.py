"""Weights of four bits: symmetric whole numbers in [−7, 7], a scale an output channel, activations as they are.

Files hold them as int8, which every runtime of TFLite computes with; the generated C stores two a byte where its
purpose asks for that (graph/packing.py). Small layers, whose weights are a small part of the flash, keep all of int8.
What rounding to so few numbers costs is made up for by compensation (quantize/compensate.py) and by training on.
"""

from __future__ import annotations

from edgekit.core.errors import BadConfigError
from edgekit.graph.graph import Graph, Node
from edgekit.quantize.cluster import LEAST_WEIGHTS
from edgekit.quantize.weights import LARGEST

INT4_MAX = 7
"""−8 is left out, as −128 is in int8."""


def marked_int4(graph: Graph) -> Graph:
    """The float graph with the largest weight of :data:`INT4_MAX` on layers large enough; weights that several steps
    share stay free.

    Raises:
        BadConfigError: no layer is large enough.
    """
    readers = graph.consumers()

    def large(node: Node) -> bool:
        if node.op not in ("conv2d", "fully_connected") or len(readers[node.inputs[1]]) > 1:
            return False
        return graph.tensor(node.inputs[1]).elements >= LEAST_WEIGHTS

    if not any(map(large, graph.nodes)):
        raise BadConfigError("no layer is large enough", where="--weights int4", mend="leave it out")
    return graph.rebuild(
        [node.replace(attrs={**node.attrs, LARGEST: INT4_MAX}) if large(node) else node for node in graph.nodes]
    )
