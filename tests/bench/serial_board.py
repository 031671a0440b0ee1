"""A board for tests: the serial project's C as a process behind a pseudo-terminal, with a line that can be bad."""

from __future__ import annotations

import os
import pty
import random
import selectors
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from edgekit.deploy.generate import Sources
from edgekit.deploy.project import project_files, write_files
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import COMMON_FLAGS, find_toolchain

PORT = Path(__file__).with_name("posix_port.c")
Damage = Callable[[bytes], bytes]


def build_board(sources: Sources, folder: Path, *flags: str) -> Path:
    """The firmware's own C with a line of the host's instead of the board's."""
    files = project_files(sources, find_target("mps2-an386"), "cortex-m-serial")
    write_files(files, folder)
    left = ("/startup.c", "/port.c", "/memory.c")  # a board's own
    names = [name for name in files if name.endswith(".c") and not name.endswith(left)]
    compiler = find_toolchain(find_target("cpu"))
    arguments = [*COMMON_FLAGS, *flags, "-I.", "-Iproject", *names, str(PORT), "-o", "board"]
    warnings = compiler.run(arguments, folder)
    assert warnings == "", warnings
    return folder / "board"


@dataclass
class Line:
    """What happens to bytes on the way.

    Attributes:
        path: of the pseudo-terminal that the host opens.
        to_board, to_host: change each piece of bytes; by default they do not.
    """

    path: str = ""
    to_board: Damage = field(default=lambda data: data)
    to_host: Damage = field(default=lambda data: data)
    silent: bool = False


@contextmanager
def board(program: Path) -> Iterator[Line]:
    """A running board; the line may be made worse while it runs."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    line = Line(os.ttyname(slave))
    process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    stop = threading.Event()
    carrier = threading.Thread(target=_carry, args=(line, master, process, stop), daemon=True)
    carrier.start()
    try:
        yield line
    finally:
        stop.set()
        carrier.join(5)
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)


def _carry(line: Line, master: int, process: subprocess.Popen[bytes], stop: threading.Event) -> None:
    assert process.stdin is not None and process.stdout is not None
    with selectors.DefaultSelector() as selector, suppress(OSError):
        selector.register(master, selectors.EVENT_READ)
        selector.register(process.stdout, selectors.EVENT_READ)
        while not stop.is_set():
            for key, _ in selector.select(0.05):
                data = os.read(key.fd, 64)
                if not data:
                    return
                if line.silent:
                    continue
                if key.fd == master:
                    process.stdin.write(line.to_board(data))
                else:
                    os.write(master, line.to_host(data))


def losing(seed: int, share: float) -> Damage:
    """Loses single bytes."""
    rng = random.Random(seed)
    return lambda data: bytes(byte for byte in data if rng.random() >= share)


def flipping(seed: int, share: float) -> Damage:
    """Flips a bit of some bytes."""
    rng = random.Random(seed)
    return lambda data: bytes(byte ^ (1 << rng.randrange(8)) if rng.random() < share else byte for byte in data)


def inserting(seed: int, share: float) -> Damage:
    """Adds bytes, those that begin a frame among them."""
    rng = random.Random(seed)

    def damage(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if rng.random() < share:
                out += bytes(rng.choice((0xA5, 0x5A, 0xFF, rng.randrange(256))) for _ in range(rng.randrange(1, 6)))
            out.append(byte)
        return bytes(out)

    return damage
