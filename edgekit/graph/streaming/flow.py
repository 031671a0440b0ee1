"""How time goes through one operator: which entries of its inputs an entry of its output reads.

A tensor is *timed* when its entries along one axis are one function of the frames, moved by a fixed number of frames
from entry to entry: shifting the window by a hop shifts its entries. Everything else that is computed is a function of
the window as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import BINARY_OPS, RECURRENT_OPS, activation_inputs
from edgekit.graph.streaming.recurrence import RECURRENCE


@dataclass(frozen=True)
class Timed:
    """A tensor with a time axis: ``length`` entries of ``group`` rows along ``axis``, one every ``stride`` frames.

    More than one row: what lies behind time was merged into its axis, as [1, T·heads, d] of [1, T, heads, d].
    """

    axis: int
    length: int
    stride: int
    group: int = 1


@dataclass(frozen=True)
class Reach:
    """Entry j of the output reads entries j·stride + offset … j·stride + offset + span of an input."""

    stride: int
    offset: int
    span: int

    def of(self, first: int, last: int) -> tuple[int, int]:
        """First and last entry read for the output's entries ``first`` … ``last``."""
        return first * self.stride + self.offset, last * self.stride + self.offset + self.span


@dataclass(frozen=True)
class Passage:
    """What a node does with time: its output's time axis (None: a function of the whole window), and what it reads.

    ``reaches`` has an entry for each timed input, by the input's name. ``remembers``: the output depends on all frames
    since the stream's start.
    """

    output: Timed | None
    reaches: Mapping[str, Reach]
    remembers: bool = False


class Blocked(Exception):
    """The operator does not let time through."""

    def __init__(self, reason: str, mend: str) -> None:
        self.reason, self.mend = reason, mend
        super().__init__(reason)


Flows = Mapping[str, Timed]
"""Timed tensors by name."""

WHOLE_WINDOW = "compute it from the frames of the past, or leave it out"
CAUSAL = "train the causal twin: --causal"


def passage(graph: Graph, node: Node, flows: Flows) -> Passage:
    """How time goes through ``node``.

    Raises:
        Blocked: it needs frames that a stream does not have, or makes entries that are not one function of the frames.
    """
    read = node.inputs if node.op == RECURRENCE else activation_inputs(node)
    timed = {name: flows[name] for name in read if name in flows}
    if not timed:
        return Passage(None, {})
    found = _RULES.get(node.op, _unknown)(graph, node, timed)
    output = graph.tensor(node.outputs[0])
    if found.output is not None and found.output.length == 1 and output.dims[found.output.axis] == found.output.group:
        return Passage(None, found.reaches)  # one entry a window: nothing of it is ever read again
    return found


def whole(timed: Flows) -> Passage:
    """The output is a function of all entries."""
    return Passage(None, {name: Reach(0, 0, flow.length - 1) for name, flow in timed.items()})


def _each(graph: Graph, node: Node, timed: Flows) -> Passage:
    """Entry by entry, with broadcasting; other operands must be the same for every entry."""
    rank = len(graph.tensor(node.outputs[0]).dims)
    from_end = {flow.axis - len(graph.tensor(name).dims) for name, flow in timed.items()}
    flows = {(flow.length, flow.stride, flow.group) for flow in timed.values()}
    if len(from_end) != 1 or len(flows) != 1:
        raise Blocked("mixes frames of different times", WHOLE_WINDOW)
    (axis,), ((length, stride, group),) = from_end, flows
    for name in activation_inputs(node):
        if name not in timed:
            _same_for_all(graph, name, axis, group)
    return Passage(Timed(rank + axis, length, stride, group), {name: Reach(1, 0, 0) for name in timed})


def _same_for_all(graph: Graph, name: str, axis_from_end: int, group: int) -> None:
    tensor = graph.tensor(name)
    if not tensor.constant:
        raise Blocked(
            "gives back to every frame what was computed from the whole window (squeeze and excitation)", WHOLE_WINDOW
        )
    if len(tensor.dims) < -axis_from_end or tensor.data is None or tensor.dims[axis_from_end] == 1:
        return
    data = np.moveaxis(np.asarray(tensor.data).reshape(tensor.dims), axis_from_end, 0)
    if not np.array_equal(data, np.resize(data[:group], data.shape)):
        raise Blocked("adds a constant that changes along time (positional codes)", "use codes of relative position")


def _window(graph: Graph, node: Node, timed: Flows) -> Passage:
    """Convolutions and pools: only padding in front of the oldest frame is causal."""
    ((name, flow),) = timed.items()
    if flow.axis not in (1, 2):
        return whole(timed) if node.op.endswith("pool2d") else _each(graph, node, timed)
    at = flow.axis - 1
    kernel = _kernel(graph, node)[at]
    stride, dilation = node.attrs["stride"][at], node.attrs.get("dilation", (1, 1))[at]
    before, after = node.attrs["pad"][at]
    length = graph.tensor(node.outputs[0]).dims[flow.axis]
    if flow.group > 1:
        plain = (kernel, stride, before, after) == (1, 1, 0, 0)
        return Passage(flow, {name: Reach(1, 0, 0)}) if plain else whole(timed)
    _check_padding(node, before, after)
    reach = Reach(stride, -before, (kernel - 1) * dilation)
    return Passage(Timed(flow.axis, length, flow.stride * stride), {name: reach})


def _check_padding(node: Node, before: int, after: int) -> None:
    if after:
        raise Blocked(f"pads {before} frames before and {after} behind the window (SAME padding)", CAUSAL)
    if before and node.op.endswith("pool2d"):
        raise Blocked(f"pools over {before} frames of padding", CAUSAL)


def _kernel(graph: Graph, node: Node) -> tuple[int, int]:
    if "window" in node.attrs:
        height, width = node.attrs["window"]
        return height, width
    return graph.tensor(node.inputs[1]).dims[1:3]  # type: ignore[return-value]


def _reduce(graph: Graph, node: Node, timed: Flows) -> Passage:
    ((name, flow),) = timed.items()
    if flow.axis in node.attrs["axes"]:
        return whole(timed)
    gone = 0 if node.attrs["keep_dims"] else sum(axis < flow.axis for axis in node.attrs["axes"])
    return Passage(Timed(flow.axis - gone, flow.length, flow.stride, flow.group), {name: Reach(1, 0, 0)})


def _reshape(graph: Graph, node: Node, timed: Flows) -> Passage:
    """Time stays an axis where the elements in front of it stay together; what lies behind it may be merged into it."""
    ((name, flow),) = timed.items()
    source, out = graph.tensor(name).dims, graph.tensor(node.outputs[0]).dims
    for axis, size in enumerate(out):
        if size % flow.length == 0 and prod(out[:axis]) == prod(source[: flow.axis]):
            return Passage(Timed(axis, flow.length, flow.stride, size // flow.length), {name: Reach(1, 0, 0)})
    return whole(timed)


def _transpose(graph: Graph, node: Node, timed: Flows) -> Passage:
    ((name, flow),) = timed.items()
    axis = tuple(node.attrs["perm"]).index(flow.axis)
    return Passage(Timed(axis, flow.length, flow.stride, flow.group), {name: Reach(1, 0, 0)})


def _slice(graph: Graph, node: Node, timed: Flows) -> Passage:
    ((name, flow),) = timed.items()
    begin, size, step = (int(node.attrs[key][flow.axis]) for key in ("begin", "size", "stride"))
    if flow.group > 1:
        everything = size == flow.length * flow.group
        return Passage(flow, {name: Reach(1, 0, 0)}) if everything else whole(timed)
    return Passage(Timed(flow.axis, size, flow.stride * step), {name: Reach(step, begin, 0)})


def _pad(graph: Graph, node: Node, timed: Flows) -> Passage:
    ((name, flow),) = timed.items()
    before, after = node.attrs["pads"][flow.axis]
    if flow.group > 1 and (before or after):
        return whole(timed)
    if node.op == "mirror_pad" and (before or after):
        raise Blocked("mirrors frames at the ends of the window", CAUSAL)
    _check_padding(node, before, after)
    return Passage(Timed(flow.axis, flow.length + before, flow.stride, flow.group), {name: Reach(1, -before, 0)})


def _concat(graph: Graph, node: Node, timed: Flows) -> Passage:
    if any(flow.axis == node.attrs["axis"] for flow in timed.values()):
        raise Blocked("puts something in front of or behind the frames (a class token)", WHOLE_WINDOW)
    return _each(graph, node, timed)


def _softmax(graph: Graph, node: Node, timed: Flows) -> Passage:
    ((_, flow),) = timed.items()
    return whole(timed) if flow.axis == len(graph.tensor(node.inputs[0]).dims) - 1 else _each(graph, node, timed)


def _dense(graph: Graph, node: Node, timed: Flows) -> Passage:
    ((name, flow),) = timed.items()
    dims = graph.tensor(name).dims
    columns = graph.tensor(node.inputs[1]).dims[1]
    if flow.axis == len(dims) - 1 or prod(dims[flow.axis + 1 :]) % columns:
        return whole(timed)
    if node.attrs.get("keep_dims", False):
        return Passage(flow, {name: Reach(1, 0, 0)})
    rows = prod(dims[flow.axis :]) // columns  # the output is [rows, O]: time is its axis where it was the outermost
    if prod(dims[: flow.axis]) != 1 or rows % flow.length:
        return whole(timed)
    return Passage(Timed(0, flow.length, flow.stride, rows // flow.length), {name: Reach(1, 0, 0)})


def _matmul(graph: Graph, node: Node, timed: Flows) -> Passage:
    """Frames as batches go through; one query over all keys is the window's; all with all is no stream."""
    rank = len(graph.tensor(node.outputs[0]).dims)
    from_end = {name: flow.axis - len(graph.tensor(name).dims) for name, flow in timed.items()}
    if all(axis < -2 for axis in from_end.values()) and len(timed) == len({*node.inputs}):
        return _each(graph, node, timed)
    if len(timed) > 1:
        raise Blocked("lets every frame of the window look at every other", "let each look at the latest N frames")
    ((name, flow),) = timed.items()
    other = node.inputs[1] if name == node.inputs[0] else node.inputs[0]
    rows = -1 if node.attrs["adj_x"] else -2
    if name == node.inputs[0] and graph.tensor(other).constant and from_end[name] == rows:
        return Passage(Timed(rank - 2, flow.length, flow.stride, flow.group), {name: Reach(1, 0, 0)})
    return whole(timed)


def _resize(graph: Graph, node: Node, timed: Flows) -> Passage:
    raise Blocked("resizes the window", WHOLE_WINDOW)


def _recurrence(graph: Graph, node: Node, timed: Flows) -> Passage:
    """A state that goes on from frame to frame (recurrence.py)."""
    flows = {(flow.axis, flow.length, flow.stride, flow.group) for flow in timed.values()}
    if len(flows) != 1 or len(timed) != len(node.inputs):
        raise Blocked("mixes frames of different times", WHOLE_WINDOW)
    return Passage(Timed(*flows.pop()), {name: Reach(1, 0, 0) for name in timed}, remembers=True)


def _lstm(graph: Graph, node: Node, timed: Flows) -> Passage:
    """Carried, a state that goes on from frame to frame; else one that begins anew with every window."""
    ((name, flow),) = timed.items()
    if not node.attrs["carried"]:
        return whole(timed)
    if (flow.axis, flow.group) != (1, 1):
        raise Blocked("mixes frames of different times", WHOLE_WINDOW)
    return Passage(flow, {name: Reach(1, 0, 0)}, remembers=True)


def _unknown(graph: Graph, node: Node, timed: Flows) -> Passage:
    if node.op in RECURRENT_OPS:
        raise Blocked("takes one frame an inference: a window of several is none of its own", "give it one frame")
    raise Blocked("has no rule for streams", WHOLE_WINDOW)


Rule = Callable[[Graph, Node, Flows], Passage]
_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("conv2d", "depthwise_conv2d", "avg_pool2d", "max_pool2d"), _window),
    **dict.fromkeys(("mean", "sum"), _reduce),
    "reshape": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    **dict.fromkeys(("pad", "mirror_pad"), _pad),
    "concat": _concat,
    RECURRENCE: _recurrence,
    "lstm": _lstm,
    "softmax": _softmax,
    "fully_connected": _dense,
    "batch_matmul": _matmul,
    **dict.fromkeys(("resize_nearest", "resize_bilinear"), _resize),
    **dict.fromkeys((*BINARY_OPS, "minimum", "maximum", "squared_difference"), _each),
    **dict.fromkeys(("relu", "relu6", "logistic", "tanh", "leaky_relu", "hard_swish", "rsqrt"), _each),
    **dict.fromkeys(("pointwise", "lookup", "quantize", "dequantize"), _each),
}
"""Every operator that lets time through, to how."""
