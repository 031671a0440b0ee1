"""Cycles of one inference: every block that an emulated core runs, its branches, and the lines it takes from flash."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.bench.cortex_m import Core
from edgekit.bench.cycles.cost import BlockCosts
from edgekit.bench.cycles.timing import TIMINGS, Span, exactly
from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import SPANS
from edgekit.bench.protocol import features_request
from edgekit.core.errors import TargetError
from edgekit.deploy.memory import Clock, Flash
from edgekit.deploy.project import Image


@dataclass(frozen=True)
class CycleEstimate:
    """Modelled cycles of one inference of the model, front-end not included.

    Attributes:
        cycles: all of them.
        flash_cycles: those among them that wait for the flash.
        instructions: exact.
        source: of the instructions' costs.
    """

    cycles: Span
    flash_cycles: int
    instructions: int
    source: str

    def milliseconds(self, clock: Clock) -> Span:
        """At a clock rate."""
        return self.cycles.times(1e3 / clock.hertz)


def estimate_cycles(image: Image, features: np.ndarray, flash: Flash | None = None) -> CycleEstimate:
    """Run one inference and add up what its instructions cost.

    Args:
        image: built for a core in TIMINGS.
        features: int8, one input.
        flash: wait states and caches; None for none, as from tightly coupled memory.

    Raises:
        TargetError: the core has no timing or no emulator.
    """
    if image.target.name not in TIMINGS:
        mend = f"use one of {', '.join(TIMINGS)}"
        raise TargetError("has no cycle model", where=image.target.name, mend=mend)
    core = Core(read_elf(image.path), image.target)
    core.exchange(b"")
    counter = _Counter(core, image, flash or Flash())
    with counter:
        core.exchange(features_request(features), counted=True)
    return counter.result()


class _Lines:
    """A least-recently-used cache of flash lines."""

    def __init__(self, lines: int, line_bytes: int) -> None:
        self.lines, self.line_bytes, self.misses = lines, line_bytes, 0
        self._held: OrderedDict[int, None] = OrderedDict()

    def touch(self, address: int, size: int) -> None:
        for line in range(address // self.line_bytes, (address + size - 1) // self.line_bytes + 1):
            if line in self._held:
                self._held.move_to_end(line)
                continue
            self.misses += 1
            self._held[line] = None
            if len(self._held) > max(1, self.lines):
                self._held.popitem(last=False)


class _Counter:
    """Hooks that follow the core while it is inside the model."""

    def __init__(self, core: Core, image: Image, flash: Flash) -> None:
        self._core, self._emulator = core, core.emulator
        self._costs = BlockCosts(TIMINGS[image.target.name])
        self._flash, self._region = flash, image.target.memory.flash
        self._code, self._data = (_Lines(n, flash.line_bytes) for n in (flash.code_lines, flash.data_lines))
        entry = read_elf(image.path).symbol(image.name + SPANS["model"])
        if entry is None:
            raise TargetError("the image has no model", where=str(image.path), mend="build it again")
        self._entry, self._return, self._next = entry.address, -1, -1
        self._blocks: dict[tuple[int, int], Any] = {}
        self._cycles, self._instructions = exactly(0), 0
        self._hooks: list[int] = []

    def __enter__(self) -> None:
        unicorn, link = self._core.unicorn, self._core.link_register
        self._link = link
        self._hooks = [self._emulator.hook_add(unicorn.UC_HOOK_BLOCK, self._on_block)]
        if self._flash.wait_states:
            begin, end = self._region.origin, self._region.end - 1
            self._hooks.append(self._emulator.hook_add(unicorn.UC_HOOK_MEM_READ, self._on_read, None, begin, end))

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            self._emulator.hook_del(hook)

    def result(self) -> CycleEstimate:
        """After the run."""
        waits = self._flash.wait_states * (self._code.misses + self._data.misses)
        return CycleEstimate(self._cycles + exactly(waits), waits, self._instructions, self._costs.timing.source)

    def _on_block(self, emulator: Any, address: int, size: int, _: object) -> None:
        if address == self._return:
            self._return = -1
        if address == self._entry and self._return < 0:
            self._return = emulator.reg_read(self._link) & ~1
        if self._return < 0:
            return
        key = (address, size)
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = self._costs.of(bytes(emulator.mem_read(address, size)), address)
        if address != self._next:  # came by a branch
            self._cycles += self._costs.timing.refill
        self._cycles += block.cycles
        self._instructions += block.instructions
        self._next = address + size
        if self._flash.wait_states:
            self._code.touch(address, size)

    def _on_read(self, emulator: Any, access: int, address: int, size: int, value: int, _: object) -> None:
        if self._return >= 0:
            self._data.touch(address, size)
