"""Firmware projects: generated sources dropped into a stub of firmware_stubs/, compiled and linked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import BadConfigError, TargetError
from edgekit.core.files import atomic_folder
from edgekit.deploy.c.text import fill
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.stub import PROJECT_FOLDER, find_stub, stub_files, template_values
from edgekit.deploy.target import Target
from edgekit.deploy.toolchain import COMMON_FLAGS, Toolchain, find_toolchain

__all__ = ["Image", "Sources", "build", "check_ram", "generate", "project_files", "stub_name"]

FRONTEND_SOURCE = "_frontend.c"

_CONFIG = """\
/* Names of the generated model for the project around it. */
#ifndef EDGEKIT_MODEL_CONFIG_H
#define EDGEKIT_MODEL_CONFIG_H

#include "@name@.h"

#define EDGEKIT_MODEL_STATE @name@_state
#define EDGEKIT_MODEL_INIT @name@_init
#define EDGEKIT_MODEL_INPUT @name@_input
#define EDGEKIT_MODEL_INVOKE @name@_@call@
#define EDGEKIT_MODEL_INPUT_SIZE @macro@_INPUT_SIZE
#define EDGEKIT_MODEL_OUTPUT_SIZE @macro@_OUTPUT_SIZE
#define EDGEKIT_MODEL_OUTPUT_SCALE @macro@_OUTPUT_SCALE
#define EDGEKIT_MODEL_OUTPUT_ZERO_POINT @macro@_OUTPUT_ZERO_POINT
#define EDGEKIT_MODEL_LABEL_COUNT @macro@_LABEL_COUNT
#define EDGEKIT_MODEL_LABELS @name@_labels
#define EDGEKIT_MODEL_HAS_FRONTEND @has_frontend@
#define EDGEKIT_MODEL_STREAM @stream@
@rounding@@audio@
#endif
"""

_CONFIG_AUDIO = """\
#define EDGEKIT_MODEL_RESULT @name@_result
#define EDGEKIT_MODEL_PUSH @name@_push
#define EDGEKIT_MODEL_CLIP_SAMPLES @macro@_@piece@_SAMPLES
#define EDGEKIT_FRONTEND_STATE @name@_frontend_state
#define EDGEKIT_FRONTEND_INIT @name@_frontend_init
#define EDGEKIT_FRONTEND_PUSH @name@_frontend_push
"""

_CONFIG_ONCE = "#define EDGEKIT_MODEL_ROUNDS_ONCE 1\n"
"""Of a model that rounds what it rescales once (graph/rounding.py)."""

_OVERFLOW = (
    re.compile(r"region '(?P<region>\w+)': overflowed by (?P<bytes>\d+) bytes"),
    re.compile(r"region `(?P<region>\w+)' overflowed by (?P<bytes>\d+) bytes"),
)
"""How lld and GNU ld say that an image does not fit."""


@dataclass(frozen=True)
class Image:
    """A built project.

    Attributes:
        path: the ELF image, or the executable.
        folder: where sources and project were written.
        target: what it was built for.
        toolchain: version line of the compiler.
        warnings: what the compiler said, "" when nothing.
        name: prefix of the C API; symbols of the image start with it.
    """

    path: Path
    folder: Path
    target: Target
    toolchain: str
    warnings: str
    name: str


def image_name(target: Target) -> str:
    """File name of the built image."""
    return "firmware.elf" if target.kind == "mcu" else "model"


def stub_name(target: Target) -> str:
    """The project that a target gets by default."""
    return "cortex-m-bare" if target.kind == "mcu" else "host"


def project_files(sources: Sources, target: Target, project: str | None = None) -> dict[str, str]:
    """Generated sources and the project's own files: relative path to text.

    Args:
        sources: of :func:`generate`.
        target: fills the templates.
        project: name of a folder in firmware_stubs/, or a path; None takes :func:`stub_name`.

    Raises:
        BadConfigError: no such project.
    """
    stub = find_stub(project or stub_name(target))
    prefix = f"{stub.sources}/" if stub.sources else ""
    files = {prefix + path: text for path, text in sources.files.items()}
    files |= stub_files(stub, template_values(sources, target, stub))
    config = f"{stub.config_folder}/model_config.h" if stub.config_folder else "model_config.h"
    return files | {config: _config(sources)}


def has_image(target: Target, project: str | None) -> bool:
    """Whether edgekit itself builds an image of the project; others are for a build system of their own.

    Raises:
        BadConfigError: no such project.
    """
    return find_stub(project or stub_name(target)).image


def build(
    sources: Sources, target: Target, folder: Path, *, toolchain: Toolchain | None = None, project: str | None = None
) -> Image:
    """Write sources and project into ``folder`` and build the image there; all of it or nothing appears.

    Raises:
        TargetError: the image does not fit the board, or the compiler failed.
        MissingDependencyError: there is no compiler.
        BadConfigError: no such project, or one that another build system builds.
    """
    if not has_image(target, project):
        raise BadConfigError(
            f"{project} is built by another build system", mend="write its sources only; see its README"
        )
    check_ram(sources, target)
    compiler = toolchain or find_toolchain(target)
    files = project_files(sources, target, project)
    with atomic_folder(folder) as work:
        write_files(files, work)
        warnings = _compile_image(files, target, compiler, work, sources.optimize)
    return Image(folder / image_name(target), folder, target, compiler.version(), warnings, sources.name)


def check_ram(sources: Sources, target: Target) -> None:
    """State and stack fit the board's RAM; the linker checks the rest.

    Raises:
        TargetError: they do not.
    """
    if target.kind != "mcu":
        return
    need, board = sources.state_bytes + target.stack_bytes, target.memory
    if need > board.ram.size:
        raise TargetError(
            f"does not fit: state and stack need {need:,} B of RAM, {board.name} has {board.ram.size:,} B",
            where=target.name,
            mend="make the model's activations smaller, or choose a target with more memory",
        )


def write_files(files: Mapping[str, str], folder: Path) -> None:
    """Write ``files`` below ``folder``."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def _compile_image(files: Mapping[str, str], target: Target, compiler: Toolchain, work: Path, optimize: str) -> str:
    left_out = ("/library.c", "/freestanding/memory.c") if compiler.ships_libc_headers else ("/library.c",)
    sources = [name for name in sorted(files) if name.endswith(".c") and not name.endswith(left_out)]
    arguments = [*compiler.target_flags(target), *COMMON_FLAGS, *compiler.optimization(target, optimize)]
    arguments += ["-I.", f"-I{PROJECT_FOLDER}"]
    compile_only = list(arguments)
    if target.kind == "mcu":
        if not compiler.ships_libc_headers:
            arguments.append(f"-I{PROJECT_FOLDER}/freestanding")
            compile_only.append(f"-I{PROJECT_FOLDER}/freestanding")
        scripts = [name for name in files if name.endswith(".ld")]
        arguments += [*compiler.image_flags, *(f"-Wl,-T,{script}" for script in scripts[:1])]
    elif target.kind == "linux":
        arguments.append("-static")  # runs on any distribution, and in an emulator without its libraries
    try:
        objects, warnings = _compile_frontend(sources, [*compile_only, "-O2"], compiler, work)
        linked = [name for name in sources if not name.endswith(FRONTEND_SOURCE)] + objects
        return warnings + compiler.run([*arguments, *linked, "-o", image_name(target)], work)
    except TargetError as error:
        raise _too_large(str(error), target) or error from None


def _compile_frontend(
    sources: list[str], arguments: list[str], compiler: Toolchain, work: Path
) -> tuple[list[str], str]:
    """The front-end is loops in C, which are worth their size; returns its objects and the compiler's warnings."""
    names = [name for name in sources if name.endswith(FRONTEND_SOURCE)]
    objects = [name.removesuffix(".c") + ".o" for name in names]
    texts = [
        compiler.run([*arguments, "-c", name, "-o", made], work) for name, made in zip(names, objects, strict=True)
    ]
    return objects, "".join(texts)


def _too_large(message: str, target: Target) -> TargetError | None:
    for pattern in _OVERFLOW:
        found = pattern.search(message)
        if found and target.kind == "mcu":
            board = target.memory
            size = (board.flash if found["region"] == "FLASH" else board.ram).size
            memory = "flash" if found["region"] == "FLASH" else "RAM"
            return TargetError(
                f"does not fit: {memory} of {board.name} is {size:,} B, {int(found['bytes']):,} B too little",
                where=target.name,
                mend="make the model smaller, or choose a target with more memory",
            )
    return None


def _config(sources: Sources) -> str:
    names = {"name": sources.name, "macro": sources.name.upper()}
    stream = sources.call == "step"
    piece = "HOP" if stream else "CLIP"  # what a call of push takes to give a result
    audio = fill(_CONFIG_AUDIO, **names, piece=piece) if sources.has_frontend else ""
    rounding = _CONFIG_ONCE if "rounding" in sources.manifest else ""
    flags = {"stream": int(stream), "has_frontend": int(sources.has_frontend)}
    return fill(_CONFIG, **names, **flags, call=sources.call, audio=audio, rounding=rounding)
