"""Exact instruction counts in QEMU, through a small TCG plug-in that is built when it is first needed.

This is the way for cores that unicorn does not have (Cortex-M55), and a second opinion for those that it has. Without
a C compiler for this machine nothing is counted.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.bench.elf import Elf
from edgekit.core.errors import TargetError
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import find_toolchain

SOURCE = Path(__file__).parent / "plugin" / "count.c"


@dataclass(frozen=True)
class Plugin:
    """A built plug-in with what it is to count.

    Attributes:
        library: the shared library.
        spans: name to (first address of the function, addresses behind the calls of it).
        out: file that it writes.
    """

    library: Path
    spans: Mapping[str, tuple[int, tuple[int, ...]]]
    out: Path

    def argument(self) -> str:
        """Value of QEMU's ``-plugin``."""
        spans = (":".join(f"{address:x}" for address in (entry, *back)) for entry, back in self.spans.values())
        return ",".join([str(self.library), *(f"span={span}" for span in spans), f"out={self.out}"])

    def calls(self) -> list[tuple[str, int]]:
        """After the run: every finished call, in order, with its instructions (callees included)."""
        names = list(self.spans)
        lines = self.out.read_text(encoding="ascii").splitlines() if self.out.exists() else []
        return [(names[int(span)], int(count)) for span, count in (line.split() for line in lines)]


def make_plugin(elf: Elf, functions: Mapping[str, str], folder: Path) -> Plugin:
    """Build the plug-in in ``folder`` for those of ``functions`` (name to symbol) that the image has.

    Raises:
        MissingDependencyError: no C compiler for this machine.
        TargetError: the compiler failed, or a function is there and never called directly.
    """
    library = folder / "count.so"
    host = find_target("cpu")
    find_toolchain(host).run(
        ["-shared", "-fPIC", "-O2", "-fvisibility=hidden", str(SOURCE), "-o", str(library)], folder
    )
    spans = {}
    for name, symbol_name in functions.items():
        symbol = elf.symbol(symbol_name)
        if symbol is not None:
            back = return_addresses(elf, symbol.address)
            if not back:
                raise TargetError(f"{symbol_name} is never called", where=str(elf.path), mend="build the image again")
            spans[name] = (symbol.address, back)
    return Plugin(library, spans, folder / "counts")


def return_addresses(elf: Elf, function: int) -> tuple[int, ...]:
    """Addresses behind every ``BL function`` in the image.

    Thumb: Armv7-M Architecture Reference Manual, A7.7.18, T1. A64: Arm Architecture Reference Manual, C6.2.
    """
    return _after_a64(elf, function) if elf.machine == "EM_AARCH64" else _after_thumb(elf, function)


def _after_a64(elf: Elf, function: int) -> tuple[int, ...]:
    """BL is 0b100101 and a signed count of 26 bits, in words from the instruction itself."""
    found = []
    for segment in elf.segments:
        words = struct.unpack(f"<{len(segment.data) // 4}I", segment.data[: len(segment.data) // 4 * 4])
        for index, word in enumerate(words):
            if word >> 26 == 0b100101:
                address, offset = segment.address + 4 * index, word & 0x3FFFFFF
                if address + 4 * (offset - (1 << 26 if offset >> 25 else 0)) == function:
                    found.append(address + 4)
    return tuple(found)


def _after_thumb(elf: Elf, function: int) -> tuple[int, ...]:
    found = []
    for segment in elf.segments:
        halves = struct.unpack(f"<{len(segment.data) // 2}H", segment.data[: len(segment.data) // 2 * 2])
        for index in range(len(halves) - 1):
            offset = _branch_offset(halves[index], halves[index + 1])
            address = segment.address + 2 * index
            if offset is not None and address + 4 + offset == function:
                found.append(address + 4)
    return tuple(found)


def _branch_offset(first: int, second: int) -> int | None:
    """The signed offset of a BL from its two halfwords; None of anything else."""
    if first & 0xF800 != 0xF000 or second & 0xD000 != 0xD000:
        return None
    sign = first >> 10 & 1
    i1, i2 = (1 - ((second >> bit & 1) ^ sign) for bit in (13, 11))
    word = sign << 24 | i1 << 23 | i2 << 22 | (first & 0x3FF) << 12 | (second & 0x7FF) << 1
    return word - (1 << 25) if sign else word


def per_clip(calls: Sequence[tuple[str, int]]) -> list[tuple[int | None, int]]:
    """(front-end, model) instructions of each clip: a clip ends with its call of the model; None without front-end.

    The call that completes a clip returns from the front-end before the model is called.
    """
    clips: list[tuple[int | None, int]] = []
    frontend: int | None = None
    for name, count in calls:
        if name == "frontend":
            frontend = (frontend or 0) + count
        else:
            clips.append((frontend, count))
            frontend = None
    return clips
