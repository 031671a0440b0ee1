"""Sketch of ``tf-sepnet`` (models/students/tf_sepnet.py): the same layers from the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.core.errors import BadConfigError
from edgekit.models.sketches.arguments import choice, known, whole
from edgekit.models.sketches.layers import (
    Map,
    Pen,
    add,
    concat,
    conv,
    conv_bn,
    divide,
    max_pool,
    mean,
    mul,
    node,
    reshape,
    split,
    sub,
    transpose,
)

_KNOWN = frozenset({"classes", "width", "dropout", "layout"})
_STAGES = ((1.0, 2), (1.5, 2), (2.0, 2), (2.5, 3))
_POOLED_BEFORE = {"2023": (1, 2), "2024": (1, 2, 3)}
_SHUFFLE_2023 = 10


def draw(pen: Pen, x: Map, arguments: Mapping[str, Any]) -> Map:
    """[1, 1, F, T] → logits [1, classes].

    Raises:
        BadConfigError: arguments that the model does not take.
    """
    known(arguments, _KNOWN, "tf-sepnet")
    layout, width = _layout(arguments), _width(arguments)
    if width % _step(layout):
        raise BadConfigError(f"width {width} is no multiple of {_step(layout)}", where="model tf-sepnet")
    norm = _adaptive_norm if layout == "2023" else _residual_norm
    x = norm(pen, _stem(pen, x, width, layout))
    for stage, (share, count) in enumerate(_STAGES):
        if stage in _POOLED_BEFORE[layout]:
            x = max_pool(pen, x, (2, 2))
        after = int(share * width)
        for _ in range(count):
            x = _block(pen, x, after, _SHUFFLE_2023 if layout == "2023" else after // 2)
        x = norm(pen, x)
    x = conv(pen, x, whole(arguments.get("classes", 10), "classes"), bias=True)
    return mean(pen, x, 2, 3, keep=False)


def _stem(pen: Pen, x: Map, width: int, layout: str) -> Map:
    if layout == "2023":
        return conv(pen, x, 2 * width, (5, 5), (2, 2))
    x = conv_bn(pen, x, width // 2, (3, 3), (2, 2))
    return conv_bn(pen, x, 2 * width, (3, 3), (2, 2), groups=width // 2)


def _block(pen: Pen, x: Map, width: int, groups: int) -> Map:
    x = x if x.channels == width else conv_bn(pen, x, width)
    height, frames = x.size
    x = transpose(pen, reshape(pen, x, 1, width // groups, groups, height, frames), 0, 2, 1, 3, 4)
    over_frequency, over_time = split(pen, reshape(pen, x, 1, width, height, frames), 2, axis=1)
    first = _branch(pen, over_frequency, (3, 1), 2)
    second = _branch(pen, over_time, (1, 3), 3)
    return concat(pen, (first, second), 1)


def _branch(pen: Pen, x: Map, kernel: tuple[int, int], axis: int) -> Map:
    pooled = mean(pen, conv_bn(pen, x, x.channels, kernel, groups=x.channels), axis)
    return add(pen, x, conv_bn(pen, pooled, x.channels))


def _adaptive_norm(pen: Pen, x: Map) -> Map:
    rho, gamma, beta = (pen.weight(1, x.channels, 1, 1) for _ in range(3))
    scaled = mul(pen, rho, x)
    rest = sub(pen, pen.scalar(1.0), rho)
    mixed = add(pen, scaled, mul(pen, rest, _frequency_norm(pen, x)))
    return add(pen, mul(pen, gamma, mixed), beta)


def _residual_norm(pen: Pen, x: Map) -> Map:
    return add(pen, mul(pen, x, pen.scalar(0.1)), _frequency_norm(pen, x))


def _frequency_norm(pen: Pen, x: Map) -> Map:
    centred = sub(pen, x, mean(pen, x, 1, 3))
    variance = add(pen, mean(pen, mul(pen, centred, centred), 1, 3), pen.scalar(1e-5))
    return divide(pen, centred, node(pen, "Sqrt", [variance], variance.shape))


def narrower(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The width in the steps that the layout's shuffle allows."""
    width, step = _width(arguments), _step(_layout(arguments))
    for smaller in range((width - 1) // step * step, 0, -step):
        yield f"width {width} → {smaller}", {**arguments, "width": smaller}


def _layout(arguments: Mapping[str, Any]) -> str:
    return choice(arguments.get("layout", "2023"), tuple(_POOLED_BEFORE), "layout")


def _width(arguments: Mapping[str, Any]) -> int:
    return whole(arguments.get("width", 40), "width")


def _step(layout: str) -> int:
    return 2 * _SHUFFLE_2023 if layout == "2023" else 4
