"""What running layers by rows costs in instructions beyond running each whole.

One figure for all targets, so that all have one memory plan. The prices are of the DSP kernels (deploy/c/dsp): where
nothing else is known, a product or a byte costs about that elsewhere, too.
"""

from __future__ import annotations

from math import prod

from edgekit.graph.graph import Node
from edgekit.graph.row_group import RowGroup, Window
from edgekit.graph.row_members import Members
from edgekit.graph.scratch import patches_of

A_PRODUCT = 1.0
"""Instructions a product, requantization included."""
A_LONE_PRODUCT = 1.5
"""More a product of positions that do not fill a block of a convolution."""
A_GATHERED_VALUE = 3.0
"""Instructions to bring a value into the plane of a depthwise convolution."""
A_MOVED_BYTE = 1.3
"""Instructions to copy a byte, words at a time."""
A_CALL = 60.0
"""Instructions to enter a kernel for a step."""
A_CHANNEL = 250.0
"""Instructions to begin a channel of a depthwise convolution: its weights go to registers."""


def row_cost(members: Members, group: RowGroup) -> float:
    """Additional instructions of an inference."""
    return sum(_moved(group, window) for window in group.windows.values()) + sum(
        _member(members, group, node) for node in group.nodes
    )


def _moved(group: RowGroup, window: Window) -> float:
    steps = group.warm_up + group.steps
    copied = window.height * window.row_bytes if window.copied else 0
    return A_MOVED_BYTE * (steps * window.kept * window.row_bytes + copied)


def _member(members: Members, group: RowGroup, node: Node) -> float:
    made, reach = group.made(node), group.reaches[node.name]
    calls = group.steps if node.outputs[0] == group.output else _calls(group, group.windows[node.outputs[0]])
    cost = A_CALL * calls
    if node.op not in ("conv2d", "depthwise_conv2d"):
        return cost
    source, weights, output = (members.dims(name) for name in (*node.inputs[:2], node.outputs[0]))
    products = prod(weights[1:]) if node.op == "conv2d" else weights[1] * weights[2]
    beyond = max(0, calls * made - output[1])
    cost += A_PRODUCT * beyond * output[2] * output[3] * products
    if node.op == "depthwise_conv2d":
        again = max(0, calls * ((made - 1) * reach.stride + reach.rows) - source[1])
        return cost + A_GATHERED_VALUE * again * source[2] * source[3] + A_CHANNEL * (calls - 1) * output[3]
    rows = (1, made, *output[2:])
    block = patches_of(weights, source[3], rows, node.attrs["stride"], ((0, 0), node.attrs["pad"][1])).block
    lone = made * output[2] % block if block else made * output[2]
    return cost + A_LONE_PRODUCT * calls * lone * output[3] * products


def _calls(group: RowGroup, window: Window) -> int:
    """Steps in which a member makes a row of the image."""
    begin = window.end - window.fresh
    first = max(-group.warm_up, (-window.fresh - begin) // window.fresh + 1)
    last = min(group.steps - 1, -((begin - window.height) // window.fresh) - 1)
    return max(0, last - first + 1)
