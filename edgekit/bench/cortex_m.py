"""A Cortex-M core in unicorn that runs a bare-metal image and counts its instructions exactly.

The image is loaded once and then served request after request over semihosting. Instructions are counted by a hook at
every block of straight code, whose instructions are counted once; without counting, the core runs at full speed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from edgekit.bench.elf import Elf
from edgekit.bench.semihosting import Console
from edgekit.bench.thumb import count_instructions
from edgekit.core.errors import TargetError
from edgekit.core.optional import require
from edgekit.deploy.memory import Region
from edgekit.deploy.target import Target

CPU_MODELS: Mapping[str, str] = MappingProxyType(
    {
        "cortex-m0": "UC_CPU_ARM_CORTEX_M0",
        "cortex-m3": "UC_CPU_ARM_CORTEX_M3",
        "cortex-m4": "UC_CPU_ARM_CORTEX_M4",
        "cortex-m7": "UC_CPU_ARM_CORTEX_M7",
        "cortex-m33": "UC_CPU_ARM_CORTEX_M33",
    }
)
"""Target to unicorn's core."""

INSTRUCTION_LIMIT = 20_000_000_000
"""Counted instructions of one request after which the image is taken to hang."""
SECONDS_LIMIT = 600
"""The same for runs without counting."""

PAGE = 4096
SYSTEM_CONTROL = 0xE000_E000
BREAKPOINT = 7
"""Number under which unicorn reports a BKPT instruction (EXCP_BKPT)."""
SEMIHOSTING_BKPT = b"\xab\xbe"


@dataclass
class _Span:
    """A function whose inclusive instructions are counted."""

    total: int = 0
    start: int | None = None


class Core:
    """One loaded image on one emulated core.

    Args:
        elf: the image.
        target: a microcontroller target with a unicorn core.
        spans: name to symbol: functions whose instructions (callees included) are counted on their own.

    Raises:
        TargetError: unicorn has no such core, or the image does not fit the board's memory.
        MissingDependencyError: unicorn is not installed.
    """

    def __init__(self, elf: Elf, target: Target, spans: Mapping[str, str] | None = None) -> None:
        if target.name not in CPU_MODELS:
            raise TargetError("is not emulated", where=target.name, mend=f"use one of {', '.join(CPU_MODELS)}")
        self._unicorn: Any = require("unicorn", "mcu")
        self._arm: Any = require("unicorn.arm_const", "mcu")
        self._elf, self._target = elf, target
        self._console = Console()
        self._fault = ""
        self._counts: dict[int, int] = {}
        self._watch: dict[int, str] = {}
        self._spans: dict[str, _Span] = {}
        self._entries: dict[int, str] = {}
        self.instructions = 0
        self.instruction_limit = INSTRUCTION_LIMIT
        self._core = self._load()
        self._pc = self._reset()
        for name, symbol_name in (spans or {}).items():
            symbol = elf.symbol(symbol_name)
            if symbol is not None:
                self._entries[symbol.address], self._spans[name] = name, _Span()

    def exchange(self, request: bytes, counted: bool = False) -> bytes:
        """Give the image ``request`` and run it until it waits for more; returns what it wrote.

        Args:
            request: bytes of semihosting input.
            counted: count instructions into ``instructions`` and the spans (slower).

        Raises:
            TargetError: a fault, the program's end, or a run over the limit.
        """
        self._console.incoming += request
        self._console.outgoing.clear()
        self._console.starved = False
        self._fault = ""
        hook = self._counting_hook() if counted else None
        try:
            self._run()
        finally:
            if hook is not None:
                self._core.hook_del(hook)
        return bytes(self._console.outgoing)

    def _counting_hook(self) -> int:
        # Blocks that ran before without the hook were translated without it, and would not call it.
        self._core.ctl_flush_tb()
        hook: int = self._core.hook_add(self._unicorn.UC_HOOK_BLOCK, self._on_block)
        return hook

    @property
    def unicorn(self) -> Any:
        """The package, for the numbers of its hooks."""
        return self._unicorn

    @property
    def emulator(self) -> Any:
        """The engine, to hang further hooks on."""
        return self._core

    @property
    def link_register(self) -> int:
        """Number of LR in unicorn."""
        return int(self._arm.UC_ARM_REG_LR)

    def clear_counts(self) -> None:
        """Set all counts to zero."""
        self.instructions = 0
        for span in self._spans.values():
            span.total, span.start = 0, None

    def span(self, name: str) -> int | None:
        """Instructions counted inside a span; None when the image has no such function."""
        return self._spans[name].total if name in self._spans else None

    def _load(self) -> Any:
        unicorn, board = self._unicorn, self._target.memory
        core = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        core.ctl_set_cpu_model(getattr(self._arm, CPU_MODELS[self._target.name]))
        for region in (board.flash, board.ram, Region(SYSTEM_CONTROL, PAGE)):
            core.mem_map(region.origin, -(-region.size // PAGE) * PAGE)
        for segment in self._elf.segments:
            end = segment.address + len(segment.data)
            if not any(r.origin <= segment.address and end <= r.end for r in (board.flash, board.ram)):
                raise TargetError(
                    f"the image holds {segment.address:#x}…{end:#x}, which {board.name} has not",
                    where=str(self._elf.path),
                    mend="build it for this target",
                )
            core.mem_write(segment.address, segment.data)
        core.hook_add(unicorn.UC_HOOK_INTR, self._on_interrupt)
        core.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._on_bad_access)
        return core

    def _reset(self) -> int:
        """What the core does at reset: stack pointer and first address from the vector table."""
        table = self._core.mem_read(self._target.memory.vectors, 8)
        self._core.reg_write(self._arm.UC_ARM_REG_SP, int.from_bytes(table[:4], "little"))
        return int.from_bytes(table[4:], "little")

    def _run(self) -> None:
        if self._console.exit_status is not None:
            raise TargetError("the program on the core has ended", where=str(self._elf.path), mend="load it again")
        try:
            self._core.emu_start(self._pc | 1, 0xFFFF_FFFE, timeout=SECONDS_LIMIT * 1_000_000)
        except self._unicorn.UcError as error:
            self._fault = self._fault or str(error)
        self._pc = self._core.reg_read(self._arm.UC_ARM_REG_PC)
        if self._fault:
            raise TargetError(f"fault on the core: {self._fault}", where=self._elf.function_at(self._pc), mend=_REPORT)
        if self._console.exit_status is not None:
            raise TargetError(
                f"the program ended with status {self._console.exit_status} instead of an answer",
                where=str(self._elf.path),
                mend="check the length of the input",
            )
        if not self._console.starved:
            where = self._elf.function_at(self._pc)
            raise TargetError(f"no answer within {SECONDS_LIMIT} s", where=where, mend=_REPORT)

    def _on_interrupt(self, core: Any, number: int, _: object) -> None:
        pc = core.reg_read(self._arm.UC_ARM_REG_PC)
        if number != BREAKPOINT or bytes(core.mem_read(pc, 2)) != SEMIHOSTING_BKPT:
            self._fault = f"exception {number}"
            core.emu_stop()
            return
        operation = core.reg_read(self._arm.UC_ARM_REG_R0)
        argument = core.reg_read(self._arm.UC_ARM_REG_R1)
        result = self._console.call(operation, argument, lambda a, n: bytes(core.mem_read(a, n)), core.mem_write)
        if result is None:  # stay on the instruction: a later run asks again
            core.emu_stop()
            return
        core.reg_write(self._arm.UC_ARM_REG_R0, result & 0xFFFF_FFFF)
        core.reg_write(self._arm.UC_ARM_REG_PC, (pc + 2) | 1)

    def _on_bad_access(self, core: Any, access: int, address: int, size: int, value: int, _: object) -> bool:
        kind = "write" if access == self._unicorn.UC_MEM_WRITE_UNMAPPED else "read or fetch"
        below = self._target.memory.ram.origin
        stack = " (stack overflow: it grew below RAM)" if below - PAGE * 16 <= address < below else ""
        self._fault = f"{kind} of {size} B at {address:#010x}, where nothing is{stack}"
        return False

    def _on_block(self, core: Any, address: int, size: int, _: object) -> None:
        if address in self._entries or address in self._watch:
            self._mark(core, address)
        key = address << 16 | size
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = count_instructions(bytes(core.mem_read(address, size)))
        self.instructions += count
        if self.instructions > self.instruction_limit:
            self._fault = f"more than {self.instruction_limit:,} instructions"
            core.emu_stop()

    def _mark(self, core: Any, address: int) -> None:
        """Enter or leave a counted function; its return address starts a block of its own."""
        name = self._watch.pop(address, None)
        if name is not None:
            span = self._spans[name]
            span.total += self.instructions - (span.start or 0)
            span.start = None
        name = self._entries.get(address)
        if name is not None and self._spans[name].start is None:
            self._spans[name].start = self.instructions
            self._watch[core.reg_read(self._arm.UC_ARM_REG_LR) & ~1] = name


_REPORT = "report it with the model, or give the core more stack"
