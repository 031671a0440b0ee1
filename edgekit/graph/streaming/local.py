"""Attributes of a layer's step form: what it did along the window it does along the hop's entries, without padding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.graph.graph import Node
from edgekit.graph.streaming.flow import Timed


def local_attrs(node: Node, flow: Timed | None, fresh: int) -> Mapping[str, Any]:
    """``node``'s attributes for ``fresh`` outputs from exactly the entries that these read.

    Args:
        node: of the window graph.
        flow: time axis of its timed input; None where it has none.
        fresh: entries of the output (1 where the output is the window's).
    """
    if flow is None:
        return node.attrs
    axis, rows = flow.axis, fresh * flow.group
    if node.op in ("conv2d", "depthwise_conv2d", "avg_pool2d", "max_pool2d") and axis in (1, 2):
        pads = list(node.attrs["pad"])
        pads[axis - 1] = (0, 0)
        return {**node.attrs, "pad": tuple(pads)}
    if node.op == "pad":
        pads = list(node.attrs["pads"])
        pads[axis] = (0, 0)
        return {**node.attrs, "pads": tuple(pads)}
    if node.op == "slice":
        begin, size = list(node.attrs["begin"]), list(node.attrs["size"])
        begin[axis], size[axis] = 0, rows
        return {**node.attrs, "begin": tuple(begin), "size": tuple(size)}
    return node.attrs
