"""Flash and RAM of a firmware image, from its sections, and what they consist of, from its symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from edgekit.bench.elf import Elf

STACK_SECTION = ".stack"


@dataclass(frozen=True)
class Sizes:
    """Bytes of an image.

    Attributes:
        flash: code, constants and the initial values of variables (.text + .rodata + .data).
        ram: variables (.data + .bss), the stack not included.
        stack_reserved: RAM that the linker script keeps for the stack.
        sections: name to bytes, allocated sections only.
        symbols: functions and objects to (section, bytes), largest first.
    """

    flash: int
    ram: int
    stack_reserved: int
    sections: Mapping[str, int]
    symbols: Mapping[str, tuple[str, int]]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for reports."""
        return {
            "flash_bytes": self.flash,
            "ram_bytes": self.ram,
            "stack_reserved_bytes": self.stack_reserved,
            "sections": dict(self.sections),
            "symbols": [{"name": n, "section": s, "bytes": b} for n, (s, b) in self.symbols.items()],
        }


def image_sizes(elf: Elf) -> Sizes:
    """Sizes of a linked image."""
    flash = sum(section.size for section in elf.sections if section.stored)
    ram = sum(section.size for section in elf.sections if section.writable and section.name != STACK_SECTION)
    stack = sum(section.size for section in elf.sections if section.name == STACK_SECTION)
    sized = [symbol for symbol in elf.symbols if symbol.size and symbol.kind != "label"]
    sized.sort(key=lambda symbol: (-symbol.size, symbol.name))
    return Sizes(
        flash=flash,
        ram=ram,
        stack_reserved=stack,
        sections=MappingProxyType({section.name: section.size for section in elf.sections}),
        symbols=MappingProxyType({symbol.name: (symbol.section, symbol.size) for symbol in sized}),
    )
