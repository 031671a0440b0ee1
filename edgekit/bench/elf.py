"""ELF images read with pyelftools: segments to load, symbols, section sizes."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.core.errors import BadFileError
from edgekit.core.optional import require

MAX_ELF_BYTES = 256 << 20
SHF_WRITE, SHF_ALLOC = 1, 2


@dataclass(frozen=True)
class Segment:
    """Bytes that a loader writes: physical (load) address and data."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Section:
    """An allocated section: ``stored`` is False for .bss and other sections without bytes in the file."""

    name: str
    address: int
    size: int
    writable: bool
    stored: bool


@dataclass(frozen=True)
class Symbol:
    """A function or object: address without the Thumb bit, size in bytes, name of its section."""

    name: str
    address: int
    size: int
    kind: str
    section: str


@dataclass(frozen=True)
class Elf:
    """What edgekit needs of an ELF image.

    Attributes:
        path: of the file.
        segments, sections, symbols: as above.
        machine: instruction set, as in the file's head: "EM_ARM" or "EM_AARCH64".
        mapping: (address, code or data from here on), ascending: Arm's mapping symbols (ELF for the Arm Architecture,
            5.5.5).
    """

    path: Path
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    mapping: tuple[tuple[int, bool], ...] = ()
    machine: str = "EM_ARM"

    def read(self, address: int, size: int) -> bytes:
        """Bytes that a loader writes to ``address``.

        Raises:
            BadFileError: no segment holds them.
        """
        for segment in self.segments:
            begin = address - segment.address
            if begin >= 0 and begin + size <= len(segment.data):
                return segment.data[begin : begin + size]
        raise BadFileError(f"has no bytes at {address:#x}", where=str(self.path), mend="build the image again")

    def is_code(self, address: int) -> bool:
        """Whether instructions, not literals, lie at ``address``, by the file's mapping symbols ($t and $d)."""
        index = bisect.bisect_right(self.mapping, (address, True)) - 1
        return index < 0 or self.mapping[index][1]

    def symbol(self, name: str) -> Symbol | None:
        """The symbol called ``name``, None when there is none."""
        return next((symbol for symbol in self.symbols if symbol.name == name), None)

    def function_at(self, address: int) -> str:
        """``name+0x12`` of the function that holds ``address``, or the address itself."""
        for symbol in self.symbols:
            if symbol.kind == "function" and symbol.address <= address < symbol.address + max(symbol.size, 1):
                return f"{symbol.name}+{address - symbol.address:#x}"
        return f"{address:#010x}"


def read_elf(path: Path) -> Elf:
    """Read an ELF file.

    Raises:
        BadFileError: no ELF, damaged, or larger than MAX_ELF_BYTES.
        MissingDependencyError: pyelftools is not installed.
    """
    elffile = require("elftools.elf.elffile", "mcu")
    exceptions = require("elftools.common.exceptions", "mcu")
    construct = require("elftools.construct", "mcu")
    broken = (exceptions.ELFError, construct.ConstructError, ValueError, KeyError, UnicodeDecodeError, OverflowError)
    try:
        if path.stat().st_size > MAX_ELF_BYTES:
            raise BadFileError(f"larger than {MAX_ELF_BYTES:,} B", where=str(path), mend="give a firmware image")
        with path.open("rb") as stream:
            return _read(elffile.ELFFile(stream), path)
    except OSError as error:
        raise BadFileError(f"cannot be read: {error.strerror}", where=str(path), mend="check the path") from error
    except broken as error:
        raise BadFileError("is no readable ELF image", where=str(path), mend="build it again") from error


def _read(file: Any, path: Path) -> Elf:
    segments = tuple(
        Segment(part["p_paddr"], part.data())
        for part in file.iter_segments()
        if part["p_type"] == "PT_LOAD" and part["p_filesz"]
    )
    sections = tuple(
        Section(
            part.name, part["sh_addr"], part["sh_size"],
            bool(part["sh_flags"] & SHF_WRITE), part["sh_type"] != "SHT_NOBITS",
        )
        for part in file.iter_sections()
        if part["sh_flags"] & SHF_ALLOC
    )  # fmt: skip
    return Elf(path, segments, sections, tuple(_symbols(file)), _mapping(file), str(file["e_machine"]))


def _mapping(file: Any) -> tuple[tuple[int, bool], ...]:
    table = file.get_section_by_name(".symtab")
    entries = table.iter_symbols() if table is not None else ()
    return tuple(sorted((e["st_value"], e.name.startswith("$t")) for e in entries if e.name[:2] in ("$t", "$d")))


def _symbols(file: Any) -> list[Symbol]:
    table = file.get_section_by_name(".symtab")
    kinds = {"STT_FUNC": "function", "STT_OBJECT": "object", "STT_NOTYPE": "label"}
    found = []
    for entry in table.iter_symbols() if table is not None else ():
        kind = kinds.get(entry["st_info"]["type"])
        if kind is None or not entry.name or entry.name.startswith("$"):
            continue
        index = entry["st_shndx"]
        section = file.get_section(index).name if isinstance(index, int) else ""
        address = entry["st_value"] & ~1 if kind == "function" else entry["st_value"]
        found.append(Symbol(entry.name, address, entry["st_size"], kind, section))
    return found
