"""Sketch of ``mobile-vit`` (models/students/mobile_vit.py): the same layers from the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.core.errors import BadConfigError
from edgekit.models.sketches.arguments import choice, factor, known, several, whole
from edgekit.models.sketches.layers import (
    Map,
    Pen,
    concat,
    conv,
    conv_bn,
    global_mean,
    linear,
    node,
    reshape,
    transpose,
)
from edgekit.models.sketches.tokens import Transformer, block, norm

_KNOWN = frozenset({"classes", "channels", "widths", "layers", "heads", "mlp_ratio", "expansion", "norm", "activation"})
_CHANNELS, _WIDTHS, _LAYERS = (16, 24, 32, 40), (32, 40), (1, 2)
_PATCH = 2


def draw(pen: Pen, x: Map, arguments: Mapping[str, Any]) -> Map:
    """[1, 1, F, T] → logits [1, classes].

    Raises:
        BadConfigError: arguments that the model does not take.
    """
    known(arguments, _KNOWN, "mobile-vit")
    stem, first, second, third = _list(arguments, "channels", _CHANNELS)
    widths, layers = _list(arguments, "widths", _WIDTHS), _list(arguments, "layers", _LAYERS)
    expansion = whole(arguments.get("expansion", 2), "expansion", most=64)
    x = conv_bn(pen, x, stem, (3, 3), (2, 2))
    x = _inverted(pen, x, first, expansion)
    x = _inverted(pen, x, second, expansion)
    x = _mobile_block(pen, x, widths[0], layers[0], _transformer(arguments, widths[0]))
    x = _inverted(pen, x, third, expansion)
    x = _mobile_block(pen, x, widths[1], layers[1], _transformer(arguments, widths[1]))
    return linear(pen, global_mean(pen, x), whole(arguments.get("classes", 10), "classes"))


def _inverted(pen: Pen, x: Map, width: int, expansion: int) -> Map:
    inner = x.channels * expansion
    y = conv_bn(pen, x, inner)
    y = conv_bn(pen, y, inner, (3, 3), (2, 2), groups=inner)
    return conv_bn(pen, y, width, act=False)


def _mobile_block(pen: Pen, x: Map, width: int, layers: int, form: Transformer) -> Map:
    y = conv(pen, conv_bn(pen, x, x.channels, (3, 3)), width)
    rows, columns = x.size
    padded = _pad(pen, y)
    tokens = _unfold(pen, padded)
    for _ in range(layers):
        tokens = block(pen, tokens, form)
    y = _fold(pen, norm(pen, tokens, form.norm), padded.size)
    if padded.size != x.size:
        operands = [y, pen.integers(0, 0), pen.integers(rows, columns), pen.integers(2, 3)]
        y = node(pen, "Slice", operands, (1, width, rows, columns))
    y = concat(pen, (x, conv_bn(pen, y, x.channels)), 1)
    return conv_bn(pen, y, x.channels, (3, 3))


def _pad(pen: Pen, x: Map) -> Map:
    height, width = (size + size % _PATCH for size in x.size)
    if (height, width) == x.size:
        return x
    pads = pen.integers(0, 0, 0, 0, 0, 0, height - x.shape[2], width - x.shape[3])
    return node(pen, "Pad", [x, pads], (1, x.channels, height, width), mode="constant")


def _unfold(pen: Pen, x: Map) -> Map:
    rows, columns = (size // _PATCH for size in x.size)
    x6 = reshape(pen, x, 1, x.channels, rows, _PATCH, columns, _PATCH)
    return reshape(pen, transpose(pen, x6, 0, 3, 5, 2, 4, 1), _PATCH * _PATCH, rows * columns, x.channels)


def _fold(pen: Pen, tokens: Map, size: tuple[int, int]) -> Map:
    rows, columns = (side // _PATCH for side in size)
    depth = tokens.shape[2]
    x6 = transpose(pen, reshape(pen, tokens, 1, _PATCH, _PATCH, rows, columns, depth), 0, 5, 3, 1, 4, 2)
    return reshape(pen, x6, 1, depth, *size)


def _transformer(arguments: Mapping[str, Any], width: int) -> Transformer:
    heads = whole(arguments.get("heads", 4), "heads")
    if width % heads:
        raise BadConfigError(f"width {width} does not divide into {heads} heads", where="model mobile-vit")
    ratio = factor(arguments.get("mlp_ratio", 2.0), "mlp_ratio")
    kind = choice(arguments.get("norm", "layer"), ("layer", "batch"), "norm")
    activation = choice(arguments.get("activation", "gelu"), ("gelu", "quick-gelu", "relu"), "activation")
    return Transformer(heads, max(1, int(width * ratio)), kind, activation)


def narrower(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All widths smaller by the same share, in eighths, those of the transformers in multiples of the heads."""
    channels, widths = _list(arguments, "channels", _CHANNELS), _list(arguments, "widths", _WIDTHS)
    heads = whole(arguments.get("heads", 4), "heads")
    for eighths in range(7, 1, -1):
        smaller = [max(4, width * eighths // 32 * 4) for width in channels]
        tokens = [max(heads, width * eighths // (8 * heads) * heads) for width in widths]
        yield (
            f"channels {channels} → {smaller}, widths {widths} → {tokens}",
            {
                **arguments,
                "channels": smaller,
                "widths": tokens,
            },
        )


def _list(arguments: Mapping[str, Any], name: str, default: tuple[int, ...]) -> list[int]:
    values = [whole(value, name) for value in several(arguments.get(name, default), name)]
    if len(values) != len(default):
        raise BadConfigError(f"{len(values)} values instead of {len(default)}", where=f"model mobile-vit {name}")
    return values
