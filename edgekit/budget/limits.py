"""What a budget can limit: one row a key, with its unit, its direction and the sentence that is its rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekit.core.units import parse_count, parse_milliseconds, parse_ratio

COUNTINGS: tuple[str, ...] = ("true", "dcase")
"""Names of the counting conventions (DESIGN: Counting)."""

TARGETS: tuple[str, ...] = (
    "cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55",
    "rpi3", "rpi4", "rpi5", "cpu", "cuda",
)  # fmt: skip
"""Targets on which a latency can be limited."""


@dataclass(frozen=True)
class LimitKind:
    """One key of a budget's ``[limits]``.

    Attributes:
        key: the key in the file, and the rule's identifier in findings.
        unit: unit of the Quantity ("B", "MAC", "parameter", "op", "ratio", "ms").
        sense: "at most" or "at least".
        rule: the sentence that says what is demanded.
        mend: what usually brings a model under it.
        measured: True when no file can answer it, so that a measurement has to be given.
        conventional: True when the number depends on the counting convention.
    """

    key: str
    unit: str
    sense: Literal["at most", "at least"]
    rule: str
    mend: str
    measured: bool = False
    conventional: bool = False

    def parse(self, text: object, *, where: str) -> int | float:
        """Read a limit of this kind from a TOML value.

        Raises:
            BadConfigError: wrong unit, negative, not a number.
        """
        if self.unit == "ratio":
            return parse_ratio(text, where=where)
        if self.unit == "ms":
            return parse_milliseconds(text, where=where)
        return parse_count(text, self.unit, where=where)


_KINDS = (
    LimitKind(
        "parameters", "parameter", "at most",
        "The learned weights of the model, each counted once, stay within the limit.",
        "take a narrower width or fewer blocks",
    ),
    LimitKind(
        "parameter_bytes", "B", "at most",
        "The weights as the file stores them stay within the limit.",
        "store the weights as int8 (edgekit quantize) or take a narrower width",
        conventional=True,
    ),
    LimitKind(
        "macs", "MAC", "at most",
        "The multiply-accumulates of one inference stay within the limit, in the budget's counting convention.",
        "stride or narrow the layers named, or give the front-end fewer mel bins or frames",
        conventional=True,
    ),
    LimitKind(
        "peak_ram", "B", "at most",
        "The activation arena of the memory plan stays within the limit.",
        "stride earlier, narrow the widest activations, or run in int8 (edgekit quantize)",
    ),
    LimitKind(
        "flash", "B", "at most",
        "Weights, quantization tables and code stay within the limit.",
        "store the weights as int8 (edgekit quantize) or take a narrower width; edgekit compile gives the exact size",
    ),
    LimitKind(
        "frontend_macs", "MAC", "at most",
        "The multiplications of the front-end over one clip stay within the limit.",
        "take a longer hop, a shorter FFT or fewer mel bins",
    ),
    LimitKind(
        "float_ops", "op", "at most",
        "No more operators than the limit compute in floating point.",
        "quantize the operators named (edgekit quantize), or replace them by ones with an integer form",
    ),
    LimitKind(
        "accuracy", "ratio", "at least",
        "The measured accuracy reaches the limit.",
        "train longer, distil from a teacher, or spend the rest of the budget on width",
        measured=True,
    ),
    LimitKind(
        "accuracy_drop", "ratio", "at most",
        "The measured accuracy lost against the float model stays within the limit.",
        "calibrate on more clips or train quantization-aware",
        measured=True,
    ),
    LimitKind(
        "latency", "ms", "at most",
        "The measured time of one inference on the target stays within the limit.",
        "reduce the MACs of the layers named, or choose a faster target",
        measured=True,
    ),
)  # fmt: skip

LIMITS: dict[str, LimitKind] = {kind.key: kind for kind in _KINDS}
"""Every limit that a budget may hold, in the order of the report."""
