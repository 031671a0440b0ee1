"""Project folders that generated sources drop into: firmware_stubs/ by name, or a user's own folder.

A stub may hold a ``project.toml`` that says where its files and the generated ones go and whether edgekit builds an
image from them. Files that end in ``.in`` are templates; ``@name@`` in a path or a template is a value of
:func:`values`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import BadConfigError
from edgekit.core.resources import resource_folder
from edgekit.deploy.c.identifiers import comment_text
from edgekit.deploy.generate import Sources
from edgekit.deploy.target import Target

PROJECT_FOLDER = "project"
DESCRIPTION = "project.toml"
MAX_FILES, MAX_BYTES = 1_000, 4 << 20
_TOKEN = re.compile(r"@([a-z_]+)@")


@dataclass(frozen=True)
class Stub:
    """A project folder.

    Attributes:
        name: as the user gave it.
        folder: where its files are.
        files: folder for its files below the output folder, "" for the output folder itself.
        sources: the same for the generated C and the header of names.
        image: edgekit builds an image from it; False where another build system does.
        base: stub in firmware_stubs/ whose files it takes where it has none of that name, "" for none.
    """

    name: str
    folder: Path
    files: str = PROJECT_FOLDER
    sources: str = ""
    image: bool = True
    base: str = ""

    @property
    def config_folder(self) -> str:
        """Where ``model_config.h`` goes: to the generated sources if these have a folder of their own."""
        return self.sources or self.files


def find_stub(name: str) -> Stub:
    """A stub by its name in firmware_stubs/, or by the path of a folder.

    Raises:
        BadConfigError: there is none, or its description is wrong.
    """
    folder = Path(name) if Path(name).is_dir() else resource_folder("firmware_stubs") / name
    if not folder.is_dir() or not name:
        known = sorted(path.name for path in resource_folder("firmware_stubs").iterdir() if path.is_dir())
        raise BadConfigError(f"there is no project {name!r}", mend=f"use one of {', '.join(known)}, or a folder")
    return _described(name, folder)


def stub_files(stub: Stub, values: Mapping[str, str]) -> dict[str, str]:
    """The stub's own files, templates filled: path below the output folder to text.

    Raises:
        BadConfigError: a template asks for an unknown value, or the folder is no reasonable project.
    """
    found = [path for path in sorted(stub.folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    if len(found) > MAX_FILES or sum(path.stat().st_size for path in found) > MAX_BYTES:
        raise BadConfigError("more files than a project has", where=str(stub.folder), mend="name the stub's own folder")
    files = stub_files(find_stub(stub.base), values) if stub.base else {}
    for path in found:
        relative = path.relative_to(stub.folder)
        if path.suffix == ".md" or relative.as_posix() == DESCRIPTION:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise BadConfigError("is no text", where=str(path), mend="keep only sources in a project") from error
        if path.suffix == ".in":
            relative, text = relative.with_suffix(""), _filled(text, values, path)
        place = _filled(relative.as_posix(), values, path)
        files[f"{stub.files}/{place}" if stub.files else place] = text
    return files


def template_values(sources: Sources, target: Target, stub: Stub) -> dict[str, str]:
    """What templates may use: names of the model and its files, sizes, and, for microcontrollers, the memory."""
    prefix = f"{stub.sources}/" if stub.sources else ""
    compiled = [prefix + name for name in sorted(sources.files) if name.endswith(".c")]
    values = {
        "name": sources.name,
        "macro": sources.name.upper(),
        "title": comment_text(sources.name.replace("_", " ")),
        "sources": " ".join(compiled),
        "has_frontend": str(int(sources.has_frontend)),
        "sample_rate": str(sources.manifest.get("sample_rate") or 0),
        "target": target.name,
        "cpu_flags": " ".join(target.gcc_flags),
    }
    if target.kind != "mcu":
        return values
    board = target.memory
    return values | {
        "board": board.name,
        "qemu_machine": board.qemu_machine,
        "cmsdk_uart": f"{board.cmsdk_uart:#010x}",
        "flash_origin": f"{board.vectors:#010x}",
        "flash_size": str(board.flash.size - board.boot_bytes),
        "ram_origin": f"{board.ram.origin:#010x}",
        "ram_size": str(board.ram.size),
        "stack_size": str(target.stack_bytes),
    }


def _filled(text: str, values: Mapping[str, str], path: Path) -> str:
    for token in _TOKEN.findall(text):
        if token not in values:
            known = ", ".join(values)
            raise BadConfigError(f"@{token}@ has no value", where=str(path), mend=f"use {known}; or another target")
    return _TOKEN.sub(lambda match: values[match.group(1)], text)


def _described(name: str, folder: Path) -> Stub:
    path = folder / DESCRIPTION
    if not path.is_file():
        return Stub(name, folder)
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadConfigError(f"is no TOML: {error}", where=str(path), mend="see firmware_stubs/README.md") from error
    kinds = {"files": str, "sources": str, "image": bool, "base": str}
    for key, value in told.items():
        if key not in kinds or not isinstance(value, kinds[key]):
            known = ", ".join(f"{known} ({kind.__name__})" for known, kind in kinds.items())
            raise BadConfigError(f"{key} = {value!r} is not known", where=str(path), mend=f"use {known}")
        if isinstance(value, str) and (value.startswith("/") or ".." in Path(value).parts):
            mend = "use a relative path"
            raise BadConfigError(f"{key} = {value!r} leaves the output folder", where=str(path), mend=mend)
    return Stub(name, folder, **told)
