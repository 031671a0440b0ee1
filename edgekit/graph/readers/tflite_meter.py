"""Bounded access to a TFLite flatbuffer: what is read of it altogether has a limit."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError


class Meter:
    """Counts elements that are read, so that vectors that share their bytes cannot multiply the work.

    Args:
        left: elements that may still be read.
    """

    def __init__(self, left: int) -> None:
        self._left = left

    def charge(self, amount: int) -> None:
        """Take ``amount`` off what is left; raises BadFileError where nothing is."""
        self._left -= int(amount)
        if self._left < 0:
            raise BadFileError("refers to the same data far too often")

    def count(self, count: int, limit: int, what: str) -> int:
        """``count`` itself, charged; raises BadFileError beyond ``limit``."""
        if count > limit:
            raise BadFileError(f"{count} {what} are more than the limit of {limit}")
        self.charge(count)
        return count

    def vector(self, table: Any, field: str) -> np.ndarray:
        """A vector of scalars as a view into the file (numpy checks that it lies inside)."""
        length = getattr(table, f"{field}Length")()
        self.charge(length)
        values: np.ndarray = getattr(table, f"{field}AsNumpy")() if length else np.empty(0, np.int32)
        return values

    def ints(self, table: Any, field: str) -> tuple[int, ...]:
        """A vector of integers."""
        return tuple(self.vector(table, field).tolist())

    def text(self, raw: bytes | None) -> str:
        """A text; bytes that are no UTF-8 are replaced."""
        text = (raw or b"").decode("utf-8", "replace")
        self.charge(len(text))
        return text
