"""Sketch of ``ds-cnn`` (models/students/dscnn.py): the same layers from the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.core.errors import BadConfigError
from edgekit.models.sketches.arguments import Pair, factor, known, pair_of, several, whole
from edgekit.models.sketches.layers import Map, Pen, add, conv_bn, global_mean, linear, max_pool, relu, sub

_KNOWN = frozenset(
    {"classes", "channels", "blocks", "stem_kernel", "stem_stride", "block_strides", "head_kernel", "dropout"}
    | {"peak_range", "dense_time"}
)
_AXES = ("height", "width")
_STEP = 4
"""Widths are tried in multiples of this, which the integer kernels like."""


def draw(pen: Pen, x: Map, arguments: Mapping[str, Any]) -> Map:
    """[1, 1, H, W] → logits [1, classes].

    Raises:
        BadConfigError: arguments that the model does not take.
    """
    known(arguments, _KNOWN, "ds-cnn")
    widths = _widths(arguments)
    kernel = pair_of(arguments.get("stem_kernel", (10, 4)), "stem_kernel")
    padding = (kernel[0] // 2, (kernel[1] - 1) // 2)
    if arguments.get("peak_range") is not None:
        x = _below_peak(pen, x, factor(arguments["peak_range"], "peak_range"))
    x = conv_bn(pen, x, widths[0], kernel, _stem_stride(arguments), padding=padding)
    dense = _dense_axis(arguments)
    spread = [1, 1]  # of the kernels that follow strides which are left out
    for width, stride in zip(widths[1:], _block_strides(arguments, len(widths) - 1), strict=True):
        kept = (1 if dense == 0 else stride[0], 1 if dense == 1 else stride[1])
        x = conv_bn(pen, x, x.channels, (3, 3), kept, dilation=(spread[0], spread[1]), groups=x.channels)
        x = conv_bn(pen, x, width)
        if dense is not None:
            spread[dense] *= stride[dense]
    if arguments.get("head_kernel") is not None:
        head = pair_of(arguments["head_kernel"], "head_kernel")
        x = conv_bn(pen, x, x.channels, head, padding=(0, 0), dilation=(spread[0], spread[1]), groups=x.channels)
    return linear(pen, global_mean(pen, x), whole(arguments.get("classes", 12), "classes"))


def _dense_axis(arguments: Mapping[str, Any]) -> int | None:
    """Axis along which the blocks do not stride: 0 height, 1 width."""
    axis = arguments.get("dense_time")
    if axis not in (None, *_AXES):
        raise BadConfigError(f"there is no axis {axis!r}", where="dense_time")
    return None if axis is None else _AXES.index(axis)


def _below_peak(pen: Pen, x: Map, dynamic_range: float) -> Map:
    """max(0, x − peak + range), see models/level.py."""
    relative = sub(pen, x, max_pool(pen, x, x.size))
    return relu(pen, add(pen, relative, pen.scalar(dynamic_range)))


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
