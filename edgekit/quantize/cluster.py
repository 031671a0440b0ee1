"""Weight clustering: the weights of a layer take few different values, so that flash can hold their numbers instead.

Source: Han et al., "Deep Compression" (2016), section 3, on the int8 steps that a layer's channels share: one codebook
a layer, a scale a channel. −127 and 127 are always in it, so that the largest weight of a channel keeps its step.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.core.errors import BadConfigError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.tensor import Tensor
from edgekit.quantize.weights import WEIGHT_MAX

VALUES = "values"
"""Node attribute: how many different values the layer's weights may have."""
LEAST_WEIGHTS = 256
"""Below so many weights a codebook saves nothing worth the error."""
_ROUNDS = 50


def marked(graph: Graph, values: int) -> Graph:
    """The float graph with :data:`VALUES` on the layers that shall have few; weights of several steps stay free.

    Raises:
        BadConfigError: ``values`` out of range, or no layer is large enough.
    """
    if not 3 <= values <= 128:
        raise BadConfigError(f"{values} values", where="--cluster", mend="write 16: their numbers need 4 bits")
    readers = graph.consumers()

    def large(node: Node) -> bool:
        if node.op not in WEIGHTED or len(readers[node.inputs[1]]) > 1:
            return False
        return graph.tensor(node.inputs[1]).elements >= LEAST_WEIGHTS

    if not any(map(large, graph.nodes)):
        raise BadConfigError("no layer is large enough", where="--cluster", mend="leave it out")
    return graph.rebuild(
        [node.replace(attrs={**node.attrs, VALUES: values}) if large(node) else node for node in graph.nodes]
    )


def codebook(steps: np.ndarray, values: int) -> np.ndarray:
    """Whole numbers in [−127, 127], sorted, at most ``values`` of them: k-means of ``steps`` with both ends fixed.

    Args:
        steps: weights over their scales, not rounded.
        values: how many.
    """
    flat = np.sort(np.clip(steps.reshape(-1), -WEIGHT_MAX, WEIGHT_MAX))
    centres = np.quantile(flat, np.linspace(0, 1, values))
    centres[0], centres[-1] = -WEIGHT_MAX, WEIGHT_MAX
    for _ in range(_ROUNDS):
        own = np.searchsorted((centres[1:] + centres[:-1]) / 2, flat)
        counts = np.bincount(own, minlength=values)
        means = np.bincount(own, flat, minlength=values) / np.maximum(counts, 1)
        moved = np.where(counts > 0, means, centres)
        moved[0], moved[-1] = -WEIGHT_MAX, WEIGHT_MAX
        if np.allclose(moved, centres, atol=1e-3):
            break
        centres = np.sort(moved)
    return np.unique(np.rint(centres))


def nearest(steps: np.ndarray, book: np.ndarray) -> np.ndarray:
    """Each of ``steps`` as the nearest value of ``book`` (sorted float64)."""
    return book[np.searchsorted((book[1:] + book[:-1]) / 2, steps)]


def books(graph: Graph, integer: Graph) -> Mapping[str, np.ndarray]:
    """Node name → codebook of the layers marked in ``graph``, as the weights of ``integer`` have them."""
    stored = {node.name: node for node in integer.nodes}
    return {
        node.name: np.unique(np.asarray(_weights(integer, stored[node.name]).data)).astype(np.float64)
        for node in graph.nodes
        if VALUES in node.attrs
    }


def _weights(graph: Graph, node: Node) -> Tensor:
    return graph.tensor(node.inputs[1])
