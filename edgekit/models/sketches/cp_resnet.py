"""Sketch of ``cp-resnet`` (models/students/cp_resnet.py): the same layers from the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.core.errors import BadConfigError
from edgekit.models.sketches.arguments import Pair, choice, known, several, whole
from edgekit.models.sketches.layers import Map, Pen, add, conv_bn, global_mean, max_pool, relu

_KNOWN = frozenset({"classes", "rho", "base_channels", "blocks", "groups", "cut_channels", "layout"})


@dataclass(frozen=True)
class _Layout:
    """As in models/students/cp_resnet.py."""

    grid: int
    first_rho: int
    first_pool: bool
    pool: Pair


_LAYOUTS = {"2022": _Layout(2, 2, True, (2, 1)), "2020": _Layout(4, 1, False, (2, 2))}
_POOLED_AFTER = (1, 2, 4)


def draw(pen: Pen, x: Map, arguments: Mapping[str, Any]) -> Map:
    """[1, 1, F, T] → logits [1, classes].

    Raises:
        BadConfigError: arguments that the model does not take.
    """
    known(arguments, _KNOWN, "cp-resnet")
    form = _LAYOUTS[choice(arguments.get("layout", "2022"), tuple(_LAYOUTS), "layout")]
    rho = whole(arguments.get("rho", 8), "rho", least=0)
    base, cut = _base(arguments), whole(arguments.get("cut_channels", 36), "cut_channels", least=0)
    blocks = [whole(count, "blocks", most=form.grid) for count in several(arguments.get("blocks", (2, 1, 1)), "blocks")]
    widths = (base, 2 * base, 4 * base - cut)
    groups = whole(arguments.get("groups", 2), "groups")
    if len(blocks) != 3 or min(widths) < 1 or base % groups:
        raise BadConfigError("the widths do not fit the groups or the cut", where="model cp-resnet")
    x = conv_bn(pen, x, base, (5, 5), (2, 2), padding=(1, 1))
    x = max_pool(pen, x, (2, 2)) if form.first_pool else x
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        for place in range(count):
            kernels = _kernels(rho, form, stage * form.grid + place)
            x = _block(pen, x, width, kernels, groups if stage == 1 else 1)
            if stage == 0 and place + 1 in _POOLED_AFTER:
                x = max_pool(pen, x, form.pool)
    return global_mean(pen, conv_bn(pen, x, whole(arguments.get("classes", 10), "classes"), act=False))


def _block(pen: Pen, x: Map, width: int, kernels: Pair, groups: int) -> Map:
    y = conv_bn(pen, x, width, (kernels[0],) * 2, groups=groups)
    y = conv_bn(pen, y, width, (kernels[1],) * 2, groups=groups, act=False)
    shortcut = x if x.channels == width else conv_bn(pen, x, width, groups=groups, act=False)
    return relu(pen, add(pen, y, shortcut))


def _kernels(rho: int, form: _Layout, place: int) -> Pair:
    if place == 0:
        return 3, 1
    position = 2 * (place - 1) + form.first_rho
    return (3 if rho >= position else 1), (3 if rho > position else 1)


def narrower(arguments: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The base width in steps of 4, the cut of stage 3 in proportion."""
    base, cut = _base(arguments), whole(arguments.get("cut_channels", 36), "cut_channels", least=0)
    for width in range((base - 1) // 4 * 4, 3, -4):
        smaller = cut * width // base
        yield f"base_channels {base} → {width}", {**arguments, "base_channels": width, "cut_channels": smaller}


def _base(arguments: Mapping[str, Any]) -> int:
    return whole(arguments.get("base_channels", 32), "base_channels")
