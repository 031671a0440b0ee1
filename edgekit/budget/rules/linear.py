"""Counting rules of linear layers and matrix products."""

from __future__ import annotations

from math import prod

from edgekit.budget.layer import Layer, Rule, Work
from edgekit.graph.graph import Node

Dims = tuple[int, ...]

_CARRIERS = {"DequantizeLinear", "QuantizeLinear", "Cast", "Identity"}
# Indices of the two factors of each product.
_FACTORS: dict[str, tuple[int, int]] = {"MatMul": (0, 1), "MatMulInteger": (0, 1), "QLinearMatMul": (0, 3)}


def onnx_matmul(a: int, b: int) -> Rule:
    """Rule of MatMul and its integer forms; ``a``, ``b`` are the indices of the factors."""

    def rule(layer: Layer) -> Work:
        """A matrix product costs output elements × the length of the inner dimension.

        dcase: nothing between two activations; with a weight, it is a Linear: its weights once a clip, whatever its
        tokens.
        """
        left, right = layer.input(a).dims, layer.input(b).dims
        return _product(layer, left, right, a if layer.constant(a) else b if layer.constant(b) else None)

    return rule


def tflite_batch_matmul(layer: Layer) -> Work:
    """A batched matrix product costs output elements × the length of the inner dimension.

    dcase: nothing between two activations; with a weight, it is a Linear: its weights once a clip.
    """
    left, right = layer.input(0).dims, layer.input(1).dims
    if len(left) < 2 or len(right) < 2:
        raise layer.odd(f"has factors {left} and {right}")
    left = (*left[:-2], left[-1], left[-2]) if layer.number("adj_x", 0) else left
    right = (*right[:-2], right[-1], right[-2]) if layer.number("adj_y", 0) else right
    return _product(layer, left, right, 0 if layer.constant(0) else 1 if layer.constant(1) else None)


def onnx_gemm(layer: Layer) -> Work:
    """A Gemm costs rows × columns × the length of the inner dimension.

    dcase: a Linear: weights + bias once a clip, whatever its tokens; nothing between two activations.
    """
    left, right = layer.input(0).dims, layer.input(1).dims
    if len(left) != 2 or len(right) != 2:
        raise layer.odd(f"has factors {left} and {right}")
    rows, inner = reversed(left) if layer.number("transA", 0) else left
    depth, columns = reversed(right) if layer.number("transB", 0) else right
    if inner != depth:
        raise layer.odd(f"has factors {left} and {right} that do not fit")
    weights = [index for index in (0, 1) if layer.constant(index)]
    bias = layer.size(2) if layer.constant(2) else 0
    dcase = layer.batch * (layer.size(weights[-1]) + bias) if weights else 0
    return Work(true=rows * columns * inner, dcase=dcase)


def fully_connected(layer: Layer) -> Work:
    """A fully connected layer costs tokens × inputs × outputs.

    dcase: weights + bias once a clip, whatever its tokens.
    """
    data, weights = layer.input(0).elements, layer.input(1).dims
    if len(weights) != 2 or not weights[1] or data % weights[1]:
        raise layer.odd(f"has weights {weights} on {data} inputs")
    dcase = layer.batch * (prod(weights) + layer.size(2)) if layer.constant(1) else 0
    return Work(true=data // weights[1] * prod(weights), dcase=dcase)


def onnx_einsum(layer: Layer) -> Work:
    """An Einsum of two operands costs the product of all its index lengths; of one operand it is free.

    dcase: nothing between two activations; with a weight, its elements once a clip. More operands, an ellipsis or a
    repeated index are undecided.
    """
    equation = str(layer.attr("equation", "")).replace(" ", "")
    terms = equation.split("->")[0].split(",")
    if len(terms) == 1:
        return Work()
    if len(terms) != 2 or "." in equation or any(len(set(term)) != len(term) for term in terms):
        raise layer.odd(f"{equation!r} has no counting rule: only two operands without ellipsis or repeats have")
    lengths: dict[str, int] = {}
    for index, term in enumerate(terms):
        dims = layer.input(index).dims
        if len(dims) != len(term) or any(lengths.setdefault(i, dim) != dim for i, dim in zip(term, dims, strict=True)):
            raise layer.odd(f"{equation!r} does not fit its operands")
    weights = [index for index in (0, 1) if layer.constant(index)]
    return Work(true=prod(lengths.values()), dcase=layer.batch * layer.size(weights[-1]) if weights else 0)


def onnx_add(layer: Layer) -> Work:
    """An addition is free.

    dcase: free, except that a constant vector on a matrix product with a weight is the bias of that Linear: its
    elements once a clip.
    """
    for bias, data in ((0, 1), (1, 0)):
        vector = layer.optional(bias)
        if vector is None or not layer.constant(bias) or len(vector.shape) != 1:
            continue
        if _is_linear(layer, layer.node.inputs[data]):
            return Work(dcase=layer.batch * vector.elements)
    return Work()


def _product(layer: Layer, left: Dims, right: Dims, weight: int | None) -> Work:
    """Work of left[…,M,K] × right[…,K,N]; vectors stand for one row or one column."""
    if not left or not right or left[-1] != (right[-2] if len(right) > 1 else right[0]):
        raise layer.odd(f"has factors {left} and {right} that do not fit")
    inner = left[-1]
    rows = left[-2] if len(left) > 1 else 1
    columns = right[-1] if len(right) > 1 else 1
    stacks = _broadcast(layer, left[:-2], right[:-2])
    dcase = 0 if weight is None else layer.batch * layer.size(weight)
    return Work(true=prod(stacks) * rows * columns * inner, dcase=dcase)


def _broadcast(layer: Layer, left: Dims, right: Dims) -> Dims:
    """Leading dimensions of a stack of products, by numpy's rule."""
    rank = max(len(left), len(right))
    pairs = zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True)
    out = []
    for a, b in pairs:
        if a != b and 1 not in (a, b):
            raise layer.odd(f"has stacks {left} and {right} that do not broadcast")
        out.append(b if a == 1 else a)
    return tuple(out)


def _is_linear(layer: Layer, name: str) -> bool:
    """True when tensor ``name`` is a matrix product with a weight, perhaps behind quantizers."""
    node: Node | None = layer.producers.get(name)
    while node is not None and node.op in _CARRIERS and node.inputs:
        node = layer.producers.get(node.inputs[0])
    if node is None or node.op not in _FACTORS or len(node.inputs) <= max(_FACTORS[node.op]):
        return False
    return any(node.inputs[index] in layer.constants for index in _FACTORS[node.op])
