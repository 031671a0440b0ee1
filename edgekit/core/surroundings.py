"""What a result was made with: versions, machine, command."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgekit import __version__

PACKAGES = ("numpy", "torch", "lightning", "onnx", "onnxruntime", "ai-edge-litert", "soundfile", "soxr")
"""Whose versions can change a result."""


def surroundings() -> dict[str, Any]:
    """Versions, kind of machine, time and command line; a package that is not installed is left out."""
    return {
        "edgekit": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "packages": versions(PACKAGES),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command_line(),
    }


def versions(names: Iterable[str]) -> dict[str, str]:
    """Installed versions by package name, found without importing any."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def command_line() -> str | None:
    """The command as it was typed, the program by its name alone; None where Python code called edgekit."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py" and program.parent.name == "edgekit":
        return shlex.join(["python", "-m", "edgekit", *sys.argv[1:]])
    return shlex.join([program.name, *sys.argv[1:]]) if program.name == "edgekit" else None
