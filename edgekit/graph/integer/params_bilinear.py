"""What resize_bilinear needs at run time: the values between others."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.graph.integer.params_arithmetic import Clamp


@dataclass(frozen=True)
class Line:
    """One axis of resize_bilinear: both neighbours of every output position, and the second's weight in 1/1024."""

    lower: tuple[int, ...]
    upper: tuple[int, ...]
    weight: tuple[int, ...]


@dataclass(frozen=True)
class BilinearParams:
    """resize_bilinear: rows and columns."""

    rows: Line
    columns: Line
    clamp: Clamp
