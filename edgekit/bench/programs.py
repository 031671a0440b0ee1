"""Programs of the system that measurements run: found, and their versions."""

from __future__ import annotations

import shutil
import subprocess

from edgekit.core.errors import MissingDependencyError


def program_path(name: str, package: str) -> str:
    """Path of a program.

    Args:
        name: of the program.
        package: of Debian that brings it.

    Raises:
        MissingDependencyError: it is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise MissingDependencyError(f"{name} is not installed", mend=f"install it (Debian: {package})")
    return path


def qemu_release(path: str) -> str:
    """The release of a program of QEMU, "7.2.22"; "" where it says none."""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    _, _, behind = done.stdout.partition("version ")
    return behind.split()[0] if behind.split() else ""
