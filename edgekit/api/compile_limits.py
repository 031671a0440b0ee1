"""Compiling within a limit of flash or RAM: purposes are bent step by step until an image fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import inf

from edgekit.core.errors import TargetError
from edgekit.deploy.c.choice import FLASH_PRICES, STRAIGHT, Bent, Optimize

PRICES = (20.0, 100.0, inf)
"""Instructions that a byte of flash is worth, tried one after the other where flash is short."""


@dataclass(frozen=True)
class Limits:
    """Bytes that an image may take; None for no limit.

    Attributes:
        ram: static RAM, the stack beside it.
        flash: all of the image.
    """

    ram: int | None = None
    flash: int | None = None


@dataclass(frozen=True)
class Setting:
    """A purpose for kernels and compiler flags, and how it is bent."""

    optimize: Optimize
    bent: Bent = STRAIGHT


@dataclass(frozen=True)
class Taken:
    """What an attempt takes, in bytes.

    Attributes:
        flash: of the image, 0 where none was built.
        ram: static RAM, the arena included.
        arena: of activations.
    """

    flash: int
    ram: int
    arena: int


def fitting(optimize: Optimize, limits: Limits, attempt: Callable[[Setting], Taken], where: str) -> Setting:
    """The setting nearest to ``optimize`` with which the image keeps ``limits``.

    RAM first: the cheapest known plan of an arena that leaves room for what else is static. Then flash: kernels that
    take less of it, compiled for size where that is not enough.

    Args:
        optimize: the purpose asked for.
        limits: to keep.
        attempt: generates and builds.
        where: for the error.

    Raises:
        TargetError: nothing known fits; says what the smallest takes.
    """
    setting = Setting(optimize)
    taken = attempt(setting)
    if limits.ram is not None and taken.ram > limits.ram:
        room = max(0, limits.ram - (taken.ram - taken.arena))
        setting = Setting(optimize, Bent(max_arena=room))
        taken = attempt(setting)
    _require("RAM", taken.ram, limits.ram, where)
    for other in _smaller(setting):
        if limits.flash is None or taken.flash <= limits.flash:
            break
        found = attempt(other)
        if found.flash < taken.flash and (limits.ram is None or found.ram <= limits.ram):
            setting, taken = other, found
    _require("flash", taken.flash, limits.flash, where)
    return setting


def _smaller(setting: Setting) -> Iterator[Setting]:
    """Settings of less flash: kernels first, then the compiler's flags of the next purpose, too."""
    order: tuple[Optimize, ...] = ("speed", "balanced", "size")
    for purpose in order[order.index(setting.optimize) :]:
        prices = [price for price in PRICES if price > FLASH_PRICES[purpose]]
        if purpose != setting.optimize:
            yield Setting(purpose, replace(setting.bent, flash_price=None))
        for price in prices:
            yield Setting(purpose, replace(setting.bent, flash_price=price))


def _require(memory: str, found: int, limit: int | None, where: str) -> None:
    if limit is not None and found > limit:
        raise TargetError(
            f"does not fit: {memory} is limited to {limit:,} B, the least found is {found:,} B",
            where=where,
            mend="make the model smaller, or allow more",
        )
