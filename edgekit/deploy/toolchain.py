"""C compilers: zig from pip for every target, cross-compilers of GCC, and the gcc or cc of the host if installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgekit.core.errors import BadConfigError, MissingDependencyError, TargetError
from edgekit.deploy.target import Kind, Target

Family = Literal["zig", "gcc"]

COMMON_FLAGS = (
    "-std=c11", "-O2", "-ffp-contract=off", "-ffunction-sections", "-fdata-sections", "-fomit-frame-pointer",
    "-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes",
)  # fmt: skip
"""Every build: no contraction of a·b+c, so that host and device round alike."""

SMALL_FLAGS = ("-Os", "-g")
"""Behind COMMON_FLAGS where size counts, or the loops that cost are assembly; without -g zig drops all symbols."""

TIMEOUT_S = 300.0
ENTRY = "edgekit_reset"
"""Reset handler of the bare-metal stubs."""
CROSS_GCC = "arm-none-eabi-gcc"
LINUX_GCC = "aarch64-linux-gnu-gcc"
HOST_COMPILERS = ("gcc", "cc")
NAMES = ("zig", CROSS_GCC, LINUX_GCC, *HOST_COMPILERS)


@dataclass(frozen=True)
class Toolchain:
    """A compiler driver.

    Attributes:
        name: one of NAMES.
        command: how to start it.
        family: whose flags it takes.
    """

    name: str
    command: tuple[str, ...]
    family: Family

    def optimization(self, target: Target, optimize: str) -> tuple[str, ...]:
        """Flags for a purpose of deploy/c/choice.py; they come behind COMMON_FLAGS."""
        assembly = target.kind == "mcu" and target.isa == "dsp"
        return SMALL_FLAGS if optimize == "size" or (optimize == "balanced" and assembly) else ()

    def target_flags(self, target: Target) -> tuple[str, ...]:
        """Flags that select core and ABI; none for the host."""
        if target.kind == "host":
            return ()
        if self.family == "zig":
            return ("-target", target.zig_target, f"-mcpu={target.zig_cpu}", "-fno-sanitize=undefined")
        return target.gcc_flags

    @property
    def image_flags(self) -> tuple[str, ...]:
        """Linker flags of a bare-metal image; the entry and the memory come from the linker script."""
        if self.family == "zig":
            return ("-Wl,--gc-sections", f"-Wl,--entry,{ENTRY}")
        return ("-nostartfiles", "--specs=nosys.specs", "-Wl,--gc-sections")

    @property
    def ships_libc_headers(self) -> bool:
        """False for zig on bare metal: ``string.h`` then comes from firmware_stubs."""
        return self.family == "gcc"

    def version(self) -> str:
        """First line of the compiler's version."""
        argument = "version" if self.family == "zig" else "--version"
        command = self.command[:-1] if self.family == "zig" else self.command
        done = subprocess.run([*command, argument], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        lines = done.stdout.splitlines()
        return f"{self.name} {lines[0]}" if lines and self.family == "zig" else (lines[0] if lines else self.name)

    def run(self, arguments: Sequence[str], folder: Path) -> str:
        """Run the compiler in ``folder``; returns its warnings.

        Raises:
            TargetError: it failed, or took longer than TIMEOUT_S.
            MissingDependencyError: it cannot be started.
        """
        command = [*self.command, *arguments]
        try:
            done = subprocess.run(
                command, cwd=folder, env=_environment(), capture_output=True, text=True, errors="replace",
                stdin=subprocess.DEVNULL, timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise TargetError(f"{self.name} took longer than {TIMEOUT_S:g} s", mend="build a smaller model") from error
        except OSError as error:
            raise MissingDependencyError(f"{self.name} cannot be started: {error.strerror}", mend=_INSTALL) from error
        if done.returncode != 0:
            raise TargetError(f"{self.name} failed: {_first_error(done.stderr)}", mend="see the generated sources")
        return done.stderr


_INSTALL = "pip install 'edgekit[mcu]' for zig, or a C compiler (Debian: gcc, gcc-arm-none-eabi, gcc-aarch64-linux-gnu)"
_COMPILERS: dict[Kind, tuple[str, ...]] = {
    "mcu": ("zig", CROSS_GCC),
    "linux": ("zig", LINUX_GCC),
    "host": (*HOST_COMPILERS, "zig"),
}


def find_toolchain(target: Target, name: str | None = None) -> Toolchain:
    """The compiler for ``target``: the one asked for, else the first that is there.

    A microcontroller prefers zig (the same everywhere), then arm-none-eabi-gcc; another Linux zig, then
    aarch64-linux-gnu-gcc; the host gcc, cc, then zig.

    Raises:
        BadConfigError: an unknown name, or a compiler that cannot build for the target.
        MissingDependencyError: none is installed.
    """
    wanted = _COMPILERS[target.kind]
    if name is not None:
        if name not in NAMES:
            raise BadConfigError(f"unknown toolchain {name!r}", mend=f"use one of {', '.join(NAMES)}")
        if name not in wanted:
            raise BadConfigError(f"{name} does not build for {target.name}", mend=f"use one of {', '.join(wanted)}")
        wanted = (name,)
    for candidate in wanted:
        found = _locate(candidate)
        if found is not None:
            return found
    raise MissingDependencyError(f"no C compiler for {target.name} ({', '.join(wanted)})", mend=_INSTALL)


def _locate(name: str) -> Toolchain | None:
    if name == "zig":
        if importlib.util.find_spec("ziglang") is not None:
            return Toolchain("zig", (sys.executable, "-m", "ziglang", "cc"), "zig")
        path = shutil.which("zig")
        return Toolchain("zig", (path, "cc"), "zig") if path else None
    path = shutil.which(name)
    return Toolchain(name, (path,), "gcc") if path else None


def _environment() -> dict[str, str]:
    """The caller's environment, with a place for zig's cache where there is no home folder."""
    environment = dict(os.environ)
    environment.setdefault("LC_ALL", "C")
    if "ZIG_GLOBAL_CACHE_DIR" not in environment and os.environ.get("EDGEKIT_CACHE"):
        environment["ZIG_GLOBAL_CACHE_DIR"] = str(Path(os.environ["EDGEKIT_CACHE"]) / "zig")
    return environment


def _first_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "undefined" in line.lower() or "overflow" in line]
    return (errors or lines or ["no message"])[0][:300]
