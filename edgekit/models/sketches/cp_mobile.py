"""Sketch of ``cp-mobile`` (models/students/cp_mobile.py): the same layers from the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.core.errors import BadConfigError
from edgekit.models.sketches.layers import Layers, Map, Pair, divisible, factor, pair_of, several, whole

_KNOWN = frozenset({"classes", "base_channels", "multiplier", "expansion", "blocks", "strides", "grn"})
_BASELINE_STRIDES: Mapping[str, Pair] = {"3": (1, 2), "4": (2, 1)}


def draw(layers: Layers, x: Map, arguments: Mapping[str, Any]) -> Map:
    """[1, F, T] → logits [classes, 1, 1].

    Raises:
        BadConfigError: arguments that the model does not take, or GRN, which is not sketched.
    """
    unknown = sorted(arguments.keys() - _KNOWN)
    if unknown or arguments.get("grn", False):
        raise BadConfigError(f"no sketch with {unknown[0] if unknown else 'grn'!r}", where="model cp-mobile")
    expansion = factor(arguments.get("expansion", 2.1), "expansion")
    blocks = _blocks(arguments)
    widths = _widths(arguments, len(blocks))
    strides = _strides(arguments, sum(blocks))
    base = divisible(whole(arguments.get("base_channels", 32), "base_channels", least=4))
    x = layers.conv_bn(x, base // 4, (3, 3), (2, 2))
    x = layers.conv_bn(x, widths[0], (3, 3), (2, 2))
    number = 0
    for width, count in zip(widths, blocks, strict=True):
        for _ in range(count):
            x = _block(layers, x, width, expansion, strides[number])
            number += 1
    x = layers.conv_bn(x, whole(arguments.get("classes", 10), "classes"), relu=False)
    return layers.global_mean(x)


def _block(layers: Layers, x: Map, width: int, expansion: float, stride: Pair) -> Map:
    inner = divisible(x.channels * expansion)
    y = layers.conv_bn(x, inner)
    y = layers.conv_bn(y, inner, (3, 3), stride, depthwise=True)
    y = layers.conv_bn(y, width, relu=False)
    if x.channels == width:
        y = layers.add(y, x if stride == (1, 1) else layers.average_pool(x, 3, stride, 1))
    return layers.relu(y)


def narrower(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The expansion in steps of a tenth down to 1, then the base width in steps of 8 at the given expansion."""
    expansion = factor(arguments.get("expansion", 2.1), "expansion")
    for tenths in range(int(expansion * 10) - 1, 9, -1):
        smaller = tenths / 10
        yield f"expansion {expansion} → {smaller}", {**arguments, "expansion": smaller}
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
