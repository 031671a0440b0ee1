"""``compile``: an integer model as C for a target, front-end included, and the firmware image built from it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.compile_limits import Limits, Setting, Taken, fitting
from edgekit.core.digest import digest_file
from edgekit.core.errors import BadConfigError, TargetError
from edgekit.core.files import atomic_folder, write_json, write_text
from edgekit.core.optional import require
from edgekit.deploy.c.choice import Optimize, check_optimize
from edgekit.deploy.c.identifiers import identifier
from edgekit.deploy.project import Image, Sources, check_ram, generate, has_image, project_files, write_files
from edgekit.deploy.project import build as build_image
from edgekit.deploy.target import Target, find_target
from edgekit.deploy.toolchain import ENTRY, Toolchain, find_toolchain
from edgekit.deploy.with_frontend import choose_frontend
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.rounding import with_rounding
from edgekit.report.timeline import timeline_svg

if TYPE_CHECKING:
    from edgekit.bench.sizes import Sizes
    from edgekit.features.spec import FrontendSpec

MANIFEST = "manifest.json"
PICTURE = "memory.svg"
"""What lies in the arena at each step."""


@dataclass(frozen=True, eq=False)
class CompileResult:
    """What ``compile`` wrote.

    Attributes:
        model: the file compiled.
        target: for what.
        folder: where the files are.
        sources: the generated C and what is known about it.
        image: the built image, None when only sources were wanted.
        sizes: of the image; None without one, and for the host.
        stack_bound: bytes of stack from reset on that no run exceeds; None where there is no image or no bound.
        manifest: contents of ``manifest.json``.
    """

    model: Path
    target: Target
    folder: Path
    sources: Sources
    image: Image | None
    sizes: Sizes | None
    stack_bound: int | None
    manifest: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for ``--format json``: the manifest."""
        return self.manifest


def compile(
    model: str | Path,
    target: str = "cortex-m4",
    *,
    out: str | Path,
    frontend: str | Path | FrontendSpec | None = None,
    name: str | None = None,
    project: str | None = None,
    toolchain: str | None = None,
    build: bool = True,
    optimize: str = "balanced",
    max_ram: int | None = None,
    max_flash: int | None = None,
    rounding: str | None = None,
) -> CompileResult:
    """Generate C for ``target`` and build it.

    Args:
        model: int8 ``.tflite`` or QDQ ``.onnx``.
        target: "cortex-m0", "m3", "m4", "m7", "m33", "m55", a board such as "nrf52840-dk", or "cpu" for this machine.
        out: folder for sources, project, image and manifest; nothing appears there when something fails.
        frontend: None takes the one embedded in the model, "none" leaves it out, else a preset, file or spec.
        name: prefix of the C API; made from the file's name when None.
        project: folder of firmware_stubs/ by name, or a path. Those that another build system builds (arduino, zephyr,
            esp-idf, tflm) are only written.
        toolchain: "zig", "arm-none-eabi-gcc", "gcc" or "cc" instead of the first that is there.
        build: False writes the sources only.
        optimize: "size", "speed" or "balanced": what kernels and compiler flags are chosen for.
        max_ram: bytes of static RAM (the stack is beside it) that the image may take; layers run by rows as far as that
            needs. None: what the board has.
        max_flash: bytes of flash that the image may take; kernels become smaller as far as that needs.
        rounding: "twice" or "once" (graph/rounding.py); None: as the model says, else twice.

    Raises:
        BadFileError: the model cannot be read.
        UnsupportedOpError: an operator that has no kernel, or a model that is not integer.
        DigestMismatchError: model and front-end were not made for each other.
        TargetError: the image does not fit the target, or the compiler failed.
        BadConfigError: an unknown target, project, toolchain, purpose or front-end; an unsafe name.
        MissingDependencyError: there is no compiler.
    """
    path, chosen, purpose = Path(model), find_target(target), check_optimize(optimize)
    build = build and has_image(chosen, project)
    if build and chosen.kind == "mcu":
        require(
            "elftools", "mcu", "write the C alone: --sources-only"
        )  # sizes are read from the image: said before anything is written
    if max_flash is not None and not build:
        raise BadConfigError(
            "a limit of flash needs an image to measure", mend="let edgekit build one, or leave it out"
        )
    graph = lower(with_rounding(load_graph(path), rounding))
    prefix = name if name is not None else identifier(path.stem)
    compiler = find_toolchain(chosen, toolchain) if build else None
    job = _Job(graph, choose_frontend(graph, frontend), chosen, prefix, project, compiler)
    setting = job.within(purpose, Limits(max_ram, max_flash))
    sources, folder = job.sources(setting), Path(out)
    image, sizes, stack = None, None, None
    if compiler is not None:
        image = build_image(sources, chosen, folder, toolchain=compiler, project=project)
        sizes, stack = _sizes(image), _stack_bound(image)
    else:
        check_ram(sources, chosen)
        files = project_files(sources, chosen, project)
        with atomic_folder(folder) as work:
            write_files(files, work)
    manifest = _manifest(path, sources, image, sizes, stack)
    write_json(folder / MANIFEST, manifest)
    picture = timeline_svg(manifest["memory_timeline"], manifest["arena_bytes"], f"memory of {path.name}, step by step")
    write_text(folder / PICTURE, picture)
    return CompileResult(path, chosen, folder, sources, image, sizes, stack, manifest)


@dataclass(frozen=True, eq=False)
class _Job:
    """What stays the same while settings are tried; no compiler where no image is wanted."""

    graph: Graph
    spec: FrontendSpec | None
    target: Target
    name: str
    project: str | None
    compiler: Toolchain | None

    def sources(self, setting: Setting) -> Sources:
        return generate(self.graph, self.spec, self.target, self.name, setting.optimize, setting.bent)

    def within(self, purpose: Optimize, limits: Limits) -> Setting:
        """The setting to compile with; one build more for every setting that is tried."""
        if self.target.kind != "mcu":
            if limits != Limits():
                raise BadConfigError("limits are for microcontrollers", where=self.target.name, mend="leave them out")
            return Setting(purpose)
        room = self.target.memory.ram.size - self.target.stack_bytes
        known = Limits(room if limits.ram is None else min(room, limits.ram), limits.flash)
        if limits == Limits() and self.sources(Setting(purpose)).state_bytes <= room:
            return Setting(purpose)
        return fitting(purpose, known, lambda setting: self._taken(setting, room), self.target.name)

    def _taken(self, setting: Setting, room: int) -> Taken:
        sources = self.sources(setting)
        arena = int(sources.manifest["arena_bytes"])
        if self.compiler is None or sources.state_bytes > room:
            return Taken(0, sources.state_bytes, arena)
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "image"
            image = build_image(sources, self.target, made, toolchain=self.compiler, project=self.project)
            sizes = _sizes(image)
        return Taken(sizes.flash, sizes.ram, arena) if sizes else Taken(0, sources.state_bytes, arena)


def _sizes(image: Image) -> Sizes | None:
    if image.target.kind != "mcu":
        return None
    from edgekit.bench.elf import read_elf
    from edgekit.bench.sizes import image_sizes

    return image_sizes(read_elf(image.path))


def _stack_bound(image: Image) -> int | None:
    """The bound from reset on; None for the host, and where calls cannot be followed (projects of users)."""
    if image.target.kind != "mcu":
        return None
    from edgekit.bench.elf import read_elf
    from edgekit.bench.stack import stack_bound

    try:
        return stack_bound(read_elf(image.path), ENTRY)
    except TargetError:
        return None


def _manifest(
    path: Path, sources: Sources, image: Image | None, sizes: Sizes | None, stack: int | None
) -> dict[str, Any]:
    """The manifest of the sources with the digests of model and image; no dates: equal input gives equal text."""
    manifest = dict(sources.manifest)
    manifest["model_file"] = {"name": path.name, "digest": digest_file(path)}
    manifest["image"] = None
    if image is not None:
        manifest["image"] = {
            "file": image.path.name,
            "digest": digest_file(image.path),
            "toolchain": image.toolchain,
            "sizes": sizes.to_json() if sizes else None,
            "stack_bound_bytes": stack,
        }
    return manifest
