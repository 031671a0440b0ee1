"""Cycles of one block of straight code, from its instructions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgekit.bench.cycles.timing import Span, Timing, exactly
from edgekit.core.optional import require

_LONG = ("smull", "umull", "smlal", "umlal", "smlald", "umaal")
_MULTIPLY_ADD = (
    "mla", "mls", "smla", "smlad", "smlsd", "smmla", "smmls", "smlaw", "smlabb", "smlabt", "smlatb", "smlatt",
)  # fmt: skip
_SEVERAL = ("ldm", "stm", "push", "pop", "vldm", "vstm", "vpush", "vpop")
_PAIRED_LOADS = ("ldrd", "strd")


@dataclass(frozen=True)
class BlockCost:
    """What a block costs each time it runs.

    Attributes:
        cycles: without wait states and without what a taken branch adds.
        instructions: of it.
    """

    cycles: Span
    instructions: int


class BlockCosts:
    """Costs of blocks on one core; each block is looked at once.

    Raises:
        MissingDependencyError: capstone is not installed.
    """

    def __init__(self, timing: Timing) -> None:
        capstone = require("capstone", "mcu")
        self.timing = timing
        self._decoder: Any = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        self._decoder.detail = True

    def of(self, code: bytes, address: int) -> BlockCost:
        """The cost of a block's bytes."""
        total, count, before, paired = exactly(0), 0, "", False
        last: Any = None
        for instruction in self._decoder.disasm(code, address):
            name = instruction.mnemonic.split(".")[0]
            cost = self._one(name, instruction, before)
            if self.timing.pairs and not paired and last is not None and _independent(last, instruction):
                cost, paired = Span(0, 0, cost.typical), True  # issued with the one before
            else:
                paired = False
            total, before, last = total + cost, name, instruction
            count += 1
        return BlockCost(total, count)

    def _one(self, name: str, instruction: Any, before: str) -> Span:
        timing = self.timing
        if name.startswith("v"):
            return self._vector(name, instruction)
        if name.startswith(_SEVERAL):
            return exactly(1 + timing.each * _moved(name, instruction))
        if name.startswith(_PAIRED_LOADS):
            return exactly(1 + 2 * timing.each)
        if name.startswith(("ldr", "str")):
            return timing.chained if before.startswith(("ldr", "str")) else timing.load
        if name.startswith(_LONG):
            return timing.long_multiply
        if name.startswith(_MULTIPLY_ADD):
            return timing.multiply_add
        if name.startswith(("mul", "smul", "smmul", "smuad", "smusd")):
            return timing.multiply
        if name.startswith(("sdiv", "udiv")):
            return timing.divide
        return exactly(1)

    def _vector(self, name: str, instruction: Any) -> Span:
        if name.startswith(("vldm", "vstm", "vpush", "vpop")):
            return exactly(1 + self.timing.each * _moved(name, instruction))
        if name.startswith(("vldr", "vstr")):
            return self.timing.load
        if name.startswith(("vmla", "vmls", "vfma", "vfms", "vnmla", "vnmls", "vfnma", "vfnms")):
            return self.timing.vfp_multiply_add
        if name.startswith(("vdiv", "vsqrt")):
            return self.timing.vfp_divide
        return exactly(1)


def _moved(name: str, instruction: Any) -> int:
    """Registers that a load or store of several moves: the first operand of ldm and stm is the address."""
    return len(instruction.operands) - (0 if "p" in name else 1)


_HEAVY = ("ldr", "str", "mul", "mla", "sm", "um", "sdiv", "udiv", "b", "cb", "v", *_SEVERAL)


def _independent(first: Any, second: Any) -> bool:
    """Neither reads what the other writes, and at most one of them is more than plain arithmetic."""
    if first.mnemonic.startswith(_HEAVY) and second.mnemonic.startswith(_HEAVY):
        return False
    read_first, written_first = (set(registers) for registers in first.regs_access())
    read_second, written_second = (set(registers) for registers in second.regs_access())
    return not (written_first & (read_second | written_second)) and not (written_second & read_first)
