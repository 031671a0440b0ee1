"""The host's side of Arm semihosting (Arm IHI 0086) for an emulated core: console in, console out, exit."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

SYS_OPEN, SYS_WRITE, SYS_READ, SYS_EXIT = 0x01, 0x05, 0x06, 0x18
EXIT_GOOD = 0x20026
HANDLE_IN, HANDLE_OUT = 1, 2
MODE_READ_LIMIT = 4

Read = Callable[[int, int], bytes]
Write = Callable[[int, bytes], None]


@dataclass
class Console:
    """Bytes to and from the image.

    Attributes:
        incoming: what the image will read.
        outgoing: what it wrote.
        exit_status: set when the program ended: 0 good, 1 otherwise.
        starved: the image asked for input and there was none: it waits.
    """

    incoming: bytearray = field(default_factory=bytearray)
    outgoing: bytearray = field(default_factory=bytearray)
    exit_status: int | None = None
    starved: bool = False

    def call(self, operation: int, argument: int, read: Read, write: Write) -> int | None:
        """One semihosting call; returns r0, or None when the core must stop (no input yet, or the end).

        Args:
            operation: r0.
            argument: r1.
            read: ``(address, size)`` to bytes of the core's memory.
            write: ``(address, bytes)`` into it.
        """
        if operation == SYS_EXIT:
            self.exit_status = 0 if argument == EXIT_GOOD else 1
            return None
        if operation == SYS_OPEN:
            _, mode, _ = struct.unpack("<III", read(argument, 12))
            return HANDLE_IN if mode < MODE_READ_LIMIT else HANDLE_OUT
        if operation == SYS_WRITE:
            _, address, size = struct.unpack("<III", read(argument, 12))
            self.outgoing += read(address, size)
            return 0
        if operation == SYS_READ:
            return self._read(argument, read, write)
        return -1

    def _read(self, argument: int, read: Read, write: Write) -> int | None:
        _, address, size = struct.unpack("<III", read(argument, 12))
        if not self.incoming:
            self.starved = True
            return None
        part = bytes(self.incoming[:size])
        del self.incoming[: len(part)]
        write(address, part)
        result: int | None = size - len(part)
        return result
