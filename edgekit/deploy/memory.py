"""Memory of boards, and how fast it is."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.core.errors import BadConfigError

KIB = 1024


@dataclass(frozen=True)
class Region:
    """A block of memory: first address and size in bytes."""

    origin: int
    size: int

    def __post_init__(self) -> None:
        if self.origin < 0 or self.size <= 0 or self.origin + self.size > 1 << 32:
            raise BadConfigError(
                f"memory region {self.origin:#x}+{self.size:#x} is not in a 32-bit address space",
                mend="give an origin ≥ 0 and a size > 0 below 4 GiB",
            )

    @property
    def end(self) -> int:
        """First address behind the region."""
        return self.origin + self.size


@dataclass(frozen=True)
class Flash:
    """Wait states and the caches in front of them (least recently used, fully associative).

    Attributes:
        wait_states: cycles more for a line that is not cached.
        line_bytes: read at a time.
        code_lines, data_lines: cached lines of instructions and of constants.
    """

    wait_states: int = 0
    line_bytes: int = 16
    code_lines: int = 0
    data_lines: int = 0


@dataclass(frozen=True)
class Clock:
    """A part at its fastest clock: Hz, and its flash at that rate."""

    hertz: int
    flash: Flash


@dataclass(frozen=True)
class Board:
    """A board: a real one, on which sizes can be checked, or an emulator's.

    Attributes:
        name: the vendor's name.
        flash, ram: memory that an image may use.
        qemu_machine: QEMU machine with the same core on which an image of this map runs, "" where there is none.
        boot_bytes: at the start of flash, kept free for a boot stage of the vendor's.
        cmsdk_uart: address of the board's serial line where it is one of Arm's CMSDK, else 0.
        clock: None where none is known.
    """

    name: str
    flash: Region
    ram: Region
    qemu_machine: str = ""
    boot_bytes: int = 0
    cmsdk_uart: int = 0
    clock: Clock | None = None

    @property
    def vectors(self) -> int:
        """Where the image begins: with its vector table."""
        return self.flash.origin + self.boot_bytes
