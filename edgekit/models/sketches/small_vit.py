"""Sketch of ``small-vit`` (models/students/small_vit.py): the same layers from the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.core.errors import BadConfigError
from edgekit.models.sketches.arguments import Pair, choice, factor, flag, known, pair_of, whole
from edgekit.models.sketches.layers import Map, Pen, add, concat, conv, divide, linear, node, reshape, transpose
from edgekit.models.sketches.tokens import Transformer, block, norm

_KNOWN = frozenset(
    {"classes", "input_shape", "patch", "stride", "layers", "width", "heads", "mlp_ratio", "norm", "activation"}
    | {"positions", "distillation", "dropout"}
)
_MOST_TOKENS = 4_096


def draw(pen: Pen, x: Map, arguments: Mapping[str, Any]) -> Map:
    """[1, 1, F, T] → logits [1, classes].

    Raises:
        BadConfigError: arguments that the model does not take, or features of another shape than it was built for.
    """
    known(arguments, _KNOWN, "small-vit")
    if pair_of(arguments.get("input_shape", (128, 100)), "input_shape") != x.size:
        raise BadConfigError(f"features of {x.size}", where="model small-vit input_shape")
    width, form = _width(arguments), _transformer(arguments)
    tokens = _embed(pen, x, width, arguments)
    for _ in range(whole(arguments.get("layers", 4), "layers", most=64)):
        tokens = block(pen, tokens, form)
    tokens = norm(pen, tokens, form.norm)
    classes = whole(arguments.get("classes", 10), "classes")
    heads = [linear(pen, _token(pen, tokens, place), classes) for place in range(1 + _distilled(arguments))]
    return heads[0] if len(heads) == 1 else divide(pen, add(pen, *heads), pen.scalar(2.0))


def _embed(pen: Pen, x: Map, width: int, arguments: Mapping[str, Any]) -> Map:
    side = pair_of(arguments.get("patch", 15), "patch")
    x = conv(pen, x, width, side, _step(arguments), padding=(0, 0), bias=True)
    count = x.shape[2] * x.shape[3]
    if not 1 <= count <= _MOST_TOKENS:
        raise BadConfigError(f"{count} patches", where="model small-vit")
    tokens = transpose(pen, reshape(pen, x, 1, width, count), 0, 2, 1)
    positions = choice(arguments.get("positions", "sine"), ("sine", "learned", "none"), "positions")
    if positions != "none":
        tokens = add(pen, tokens, pen.weight(1, count, width))
    extra = [pen.weight(1, 1, width) for _ in range(1 + _distilled(arguments))]
    return concat(pen, (*extra, tokens), 1)


def _token(pen: Pen, tokens: Map, place: int) -> Map:
    return node(pen, "Gather", [tokens, pen.index(place)], (1, tokens.shape[2]), axis=1)


def _transformer(arguments: Mapping[str, Any]) -> Transformer:
    width, heads = _width(arguments), whole(arguments.get("heads", 6), "heads")
    if width % heads:
        raise BadConfigError(f"width {width} does not divide into {heads} heads", where="model small-vit")
    ratio = factor(arguments.get("mlp_ratio", 1.0), "mlp_ratio")
    kind = choice(arguments.get("norm", "layer"), ("layer", "batch"), "norm")
    activation = choice(arguments.get("activation", "gelu"), ("gelu", "quick-gelu", "relu"), "activation")
    return Transformer(heads, max(1, int(width * ratio)), kind, activation)


def narrower(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The width in steps that the heads and the sine codes can divide."""
    width, heads = _width(arguments), whole(arguments.get("heads", 6), "heads")
    for smaller in range(width - 1, 3, -1):
        if smaller % heads == 0 and smaller % 4 == 0:
            yield f"width {width} → {smaller}", {**arguments, "width": smaller}


def shallower(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Fewer transformer blocks."""
    layers = whole(arguments.get("layers", 4), "layers", most=64)
    for fewer in range(layers - 1, 0, -1):
        yield f"layers {layers} → {fewer}", {**arguments, "layers": fewer}


def strided(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Longer steps between the patches, up to patches that do not overlap."""
    side, step = pair_of(arguments.get("patch", 15), "patch"), _step(arguments)
    for more in range(1, max(side)):
        longer = [max(old, min(old + more, limit)) for old, limit in zip(step, side, strict=True)]
        yield f"stride {list(step)} → {longer}", {**arguments, "stride": longer}
        if all(new >= limit for new, limit in zip(longer, side, strict=True)):
            return


def _width(arguments: Mapping[str, Any]) -> int:
    return whole(arguments.get("width", 60), "width")


def _step(arguments: Mapping[str, Any]) -> Pair:
    return pair_of(arguments.get("stride", 10), "stride")


def _distilled(arguments: Mapping[str, Any]) -> int:
    return int(flag(arguments.get("distillation", False), "distillation"))
