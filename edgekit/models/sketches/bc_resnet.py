"""Sketch of ``bc-resnet`` (models/students/bc_resnet.py): the same layers from the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.core.errors import BadConfigError
from edgekit.models.sketches.arguments import factor, known, whole
from edgekit.models.sketches.layers import (
    Map,
    Pen,
    add,
    batch_norm,
    conv,
    conv_bn,
    flatten,
    mean,
    node,
    relu,
    reshape,
    silu,
)

_KNOWN = frozenset({"classes", "tau", "dropout"})
_SUB_BANDS = 5
_STAGES = ((1.0, 2, False), (1.5, 2, True), (2.0, 4, True), (2.5, 4, False))


def draw(pen: Pen, x: Map, arguments: Mapping[str, Any]) -> Map:
    """[1, 1, F, T] → logits [1, classes].

    Raises:
        BadConfigError: arguments that the model does not take.
    """
    known(arguments, _KNOWN, "bc-resnet")
    base = whole(int(8 * factor(arguments.get("tau", 1.0), "tau")), "tau", least=2)
    x = conv_bn(pen, x, 2 * base, (5, 5), (2, 1))
    for stage, (share, count, halve) in enumerate(_STAGES):
        for place in range(count):
            x = _block(pen, x, int(base * share), 2 if halve and place == 0 else 1, 2**stage)
    x = conv(pen, x, x.channels, (5, 5), padding=(0, 2), groups=x.channels)
    x = conv_bn(pen, x, 4 * base)
    x = node(pen, "GlobalAveragePool", [x], (1, x.channels, 1, 1))
    return flatten(pen, conv(pen, x, whole(arguments.get("classes", 12), "classes"), bias=True))


def _block(pen: Pen, x: Map, width: int, stride: int, dilation: int) -> Map:
    y = x if x.channels == width else conv_bn(pen, x, width)
    y = conv(pen, y, width, (3, 1), (stride, 1), groups=width)
    bands = _sub_spectral_norm(pen, y)
    time = conv(pen, mean(pen, bands, 2), width, (1, 3), dilation=(1, dilation), groups=width)
    y = add(pen, bands, conv(pen, silu(pen, batch_norm(pen, time)), width))
    return relu(pen, add(pen, y, x) if x.channels == width else y)


def _sub_spectral_norm(pen: Pen, x: Map) -> Map:
    height, width = x.size
    if height % _SUB_BANDS:
        raise BadConfigError(f"{height} frequencies are not a multiple of {_SUB_BANDS} bands")
    split = reshape(pen, x, 1, x.channels * _SUB_BANDS, height // _SUB_BANDS, width)
    return reshape(pen, batch_norm(pen, split), *x.shape)


def narrower(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """τ in quarters, which are steps of 2 channels, down to a half."""
    tau = factor(arguments.get("tau", 1.0), "tau")
    for quarters in range(int(4 * tau - 1e-9), 1, -1):
        smaller = quarters / 4
        yield f"tau {tau:g} → {smaller:g}", {**arguments, "tau": smaller}
