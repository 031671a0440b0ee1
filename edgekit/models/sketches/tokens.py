"""Parts of transformers on tokens [N, T, C] (models/transformer.py), as they are exported."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.models.sketches.layers import Map, Pen, add, batch_norm, divide, mul, node, relu, reshape, split, transpose


@dataclass(frozen=True)
class Transformer:
    """What a block is made of; names as in models/transformer.py."""

    heads: int
    inner: int
    norm: str
    activation: str


def block(pen: Pen, tokens: Map, form: Transformer) -> Map:
    """X + attention(norm(x)), then x + feed-forward(norm(x))."""
    tokens = add(pen, tokens, _attention(pen, norm(pen, tokens, form.norm), form.heads))
    inner = _linear(pen, norm(pen, tokens, form.norm), form.inner)
    return add(pen, tokens, _linear(pen, _activation(pen, inner, form.activation), tokens.shape[2]))


def norm(pen: Pen, tokens: Map, kind: str) -> Map:
    """LayerNorm, or batch norm of each channel."""
    if kind == "batch":
        return transpose(pen, batch_norm(pen, transpose(pen, tokens, 0, 2, 1)), 0, 2, 1)
    width = tokens.shape[2]
    operands = [tokens, pen.weight(width), pen.weight(width)]
    return node(pen, "LayerNormalization", operands, tokens.shape, axis=-1, epsilon=1e-6)


def _attention(pen: Pen, tokens: Map, heads: int) -> Map:
    batch, count, width = tokens.shape
    depth = width // heads
    thirds = split(pen, _linear(pen, tokens, 3 * width), 3, axis=2)
    queries, keys, values = (reshape(pen, third, batch, count, heads, depth) for third in thirds)
    scaled = mul(pen, transpose(pen, queries, 0, 2, 1, 3), pen.scalar(depth**-0.5))
    scores = node(pen, "MatMul", [scaled, transpose(pen, keys, 0, 2, 3, 1)], (batch, heads, count, count))
    weights = node(pen, "Softmax", [scores], scores.shape, axis=-1)
    mixed = node(pen, "MatMul", [weights, transpose(pen, values, 0, 2, 1, 3)], scaled.shape)
    joined = reshape(pen, transpose(pen, mixed, 0, 2, 1, 3), batch, count, width)
    return _linear(pen, joined, width)


def _linear(pen: Pen, tokens: Map, features: int) -> Map:
    batch, count, width = tokens.shape
    weight = transpose(pen, pen.weight(features, width), 1, 0)
    return add(pen, pen.weight(features), node(pen, "MatMul", [tokens, weight], (batch, count, features)))


def _activation(pen: Pen, x: Map, kind: str) -> Map:
    if kind == "relu":
        return relu(pen, x)
    if kind == "quick-gelu":
        return mul(pen, x, node(pen, "Sigmoid", [mul(pen, x, pen.scalar(1.702))], x.shape))
    erf = node(pen, "Erf", [divide(pen, x, pen.scalar(2.0**0.5))], x.shape)
    return mul(pen, mul(pen, x, add(pen, erf, pen.scalar(1.0))), pen.scalar(0.5))
