"""Sketch of ``ds-cnn`` (models/students/dscnn.py): the same layers from the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.core.errors import BadConfigError
from edgekit.models.sketches.layers import Layers, Map, Pair, pair_of, several, whole

_KNOWN = frozenset(
    {"classes", "channels", "blocks", "stem_kernel", "stem_stride", "block_strides", "head_kernel", "dropout"}
)
_STEP = 4
"""Widths are tried in multiples of this, which the integer kernels like."""


def draw(layers: Layers, x: Map, arguments: Mapping[str, Any]) -> Map:
    """[1, H, W] → logits [classes, 1, 1].

    Raises:
        BadConfigError: arguments that the model does not take.
    """
    unknown = sorted(arguments.keys() - _KNOWN)
    if unknown:
        raise BadConfigError(f"unknown argument {unknown[0]!r}", where="model ds-cnn")
    widths = _widths(arguments)
    kernel = pair_of(arguments.get("stem_kernel", (10, 4)), "stem_kernel")
    padding = (kernel[0] // 2, (kernel[1] - 1) // 2)
    x = layers.conv_bn(x, widths[0], kernel, _stem_stride(arguments), padding=padding)
    for width, stride in zip(widths[1:], _block_strides(arguments, len(widths) - 1), strict=True):
        x = layers.conv_bn(x, x.channels, (3, 3), stride, depthwise=True)
        x = layers.conv_bn(x, width)
    if arguments.get("head_kernel") is not None:
        head = pair_of(arguments["head_kernel"], "head_kernel")
        x = layers.conv_bn(x, x.channels, head, padding=(0, 0), depthwise=True)
    return layers.linear(layers.global_mean(x), whole(arguments.get("classes", 12), "classes"))


def narrower(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All widths smaller by the same share, down to an eighth, in steps of 4 of the widest layer."""
    given = arguments.get("channels", 64)
    widths = _widths(arguments)
    widest = max(widths)
    tried = set()
    for width in range((widest - 1) // _STEP * _STEP, max(_STEP, widest // 8) - 1, -_STEP):
        if isinstance(given, int):
            scaled: int | list[int] = width
        else:
            scaled = [max(_STEP, round(each * width / widest / _STEP) * _STEP) for each in widths]
        if str(scaled) not in tried:
            tried.add(str(scaled))
            yield f"channels {given} → {scaled}", {**arguments, "channels": scaled}


def strided(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The stem's stride doubled over the width, over the height, over both."""
    height, width = _stem_stride(arguments)
    for stride in ((height, 2 * width), (2 * height, width), (2 * height, 2 * width)):
        change = f"stem_stride {[height, width]} → {list(stride)}"
        yield change, {**arguments, "stem_stride": list(stride)}


def _widths(arguments: Mapping[str, Any]) -> list[int]:
    channels, blocks = arguments.get("channels", 64), arguments.get("blocks")
    if isinstance(channels, int):
        number = 4 if blocks is None else whole(blocks, "blocks", most=64)
        return [whole(channels, "channels")] * (1 + number)
    widths = [whole(width, "channels") for width in several(channels, "channels")]
    if len(widths) < 2 or len(widths) > 65 or (blocks is not None and blocks != len(widths) - 1):
        raise BadConfigError(f"{len(widths)} channels do not fit", where="channels")
    return widths


def _stem_stride(arguments: Mapping[str, Any]) -> Pair:
    return pair_of(arguments.get("stem_stride", (2, 2)), "stem_stride")


def _block_strides(arguments: Mapping[str, Any], number: int) -> list[Pair]:
    given = arguments.get("block_strides")
    strides = [(1, 1)] * number if given is None else [pair_of(s, "block_strides") for s in several(given, "strides")]
    if len(strides) != number:
        raise BadConfigError(f"{len(strides)} strides for {number} blocks", where="block_strides")
    return strides
