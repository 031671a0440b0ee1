"""``doctor``: what is installed, what each missing piece would enable, and the command that brings it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from edgekit.api.doctor_parts import (
    BASE,
    EXTRAS,
    FOLDERS,
    HIDDEN_EXTRAS,
    LIBRARIES,
    MODULES,
    PROGRAMS,
    Program,
)
from edgekit.core.surroundings import surroundings

State = Literal["ok", "missing", "broken"]
PROBE_S = 15.0
"""How long a program may take to say its version."""
IMPORT_S = 120.0
_LIBRARY_FOLDERS = ("usr/lib", "usr/lib/*-linux-gnu*", "usr/lib64", "usr/local/lib", "opt/homebrew/lib")
_REQUIREMENT = re.compile(
    r"^([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*(?:>=\s*([0-9.]+))?[^;]*(?:;.*extra\s*==\s*['\"]([^'\"]+)['\"])?"
)


@dataclass(frozen=True)
class Part:
    """One thing that edgekit can use.

    Attributes:
        kind: "package", "program", "library" or "folder".
        name: of it.
        state: "ok", "missing" (edgekit works without), or "broken" (it is there and does not work).
        version: as it says; the place of a folder; empty where it is not known.
        enables: what it is for.
        install: the command that brings or mends it; empty where nothing is to be done.
        extra: the extra of edgekit that a package belongs to.
        note: what is wrong with it, or what is special.
    """

    kind: str
    name: str
    state: State
    version: str
    enables: str
    install: str
    extra: str = ""
    note: str = ""


@dataclass(frozen=True)
class Health:
    """Everything that was looked at.

    Attributes:
        parts: in the order of a report.
        about: versions and machine.
    """

    parts: tuple[Part, ...]
    about: dict[str, Any]

    @property
    def broken(self) -> tuple[Part, ...]:
        """What is there and does not work."""
        return tuple(part for part in self.parts if part.state == "broken")

    def to_json(self) -> dict[str, Any]:
        """The content of ``edgekit doctor --format json``."""
        about = {key: self.about[key] for key in ("edgekit", "python", "platform", "machine")}
        parts = [asdict(part) for part in self.parts]
        return {"schema_version": 1, **about, "ok": not self.broken, "parts": parts}


def doctor(*, imports: bool = False) -> Health:
    """Look at packages, programs, libraries and folders; nothing heavy is imported, nothing is changed.

    Args:
        imports: import every installed package in a process of its own, which takes up to minutes and finds those
            whose native parts do not load.
    """
    parts = (
        *packages(importlib.metadata.requires("edgekit") or (), imports=imports),
        *(_program(program) for program in PROGRAMS),
        *(_library(name, *text) for name, text in LIBRARIES.items()),
        *(_folder(name, enables) for name, enables in FOLDERS.items()),
    )
    return Health(parts, surroundings())


def packages(requirements: Sequence[str], *, imports: bool = False) -> Iterator[Part]:
    """The packages of a distribution's metadata, those of the base first, each extra's own after that.

    Args:
        requirements: as ``importlib.metadata.requires`` gives them.
        imports: as for :func:`doctor`.
    """
    by_extra: dict[str, dict[str, str]] = {BASE: {}}
    for text in requirements:
        match = _REQUIREMENT.match(text)
        if match is None:
            continue
        name, least, extra = match[1], match[2] or "", match[3] or BASE
        if extra not in HIDDEN_EXTRAS and name != "edgekit":
            by_extra.setdefault(extra, {})[name] = least
    seen: set[str] = set()
    for extra in sorted(by_extra, key=lambda name: list(EXTRAS).index(name) if name in EXTRAS else len(EXTRAS)):
        for name, least in by_extra[extra].items():
            if name not in seen:
                seen.add(name)
                yield _package(name, least, extra, imports=imports)


def _package(name: str, least: str, extra: str, *, imports: bool) -> Part:
    enables = EXTRAS.get(extra, f"extra {extra}")
    install = "pip install --force-reinstall edgekit" if extra == BASE else f"pip install 'edgekit[{extra}]'"
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        state: State = "broken" if extra == BASE else "missing"
        return Part("package", name, state, "", enables, install, extra)
    fault = _fault(name, version, least, imports=imports)
    if fault:
        again = f"pip install --force-reinstall '{name}{f'>={least}' if least else ''}'"
        return Part("package", name, "broken", version, enables, again, extra, fault)
    note = "CPU build" if version.endswith("+cpu") else ""
    return Part("package", name, "ok", version, enables, "", extra, note)


def _fault(name: str, version: str, least: str, *, imports: bool) -> str:
    """What is wrong with an installed package; empty where nothing is."""
    if least and _numbers(version) < _numbers(least):
        return f"{version} is older than {least}"
    module = MODULES.get(name, name.replace("-", "_"))
    if importlib.util.find_spec(module.split(".")[0]) is None:
        return "its files are gone"
    if not imports:
        return ""
    answer = _asked([sys.executable, "-c", f"import {module}"], IMPORT_S)
    return answer.text if answer.failed else ""


def _numbers(version: str) -> tuple[int, ...]:
    """Version 2.13.0+cpu as (2, 13, 0): enough to tell an old release from a new one."""
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0].split("rc")[0])[:3])


def _program(program: Program) -> Part:
    found = next(filter(None, map(shutil.which, program.names)), None)
    install = f"apt-get install {program.packages}" if program.packages else "its maker's driver"
    if found is None:
        return Part("program", program.names[0], "missing", "", program.enables, install)
    answer = _asked([found, *program.arguments], PROBE_S)
    name = Path(found).name
    if answer.failed:
        return Part("program", name, "broken", "", program.enables, install, note=answer.text)
    return Part("program", name, "ok", answer.text, program.enables, "")


def _library(name: str, enables: str, package: str) -> Part:
    # ctypes.util.find_library would start a compiler, which may hang.
    patterns = [f"{folder}/lib{name}.{end}" for folder in _LIBRARY_FOLDERS for end in ("so*", "dylib")]
    found = next((path for pattern in patterns for path in sorted(Path("/").glob(pattern))), None)
    if found is None:
        return Part("library", name, "missing", "", enables, f"apt-get install {package}")
    return Part("library", name, "ok", found.name, enables, "")


def _folder(name: str, enables: str) -> Part:
    place = os.environ.get(name, "")
    if not place:
        return Part("folder", name, "missing", "", enables, f"export {name}=FOLDER")
    if name != "EDGEKIT_CACHE" and not Path(place).is_dir():
        return Part("folder", name, "broken", place, enables, f"export {name}=FOLDER", note="there is no such folder")
    if name == "EDGEKIT_CACHE" and not _writable(Path(place)):
        return Part("folder", name, "broken", place, enables, f"export {name}=FOLDER", note="cannot be written")
    return Part("folder", name, "ok", place, enables, "")


def _writable(folder: Path) -> bool:
    """Whether the folder, or the nearest that exists above it, can be written."""
    existing = next((path for path in (folder, *folder.absolute().parents) if path.exists()), Path("/"))
    return existing.is_dir() and os.access(existing, os.W_OK)


@dataclass(frozen=True)
class _Answer:
    failed: bool
    text: str


def _asked(command: list[str], seconds: float) -> _Answer:
    """The first line that a command says, or the last of what went wrong; it cannot hang."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=seconds,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return _Answer(True, f"no answer within {seconds:g} s")
    except OSError as error:
        return _Answer(True, f"cannot be started: {error.strerror}")
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode != 0:
        return _Answer(True, lines[-1][:200] if lines else f"ends with {done.returncode}")
    return _Answer(False, lines[0][:120] if lines else "")
