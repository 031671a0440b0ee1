"""Boards by name: real parts with their memory, and QEMU's machines. Each is a target: its core on its own memory map.

Flash origins and sizes are those of the parts' reference manuals and data sheets (budgets of the same names give the
sections); of RAM the largest contiguous piece is taken. The boot ROM of the RP2040 wants a second stage of its own in
the first 256 bytes of flash, which the image leaves free: it comes from the vendor's SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edgekit.deploy.memory import KIB, Board, Region

STM32_FLASH = 0x0800_0000
MPS2_UART, MPS3_UART = 0x4000_4000, 0x4930_3000
RAM = 0x2000_0000


def _board(
    name: str, flash: int, flash_kib: int, ram_kib: int, *,
    ram: int = RAM, qemu_machine: str = "", boot_bytes: int = 0, cmsdk_uart: int = 0,
) -> Board:  # fmt: skip
    return Board(name, Region(flash, flash_kib * KIB), Region(ram, ram_kib * KIB), qemu_machine, boot_bytes, cmsdk_uart)


_PARTS: tuple[tuple[str, Board], ...] = (
    # core, board
    ("cortex-m0", _board("nucleo-g0b1re", STM32_FLASH, 512, 144)),
    ("cortex-m0", _board("raspberry-pi-pico", 0x1000_0000, 2048, 264, boot_bytes=256)),
    ("cortex-m3", _board("mps2-an385", 0, 4096, 4096, qemu_machine="mps2-an385", cmsdk_uart=MPS2_UART)),
    ("cortex-m4", _board("mps2-an386", 0, 4096, 4096, qemu_machine="mps2-an386", cmsdk_uart=MPS2_UART)),
    ("cortex-m4", _board("nrf52840-dk", 0, 1024, 256)),
    ("cortex-m4", _board("nucleo-l476rg", STM32_FLASH, 1024, 96)),
    ("cortex-m4", _board("nucleo-l4r5zi", STM32_FLASH, 2048, 640)),
    ("cortex-m7", _board("mps2-an500", 0, 4096, 4096, qemu_machine="mps2-an500", cmsdk_uart=MPS2_UART)),
    ("cortex-m7", _board("nucleo-f746zg", STM32_FLASH, 1024, 320)),
    ("cortex-m7", _board("nucleo-h743zi", STM32_FLASH, 2048, 512, ram=0x2400_0000)),
    ("cortex-m33", _board("nrf5340-dk", 0, 1024, 512)),
    ("cortex-m33", _board("nucleo-u575zi-q", STM32_FLASH, 2048, 768)),
    ("cortex-m55", _board("mps3-an547", 0, 512, 512, qemu_machine="mps3-an547", cmsdk_uart=MPS3_UART)),
)

BOARDS: Mapping[str, tuple[str, Board]] = MappingProxyType({board.name: (core, board) for core, board in _PARTS})
"""Board name to (core's target name, board)."""
