"""What instructions cost on each core, as data.

Sources: "Cortex-M0 Technical Reference Manual" (Arm DDI 0432), "Cortex-M0+ …" (DDI 0484), "Cortex-M3 …" (DDI 0337) and
"Cortex-M4 …" (DDI 0439), section "Instruction set summary" of each, for the zero-wait-state cycles. The manuals of
Cortex-M7 and M33 give no table: M33 is taken as the M4 (Arm describes the same in-order pipeline with limited dual
issue), M7 as the M4 with pairs of independent instructions in one cycle, which is an assumption and marked as one.

Where a manual gives a range (a pipeline refill of 1 to 3 cycles, a division of 2 to 12) all three of low, typical and
high are kept: the estimate's interval comes from these and from nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Span:
    """Cycles at least, typically, and at most."""

    low: float
    typical: float
    high: float

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.typical + other.typical, self.high + other.high)

    def times(self, factor: float) -> Span:
        """Each end multiplied."""
        return Span(self.low * factor, self.typical * factor, self.high * factor)


def exactly(cycles: float) -> Span:
    """No range."""
    return Span(cycles, cycles, cycles)


@dataclass(frozen=True)
class Timing:
    """Cycles of a core's instructions without wait states.

    Attributes:
        name: the core.
        source: where the figures are from.
        refill: of the pipeline after a taken branch, besides the branch's own cycle.
        load: a load or store by itself.
        chained: a load or store right behind another: address and data phases overlap.
        each: every register of a load or store of several; one cycle more for the whole.
        multiply, multiply_add, long_multiply, divide: integers.
        vfp_multiply_add, vfp_divide: single-precision floats; other float arithmetic is one cycle.
        pairs: independent neighbours issue together.
    """

    name: str
    source: str
    refill: Span
    load: Span
    chained: Span
    each: float
    multiply: Span
    multiply_add: Span
    long_multiply: Span
    divide: Span
    vfp_multiply_add: Span
    vfp_divide: Span
    pairs: bool = False


_NONE = exactly(0)
_M3 = Timing(
    "cortex-m3", "Arm DDI 0337, section 3.3", refill=Span(1, 2, 3), load=exactly(2), chained=Span(1, 1, 2), each=1,
    multiply=exactly(1), multiply_add=exactly(2), long_multiply=Span(3, 4, 7), divide=Span(2, 7, 12),
    vfp_multiply_add=_NONE, vfp_divide=_NONE,
)  # fmt: skip
_M4 = Timing(
    "cortex-m4", "Arm DDI 0439, sections 3.3 and 7.2", refill=Span(1, 2, 3), load=exactly(2), chained=Span(1, 1, 2),
    each=1, multiply=exactly(1), multiply_add=exactly(1), long_multiply=exactly(1), divide=Span(2, 7, 12),
    vfp_multiply_add=exactly(3), vfp_divide=exactly(14),
)  # fmt: skip
TIMINGS: Mapping[str, Timing] = MappingProxyType(
    {
        # The default RTL has the single-cycle multiplier on the parts that edgekit names (G0, RP2040).
        "cortex-m0": Timing(
            "cortex-m0", "Arm DDI 0484, section 3.3 (M0+; a taken branch is one cycle more on M0)",
            refill=Span(1, 1, 2), load=exactly(2), chained=exactly(2), each=1, multiply=exactly(1),
            multiply_add=exactly(1), long_multiply=exactly(1), divide=exactly(1), vfp_multiply_add=_NONE,
            vfp_divide=_NONE,
        ),
        "cortex-m3": _M3,
        "cortex-m4": _M4,
        "cortex-m7": Timing(
            "cortex-m7", "no table published: the M4's costs, independent neighbours together (assumption)",
            refill=Span(0, 1, 3), load=Span(1, 1, 2), chained=exactly(1), each=0.5, multiply=exactly(1),
            multiply_add=exactly(1), long_multiply=exactly(1), divide=Span(3, 8, 20), vfp_multiply_add=Span(1, 3, 3),
            vfp_divide=exactly(14), pairs=True,
        ),
        "cortex-m33": Timing(
            "cortex-m33", "no table published: the M4's costs (assumption)", refill=Span(1, 2, 3), load=Span(1, 2, 2),
            chained=exactly(1), each=1, multiply=exactly(1), multiply_add=exactly(1), long_multiply=exactly(1),
            divide=Span(2, 7, 11), vfp_multiply_add=exactly(3), vfp_divide=exactly(14),
        ),
    }
)  # fmt: skip
"""Target to its timing. Cortex-M55 has none: its vector beats overlap in ways that no public table gives."""
