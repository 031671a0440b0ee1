"""Rule of the ONNX lowering for Einsum of two values: a product of matrices, or one element by element."""

from __future__ import annotations

from math import prod

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import Builder, Value, unsupported
from edgekit.graph.passes.onnx_elementwise import mul
from edgekit.graph.passes.onnx_weighted import matmul
from edgekit.graph.passes.views import View


def einsum(node: Node, build: Builder) -> None:
    """Einsum of two values → MatMul over the labels that the output lacks; → Mul where it has them all.

    Rearranging the operands is index arithmetic (views.py). An operand that is a constant becomes the right one.

    Raises:
        UnsupportedOpError: one operand or more than two, an ellipsis, a diagonal, a label of one operand alone that is
            summed.
    """
    sides, output = _labels(node)
    values = [build.value(node, position) for position in range(len(node.inputs))]
    if len(values) != 2 or len(sides) != 2:
        raise unsupported(node, f"Einsum of {len(values)} values")
    if not isinstance(values[0], View):
        values, sides, node = values[::-1], sides[::-1], node.replace(inputs=node.inputs[::-1])
    sizes = _sizes(node, sides, values)
    left, right = sides
    summed = [label for label in left if label in right and label not in output]
    alone = [label for label in left + right if label not in output and label not in summed]
    if alone or len(set(output)) != len(output) or not set(output) <= set(left + right):
        raise unsupported(node, f"Einsum {node.attrs['equation']!r}")
    if not summed:
        _elementwise(node, build, values, sides, output)
        return
    batch = [label for label in left if label in right and label in output]
    rows, columns = ([label for label in side if label not in batch and label not in summed] for side in sides)
    order = [*batch, *rows, *columns]
    shapes = [
        [*(sizes[label] for label in batch), *(prod(sizes[label] for label in group) for group in pair)]
        for pair in ((rows, summed), (summed, columns))
    ]
    if prod(sizes[label] for label in batch) == 1:
        shapes[1] = shapes[1][len(batch) :]
    orders = ([*batch, *rows, *summed], [*batch, *summed, *columns])
    names = [
        _bound(build, f"{node.name}/{i}", _arranged(value, side, wanted, shape), node.inputs[i])
        for i, (value, side, wanted, shape) in enumerate(zip(values, sides, orders, shapes, strict=True))
    ]
    matmul(node.replace(inputs=tuple(names)), build)
    product = build.values[node.outputs[0]]
    assert isinstance(product, View)
    build.result(node, product.moved(_rearranged(product.index, order, output, sizes)))


def _labels(node: Node) -> tuple[list[str], str]:
    """Labels of the inputs and of the output of ``node``'s equation."""
    equation = str(node.attrs.get("equation", "")).replace(" ", "")
    inputs, arrow, output = equation.partition("->")
    sides = inputs.split(",")
    if not arrow:
        output = "".join(sorted(label for label in set(inputs) - {","} if inputs.count(label) == 1))
    if "." in equation or any(len(set(side)) != len(side) for side in sides):
        raise unsupported(node, f"Einsum {equation!r}")
    return sides, output


def _sizes(node: Node, sides: list[str], values: list[Value]) -> dict[str, int]:
    """Size of every label."""
    sizes: dict[str, int] = {}
    for side, value in zip(sides, values, strict=True):
        if len(side) != len(value.shape):
            raise BadFileError(f"Einsum with labels {side!r} of a value of shape {value.shape}", where=node.name)
        for label, size in zip(side, value.shape, strict=True):
            if sizes.setdefault(label, size) != size:
                raise BadFileError(f"Einsum whose label {label!r} is {sizes[label]} and {size}", where=node.name)
    return sizes


def _elementwise(node: Node, build: Builder, values: list[Value], sides: list[str], output: str) -> None:
    """The product of both, each with axes of size 1 for the labels that it lacks."""
    names = []
    for i, (value, side) in enumerate(zip(values, sides, strict=True)):
        own = [label for label in output if label in side]
        shape = [value.shape[side.index(label)] if label in side else 1 for label in output]
        names.append(_bound(build, f"{node.name}/{i}", _arranged(value, side, own, shape), node.inputs[i]))
    mul(node.replace(op="Mul", inputs=tuple(names)), build)


def _arranged(value: Value, side: str, wanted: list[str], shape: list[int]) -> Value:
    perm = [side.index(label) for label in wanted]
    if isinstance(value, View):
        return value.moved(value.index.transpose(perm).reshape(shape))
    return np.ascontiguousarray(value.transpose(perm).reshape(shape))


def _rearranged(index: np.ndarray, order: list[str], output: str, sizes: dict[str, int]) -> np.ndarray:
    return index.reshape([sizes[label] for label in order]).transpose([order.index(label) for label in output])


def _bound(build: Builder, name: str, value: Value, source: str) -> str:
    """Bind a value inside the rule; a dequantized constant with one scale keeps it."""
    build.values[name] = value
    if source in build.scales and build.scales[source].size == 1:
        build.scales[name] = build.scales[source]
    return name
