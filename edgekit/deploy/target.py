"""Targets that the C generator builds for: core, FPU, and the board whose memory a microcontroller has by default.

The default memory map is that board's with flash at 0: Cortex-M boards alias their flash to 0 at reset, and so an image
runs unchanged on a core emulator and on QEMU's mps2 boards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from edgekit.core.errors import BadConfigError, TargetError
from edgekit.core.spelling import did_you_mean
from edgekit.deploy.boards import boards
from edgekit.deploy.memory import KIB, Board, Region

Kind = Literal["mcu", "linux", "host"]
Isa = Literal["portable", "dsp", "mve", "neon"]


@dataclass(frozen=True)
class Target:
    """What code is generated and built for.

    Attributes:
        name: name on the command line.
        kind: "mcu" (bare metal), "linux" (a static program for Linux on another processor) or "host" (this machine).
        architecture: instruction set, in Arm's terms.
        fpu: single-precision floating-point unit present.
        dsp: Armv7E-M / Armv8-M DSP extension present.
        mve: Helium present: the integer vector extension of Armv8.1-M.
        neon: Advanced SIMD of Armv8-A present; dot products are used where the compiler's flags announce them.
        zig_target, zig_cpu: ``-target`` and ``-mcpu`` of ``zig cc``.
        gcc_flags: flags of GCC's cross-compiler.
        home: name of the board (boards.py) whose memory sizes a microcontroller has where no other board is asked for.
        qemu_machine: QEMU machine with this core on which an image with flash at 0 runs, "" where there is none.
        board: that was asked for, at its own addresses.
        stack_bytes: RAM that the linker script keeps for the stack.
    """

    name: str
    kind: Kind
    architecture: str
    fpu: bool
    dsp: bool
    zig_target: str = ""
    zig_cpu: str = ""
    gcc_flags: tuple[str, ...] = ()
    home: str = ""
    qemu_machine: str = ""
    board: Board | None = None
    stack_bytes: int = 4 * KIB
    mve: bool = False
    neon: bool = False

    def __post_init__(self) -> None:
        if self.kind != "host" and (not self.zig_target or not self.zig_cpu):
            raise BadConfigError("another machine than this needs compiler names", where=self.name)
        if self.kind == "mcu" and not self.home:
            raise BadConfigError("a microcontroller target needs a board", where=self.name)
        if self.kind != "mcu" and (self.home or self.board is not None):
            raise BadConfigError("only a microcontroller has a board", where=self.name)
        if self.stack_bytes % 8 or self.stack_bytes < 256:
            raise BadConfigError("the stack must be a multiple of 8 bytes, at least 256", where=self.name)

    @property
    def isa(self) -> Isa:
        """The strongest of :attr:`isas`."""
        return self.isas[0] if self.isas else "portable"

    @property
    def isas(self) -> tuple[Isa, ...]:
        """The instruction sets that kernels are chosen for, the strongest first; portable C is there beside all."""
        present: tuple[tuple[Isa, bool], ...] = (("mve", self.mve), ("dsp", self.dsp), ("neon", self.neon))
        return tuple(name for name, there in present if there)

    @property
    def memory(self) -> Board:
        """The board that was asked for, or the default one with its flash at 0.

        Raises:
            TargetError: the target is no microcontroller.
        """
        if self.kind != "mcu":
            raise TargetError("has no memory map", where=self.name, mend=f"use one of {', '.join(MCU_TARGETS)}")
        if self.board is not None:
            return self.board
        _, home = boards()[self.home]
        return replace(home, flash=Region(0, home.flash.size), qemu_machine=self.qemu_machine)


def _raspberry_pi(number: int, core: str, architecture: str) -> Target:
    """64-bit Raspberry Pi OS or another Linux; the processor is that of the board's documentation."""
    return Target(
        f"rpi{number}", "linux", architecture, fpu=True, dsp=False, neon=True,
        zig_target="aarch64-linux-musl", zig_cpu=core.replace("-", "_"), gcc_flags=(f"-mcpu={core}",),
    )  # fmt: skip


# zig's plain cortex_m4/m7/m33 leave out the FPU (and on m33 the DSP extension): floats would go to library calls.
_TABLE = (
    Target(
        "cortex-m0", "mcu", "Armv6-M", fpu=False, dsp=False,
        zig_target="thumb-freestanding-eabi", zig_cpu="cortex_m0",
        gcc_flags=("-mcpu=cortex-m0", "-mthumb", "-mfloat-abi=soft"),
        home="nucleo-g0b1re",
    ),
    Target(
        "cortex-m3", "mcu", "Armv7-M", fpu=False, dsp=False,
        zig_target="thumb-freestanding-eabi", zig_cpu="cortex_m3",
        gcc_flags=("-mcpu=cortex-m3", "-mthumb", "-mfloat-abi=soft"),
        home="nucleo-l152re", qemu_machine="mps2-an385",
    ),
    Target(
        "cortex-m4", "mcu", "Armv7E-M", fpu=True, dsp=True,
        zig_target="thumb-freestanding-eabihf", zig_cpu="cortex_m4+vfp4d16sp",
        gcc_flags=("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
        home="nucleo-l4r5zi", qemu_machine="mps2-an386",
    ),
    Target(
        "cortex-m7", "mcu", "Armv7E-M", fpu=True, dsp=True,
        zig_target="thumb-freestanding-eabihf", zig_cpu="cortex_m7+fp_armv8d16sp",
        gcc_flags=("-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
        home="nucleo-f746zg", qemu_machine="mps2-an500",
    ),
    Target(
        "cortex-m33", "mcu", "Armv8-M Mainline", fpu=True, dsp=True,
        zig_target="thumb-freestanding-eabihf", zig_cpu="cortex_m33+fp_armv8d16sp+dsp",
        gcc_flags=("-mcpu=cortex-m33", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
        home="nucleo-u575zi-q",
    ),
    Target(
        "cortex-m55", "mcu", "Armv8.1-M Mainline", fpu=True, dsp=True, mve=True,
        zig_target="thumb-freestanding-eabihf", zig_cpu="cortex_m55+mve_fp+fp_armv8d16sp+dsp",
        gcc_flags=("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"),
        home="mps3-an547", qemu_machine="mps3-an547",
    ),
    _raspberry_pi(3, "cortex-a53", "Armv8-A"),
    _raspberry_pi(4, "cortex-a72", "Armv8-A"),
    _raspberry_pi(5, "cortex-a76", "Armv8.2-A"),
    Target("cpu", "host", "this machine", fpu=True, dsp=False),
)  # fmt: skip

TARGETS: MappingProxyType[str, Target] = MappingProxyType({target.name: target for target in _TABLE})
"""All targets by name."""

MCU_TARGETS: tuple[str, ...] = tuple(target.name for target in _TABLE if target.kind == "mcu")
ALIASES: MappingProxyType[str, str] = MappingProxyType(
    {
        "host": "cpu",
        "rpi-zero2": "rpi3",
        "cortex-m0plus": "cortex-m0",
        **{name.removeprefix("cortex-"): name for name in MCU_TARGETS},
    }
)
"""Other names that :func:`find_target` takes."""


def find_target(name: str) -> Target:
    """The target called ``name`` (also "host", "m4", …), or the core of the board called so on that board's memory.

    Raises:
        BadConfigError: no such target; the message lists the allowed names.
    """
    key = ALIASES.get(name, name)
    if key in TARGETS:
        return TARGETS[key]
    if name in boards():
        core, board = boards()[name]
        return replace(TARGETS[core], board=board)
    hint = did_you_mean(name, [*TARGETS, *ALIASES, *boards()], otherwise="")
    known = f"{', '.join(TARGETS)}, or a board: {', '.join(boards())}"
    raise BadConfigError(f"unknown target {name!r}", mend=f"{hint} use one of {known}".strip())
