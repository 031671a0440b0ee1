"""Strict readers for the arguments of a registered model: they come from files of strangers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.errors import BadConfigError

Pair = tuple[int, int]

MAX_WIDTH = 4_096
MAX_LAYERS = 256


def known(arguments: Mapping[str, Any], names: frozenset[str], model: str) -> None:
    """Refuse arguments that the model does not take.

    Raises:
        BadConfigError: names the first of them.
    """
    unknown = sorted(map(str, arguments.keys() - names))
    if unknown:
        raise BadConfigError(f"unknown argument {unknown[0]!r}", where=f"model {model}")


def whole(value: object, name: str, least: int = 1, most: int = MAX_WIDTH) -> int:
    """A whole number in a range.

    Raises:
        BadConfigError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadConfigError(f"{value!r} is not a whole number from {least} to {most}", where=name)
    return value


def factor(value: object, name: str) -> float:
    """A positive factor.

    Raises:
        BadConfigError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 64:
        raise BadConfigError(f"{value!r} is not a factor", where=name)
    return float(value)


def several(value: object, name: str) -> list[Any]:
    """A list of a layer-like length.

    Raises:
        BadConfigError: it is none, is empty or too long.
    """
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_LAYERS:
        raise BadConfigError(f"{value!r} is not a list", where=name)
    return list(value)


def pair_of(value: object, name: str) -> Pair:
    """``3`` or ``[3, 5]`` as (height, width).

    Raises:
        BadConfigError: it is neither.
    """
    if isinstance(value, int):
        return (whole(value, name), whole(value, name))
    both = several(value, name)
    if len(both) != 2:
        raise BadConfigError(f"{value!r} is not a pair", where=name)
    return (whole(both[0], name), whole(both[1], name))


def flag(value: object, name: str) -> bool:
    """True or false.

    Raises:
        BadConfigError: neither.
    """
    if not isinstance(value, bool):
        raise BadConfigError(f"{value!r} is neither true nor false", where=name)
    return value


def choice(value: object, names: tuple[str, ...], name: str) -> str:
    """One of ``names``.

    Raises:
        BadConfigError: none of them.
    """
    if not isinstance(value, str) or value not in names:
        raise BadConfigError(f"{value!r} is none of {', '.join(names)}", where=name)
    return value


def divisible(value: float, divisor: int = 8) -> int:
    """Nearest multiple of ``divisor``, at least ``divisor``, never below 90 % of ``value`` (MobileNetV2's rule)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
