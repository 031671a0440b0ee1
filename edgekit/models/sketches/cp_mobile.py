"""Sketch of ``cp-mobile`` (models/students/cp_mobile.py): the same layers from the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.core.errors import BadConfigError
from edgekit.models.sketches.arguments import Pair, divisible, factor, flag, known, pair_of, several, whole
from edgekit.models.sketches.layers import (
    Map,
    Pen,
    add,
    average_pool,
    conv_bn,
    divide,
    global_mean,
    mean,
    mul,
    node,
    relu,
)

_KNOWN = frozenset({"classes", "base_channels", "multiplier", "expansion", "blocks", "strides", "grn"})
_BASELINE_STRIDES: Mapping[str, Pair] = {"3": (1, 2), "4": (2, 1)}


def draw(pen: Pen, x: Map, arguments: Mapping[str, Any]) -> Map:
    """[1, 1, F, T] → logits [1, classes].

    Raises:
        BadConfigError: arguments that the model does not take.
    """
    known(arguments, _KNOWN, "cp-mobile")
    expansion = factor(arguments.get("expansion", 2.1), "expansion")
    grn = flag(arguments.get("grn", False), "grn")
    blocks = _blocks(arguments)
    widths = _widths(arguments, len(blocks))
    strides = iter(_strides(arguments, sum(blocks)))
    base = divisible(whole(arguments.get("base_channels", 32), "base_channels", least=4))
    x = conv_bn(pen, x, base // 4, (3, 3), (2, 2))
    x = conv_bn(pen, x, widths[0], (3, 3), (2, 2))
    for width, count in zip(widths, blocks, strict=True):
        for _ in range(count):
            x = _block(pen, x, width, expansion, next(strides), grn)
    x = conv_bn(pen, x, whole(arguments.get("classes", 10), "classes"), act=False)
    return global_mean(pen, x)


def _block(pen: Pen, x: Map, width: int, expansion: float, stride: Pair, grn: bool) -> Map:
    inner = divisible(x.channels * expansion)
    y = conv_bn(pen, x, inner)
    y = conv_bn(pen, y, inner, (3, 3), stride, groups=inner)
    y = conv_bn(pen, y, width, act=False)
    if x.channels == width:
        y = add(pen, y, x if stride == (1, 1) else average_pool(pen, x, 3, stride, 1))
    return relu(pen, _response_norm(pen, y) if grn else y)


def _response_norm(pen: Pen, x: Map) -> Map:
    norms = node(pen, "ReduceL2", [x], (1, x.channels, 1, 1), axes=(2, 3), keepdims=1)
    scaled = divide(pen, norms, add(pen, mean(pen, norms, 1), pen.scalar(1e-6)))
    y = add(pen, mul(pen, pen.weight(1), mul(pen, x, scaled)), pen.weight(1))
    return add(pen, y, x)


def less_expansion(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The expansion in steps of a tenth down to 1."""
    expansion = factor(arguments.get("expansion", 2.1), "expansion")
    for tenths in range(int(expansion * 10) - 1, 9, -1):
        smaller = tenths / 10
        yield f"expansion {expansion} → {smaller}", {**arguments, "expansion": smaller}


def narrower(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The base width in steps of 8."""
    base = whole(arguments.get("base_channels", 32), "base_channels", least=4)
    for width in range((base - 1) // 8 * 8, 7, -8):
        yield f"base_channels {base} → {width}", {**arguments, "base_channels": width}


def strided(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """One more block with stride 2, over time, over frequency, over both: the latest block first."""
    given = arguments.get("strides")
    strides = {**(_BASELINE_STRIDES if given is None else given)}
    for number in range(sum(_blocks(arguments)), 0, -1):
        for stride in ([1, 2], [2, 1], [2, 2]):
            if str(number) not in strides:
                changed = {**strides, str(number): stride}
                yield f"stride of block {number} [1, 1] → {stride}", {**arguments, "strides": changed}


def _blocks(arguments: Mapping[str, Any]) -> list[int]:
    return [whole(count, "blocks", most=16) for count in several(arguments.get("blocks", (3, 2, 1)), "blocks")][:16]


def _widths(arguments: Mapping[str, Any], stages: int) -> list[int]:
    base = divisible(whole(arguments.get("base_channels", 32), "base_channels", least=4))
    multiplier = factor(arguments.get("multiplier", 1.8), "multiplier")
    return [whole(divisible(base * multiplier**stage), "multiplier") for stage in range(stages)]


def _strides(arguments: Mapping[str, Any], number: int) -> list[Pair]:
    given = arguments.get("strides")
    table = _BASELINE_STRIDES if given is None else given
    if not isinstance(table, Mapping):
        raise BadConfigError(f"{table!r} is no table of strides", where="strides")
    strides = [(1, 1)] * number
    for key, value in table.items():
        if not str(key).isdecimal() or not 1 <= int(key) <= number:
            raise BadConfigError(f"there is no block {key!r}", where="strides")
        strides[int(key) - 1] = pair_of(value, "strides")
    return strides
