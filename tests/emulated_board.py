"""A board for tests: QEMU with its UART on a pseudo-terminal."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgekit.bench.qemu import PROGRAM

TARGET = "mps2-an386"


@contextmanager
def emulated_board(elf: Path) -> Iterator[str]:
    """The path of the line to a board that runs ``elf``."""
    command = [PROGRAM, "-M", TARGET, "-kernel", str(elf), "-display", "none", "-monitor", "none", "-serial", "pty"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"/dev/pts/\d+", process.stdout.readline())
        assert found is not None
        yield found.group()
    finally:
        process.kill()
        process.wait()
