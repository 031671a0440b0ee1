"""Boards by name: real parts with their memory, and QEMU's machines. Each is a target: its core on its own memory map.

A board is a file of ``budgets/`` with a table ``[board]``: what the part has is at once what a model may take of it.

::

    [limits]
    flash = "1024 KiB"          # also the board's, unless [board] says otherwise
    peak_ram = "256 KiB"        # of RAM the largest contiguous piece

    [board]
    name = "nrf52840-dk"        # default: the file's name
    core = "cortex-m4"          # target that it runs
    flash_at = 0x0              # first address; ram_at = 0x2000_0000 is the default of RAM
    qemu_machine = "mps2-an386" # where QEMU has the board
    cmsdk_uart = 0x4000_4000    # address of its serial line where that is one of Arm's CMSDK
    boot_bytes = 256            # at the start of flash, kept free for a boot stage of the vendor's

    [board.clock]               # the fastest: bench then estimates milliseconds where it knows the core's cycles
    hertz = 64_000_000
    wait_states = 2             # of flash at that rate, for a line that is not cached
    line_bytes = 16
    code_lines = 128            # cached lines of instructions
    data_lines = 1              # and of constants
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgekit.core.errors import BadConfigError
from edgekit.core.resources import resource_folder
from edgekit.core.units import parse_count
from edgekit.deploy.memory import Board, Clock, Flash, Region

RAM = 0x2000_0000
"""Where Cortex-M parts have their RAM, unless the file says otherwise."""

_NUMBERS = ("flash_at", "ram_at", "boot_bytes", "cmsdk_uart")
_TEXTS = ("name", "core", "flash", "ram", "qemu_machine")
_CLOCK = ("hertz", "wait_states", "line_bytes", "code_lines", "data_lines")


@cache
def boards() -> Mapping[str, tuple[str, Board]]:
    """Board name to (core's target name, board): of all budgets that come with edgekit and have a ``[board]``.

    Raises:
        BadConfigError: a file is damaged.
    """
    found = {}
    for path in sorted(resource_folder("budgets").glob("*.toml")):
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        if "board" in document:
            core, board = read_board(document, path)
            found[board.name] = (core, board)
    return MappingProxyType(dict(sorted(found.items())))


def read_board(document: Mapping[str, Any], path: Path) -> tuple[str, Board]:
    """Core and board of a budget's document; sizes that ``[board]`` leaves out are those of ``[limits]``.

    Raises:
        BadConfigError: an unknown key, a value of another type, no core or no size.
    """
    table, limits = dict(document["board"]), document.get("limits", {})
    where = f"{path.name}: board"
    clock = _clock(table.pop("clock"), f"{where}.clock") if "clock" in table else None
    _check_keys(table, dict.fromkeys(_TEXTS, str) | dict.fromkeys(_NUMBERS, int), where)
    missing = [name for name in ("core",) if name not in table]
    missing += [name for name, limit in _SIZES.items() if name not in table and limit not in limits]
    if missing:
        raise BadConfigError(f"the board has no {missing[0]}", where=where, mend=f"add {missing[0]} = …")
    flash, ram = (parse_count(table.get(n, limits.get(k)), "B", where=f"{where}: {n}") for n, k in _SIZES.items())
    return table["core"], Board(
        name=table.get("name", path.stem),
        flash=Region(table.get("flash_at", 0), flash),
        ram=Region(table.get("ram_at", RAM), ram),
        qemu_machine=table.get("qemu_machine", ""),
        boot_bytes=table.get("boot_bytes", 0),
        cmsdk_uart=table.get("cmsdk_uart", 0),
        clock=clock,
    )


def _clock(table: object, where: str) -> Clock:
    if not isinstance(table, Mapping) or "hertz" not in table:
        raise BadConfigError("a clock without its rate", where=where, mend="add hertz = …")
    _check_keys(table, dict.fromkeys(_CLOCK, int), where)
    return Clock(table["hertz"], Flash(**{key: value for key, value in table.items() if key != "hertz"}))


def _check_keys(table: Mapping[str, Any], kinds: Mapping[str, type], where: str) -> None:
    for key, value in table.items():
        if key not in kinds:
            raise BadConfigError(f"unknown key {key!r}", where=where, mend=f"use {', '.join(kinds)}")
        if not isinstance(value, kinds[key]):
            raise BadConfigError(f"{key} is of the wrong type", where=where, mend="addresses are numbers: 0x2000_0000")


_SIZES = {"flash": "flash", "ram": "peak_ram"}
"""Size of a board to the limit that says the same of a model."""
