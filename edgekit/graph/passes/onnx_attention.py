"""Rules of the ONNX lowering for what attention is made of: products of activations and softmax."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import Builder, unsupported
from edgekit.graph.passes.views import View, in_order, layouts


def product(node: Node, build: Builder) -> None:
    """MatMul of two activations, or of one and a constant that is no weight matrix → batch_matmul.

    An operand that lies transposed is read so (adj_x, adj_y); one that lies otherwise is transposed first, the right
    one so that its rows are what is summed over.
    """
    sides = [build.value(node, position) for position in (0, 1)]
    rank = max(2, *(len(side.shape) for side in sides))
    if rank > 5 or min(len(side.shape) for side in sides) < 2:
        raise unsupported(node, f"MatMul of {sides[0].shape} and {sides[1].shape}")
    names, transposed = zip(*(_operand(node, build, i, side, rank) for i, side in enumerate(sides)), strict=True)
    attrs = {"adj_x": transposed[0], "adj_y": transposed[1]}
    build.result(node, build.direct(build.emit("batch_matmul", node.name, list(names), attrs)))


def _operand(node: Node, build: Builder, position: int, side: View | np.ndarray, rank: int) -> tuple[str, bool]:
    """Edge tensor of an operand with ``rank`` axes, and whether its last two are exchanged."""
    natural = tuple(range(rank))
    swapped = (*natural[:-2], rank - 1, rank - 2)
    if not isinstance(side, View):
        return build.weight(f"{node.name}/constant", side.reshape((1,) * (rank - side.ndim) + side.shape)), False
    view = side.moved(side.index.reshape((1,) * (rank - side.index.ndim) + side.shape))
    direct = in_order(view.index)
    exchange = not direct and (position == 1 or in_order(view.index.transpose(swapped)))
    return build.arranged(node, view, swapped if exchange else natural), exchange


def softmax(node: Node, build: Builder) -> None:
    """Softmax over any one axis → softmax over the last axis of an edge tensor, with β = 1."""
    view = build.view(node)
    rank = view.index.ndim
    axis = node.attrs.get("axis", -1 if build.opset >= 13 else 1) % max(rank, 1)
    # Before opset 13 all axes from ``axis`` on form one row; that is one axis only where nothing follows.
    row = view.shape[axis:] if build.opset < 13 else (view.shape[axis],)
    if rank == 0 or row != (view.shape[axis],):
        raise unsupported(node, f"Softmax over axis {axis} of {view.shape}")
    fitting = layouts(view, build.tensors[view.name].dims)
    behind = (*(other for other in range(rank) if other != axis), axis)
    order = next((item for item in fitting if item[-1] == axis), behind)
    source = build.arranged(node, view, order)
    build.result(node, build.ordered(build.emit("softmax", node.name, [source], {"beta": 1.0}), order))
