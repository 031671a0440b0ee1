"""How an integer graph rounds what it rescales: a property of the graph, in its metadata and so in its files.

"twice" is TensorFlow Lite's and TFLM's default: a product is rounded at its 31st bit and again where it ends. "once" is
what both compute with ``TFLITE_SINGLE_ROUNDING``, and CMSIS-NN with ``CMSIS_NN_USE_SINGLE_ROUNDING``: it is nearer to
runtimes that compute with real numbers (ONNX Runtime).
"""

from __future__ import annotations

from typing import Literal

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.core.model_metadata import ROUNDING_KEY
from edgekit.graph.graph import Graph

Rounding = Literal["twice", "once"]
TWICE: Rounding = "twice"
ONCE: Rounding = "once"
ROUNDINGS: tuple[Rounding, ...] = (TWICE, ONCE)


def rounding_of(graph: Graph) -> Rounding:
    """What the graph's metadata say; "twice" where they say nothing.

    Raises:
        BadFileError: they say something else.
    """
    said = graph.metadata.get(ROUNDING_KEY, TWICE)
    for known in ROUNDINGS:
        if said == known:
            return known
    raise BadFileError(
        f"the metadata name a rounding {said[:40]!r}",
        where=graph.name,
        mend=f"{ROUNDING_KEY} is one of {', '.join(ROUNDINGS)}",
    )


def with_rounding(graph: Graph, rounding: str | None) -> Graph:
    """The graph, rounding so; None: as it does. "twice" goes without saying and leaves no entry.

    Raises:
        BadConfigError: no such rounding.
    """
    if rounding is None:
        return graph
    if rounding not in ROUNDINGS:
        raise BadConfigError(
            f"unknown rounding {rounding!r}", where="--rounding", mend=f"use one of {', '.join(ROUNDINGS)}"
        )
    metadata = {key: text for key, text in graph.metadata.items() if key != ROUNDING_KEY}
    return graph.replace(metadata=metadata if rounding == TWICE else {**metadata, ROUNDING_KEY: rounding})
