"""What was measured on one target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgekit.core.quantity import Quantity


@dataclass(frozen=True)
class Measurement:
    """One model on one target, run one way.

    A quantity that does not apply to the target is None; nothing is filled in.

    Attributes:
        model: file name of the model.
        target: "cortex-m4", "cpu", …
        runner: what executed it: "unicorn 2.1.4", "qemu-system-arm", "host gcc", …
        outputs_equal: True/False when outputs were compared with the reference (of int8 models the integer interpreter,
            byte by byte; of float models within rounding), None when not compared.
        clips: over how many clips or inputs.
        instructions: of one inference (and front-end where given), median over clips.
        flash, ram, stack: bytes of the whole image, its static RAM, and the stack's high-water mark.
        latency_ms: "p50", "p90", "p99"; only where time was really measured.
        details: further quantities by name (for instance "frontend_instructions").
        label_agreement: share of clips with the reference's label, 0 to 1; None when not compared.
        problem: why there are no figures: it does not fit, its runtime crashed, its outputs are others; "" when there
            are.
    """

    model: str
    target: str
    runner: str
    outputs_equal: bool | None
    clips: int
    instructions: Quantity | None = None
    flash: Quantity | None = None
    ram: Quantity | None = None
    stack: Quantity | None = None
    latency_ms: dict[str, Quantity] | None = None
    details: dict[str, Quantity] | None = None
    label_agreement: float | None = None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row of ``edgekit bench --format json``: a key that does not apply is null."""

        def plain(quantity: Quantity | None) -> int | float | None:
            return None if quantity is None else quantity.value

        figures = self.figures()
        first = next(iter(figures.values()), None)
        return {
            "model": self.model,
            "target": self.target,
            "runner": self.runner,
            "method": first.method if first else None,
            "outputs_equal": self.outputs_equal,
            "clips": self.clips,
            "instructions": plain(self.instructions),
            "flash_bytes": plain(self.flash),
            "ram_bytes": plain(self.ram),
            "stack_bytes": plain(self.stack),
            "latency_ms": {k: v.value for k, v in self.latency_ms.items()} if self.latency_ms else None,
            "details": {k: v.to_json() for k, v in (self.details or {}).items()},
            "label_agreement": self.label_agreement,
            "methods": {key: quantity.method for key, quantity in figures.items()},
            "problem": self.problem or None,
        }

    def figures(self) -> dict[str, Quantity]:
        """The quantities that there are, under the keys of the JSON; of the latency the median."""
        found = {
            "instructions": self.instructions,
            "latency_ms": self.latency_ms["p50"] if self.latency_ms else None,
            "ram_bytes": self.ram,
            "flash_bytes": self.flash,
            "stack_bytes": self.stack,
        }
        return {key: quantity for key, quantity in found.items() if quantity is not None}
