"""Many generated models in one program: on this machine under sanitizers, or in one bare-metal image.

The program reads the clips of all models one behind the other from its console and answers, a model, with a marker
byte and the outputs of its clips; so a model that ends the program is the one behind the last complete answer.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from c_batch_texts import HEAD, HOST_MAIN, HOST_RUN, MCU_MAIN, MCU_RUN

from edgekit.bench.cortex_m import Core
from edgekit.bench.elf import read_elf
from edgekit.bench.host import SANITIZE
from edgekit.bench.qemu import qemu_program
from edgekit.core.errors import TargetError
from edgekit.deploy.generate import Sources
from edgekit.deploy.project import PROJECT_FOLDER, project_files, write_files
from edgekit.deploy.target import Target, find_target
from edgekit.deploy.toolchain import find_toolchain

STRICT = ("-std=c11", "-ffp-contract=off", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
"""Every model is compiled with these; a warning ends the build."""
TRAPS = ("-fsanitize=address,undefined", "-fsanitize-undefined-trap-on-error")
"""As SANITIZE, but undefined operations end the program without a word: a third less to compile."""
MARKER = 0x5A
SECONDS = 600.0


@dataclass(frozen=True, eq=False)
class Answer:
    """What one model answered.

    Attributes:
        outputs: int8 [clips, outputs]; None where it gave none.
        trouble: why not.
    """

    outputs: np.ndarray | None
    trouble: str = ""


def run_on_host(models: Sequence[Sources], clips: Sequence[np.ndarray], folder: Path) -> list[Answer]:
    """Every model on its clips in one program under AddressSanitizer and UndefinedBehaviorSanitizer.

    Raises:
        TargetError: the compiler refuses, for instance because of a warning.
    """
    includes = "#include <stdio.h>\n#include <stdlib.h>\n"
    units = [_unit(HOST_RUN, model, len(own), includes) for model, own in zip(models, clips, strict=True)]
    names = ", ".join(f"run_{model.name}" for model in models)
    declarations = "".join(f"int run_{model.name}(void);\n" for model in models)
    main = _filled(HOST_MAIN, declarations=declarations, names=names, count=len(models))
    sources = _write(models, units, {"main.c": main}, folder)
    flags = (*STRICT, "-O0", *(SANITIZE if len(models) == 1 else TRAPS))
    find_toolchain(find_target("cpu")).run([*flags, *sources, "-o", "program"], folder)
    return _collect(models, clips, lambda first: _run_program([str(folder / "program"), str(first)], clips[first:]))


def run_on_core(
    models: Sequence[Sources], clips: Sequence[np.ndarray], target: Target, folder: Path, compiler: str | None = None
) -> list[Answer]:
    """Every model on its clips in one image: unicorn's core for the target, QEMU's board where there is none.

    Raises:
        TargetError: the compiler refuses, or the models do not fit the board.
    """
    state = max(model.state_bytes for model in models) + 64
    includes = '#include "semihosting.h"\n'
    units = [_unit(MCU_RUN, model, len(own), includes, state=state) for model, own in zip(models, clips, strict=True)]
    main = _filled(
        MCU_MAIN,
        declarations="".join(f"run run_{model.name};\n" for model in models),
        names=", ".join(f"run_{model.name}" for model in models),
        state=state,
        **{"in": max(model.input_size for model in models), "out": max(model.output_size for model in models)},
        count=len(models),
    )
    project = {
        name: text
        for name, text in project_files(models[0], target).items()
        if name.startswith(PROJECT_FOLDER) and not name.endswith(("main.c", "model_config.h"))
    }
    sources = _write(models, units, {**project, "main.c": main}, folder)
    _link(target, [*sources, f"{PROJECT_FOLDER}/startup.c"], folder, compiler)
    run = _run_in_unicorn if target.name != "cortex-m55" else _run_in_qemu
    data, trouble = run(folder / "image.elf", target, clips)
    return _collect(models, clips, lambda first: (data, trouble) if first == 0 else (b"", "not run after a failure"))


def _link(target: Target, sources: Sequence[str], folder: Path, compiler: str | None) -> None:
    toolchain = find_toolchain(target, compiler)
    arguments = [*toolchain.target_flags(target), *STRICT, "-O2", *toolchain.optimization(target, "balanced")]
    arguments += ["-ffunction-sections", "-fdata-sections", "-I.", f"-I{PROJECT_FOLDER}"]
    if not toolchain.ships_libc_headers:
        arguments.append(f"-I{PROJECT_FOLDER}/freestanding")
    arguments += [*toolchain.image_flags, f"-Wl,-T,{PROJECT_FOLDER}/linker.ld"]
    toolchain.run([*arguments, *sources, "-o", "image.elf"], folder)


def _unit(template: str, model: Sources, clips: int, includes: str, **more: object) -> str:
    """One translation unit a model: its own sources, and the function that runs it."""
    own = "".join(f'#include "{name}"\n' for name in sorted(model.files) if name.endswith(".c"))
    run = _filled(template, name=model.name, macro=model.name.upper(), clips=clips, marker=MARKER, **more)
    return _filled(HEAD, includes=own + includes) + run


def _filled(template: str, **values: object) -> str:
    for key, value in values.items():
        template = template.replace(f"@{key}@", str(value))
    return template


def _write(models: Sequence[Sources], units: Sequence[str], more: dict[str, str], folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for model in models:
        write_files(model.files, folder)
    names = [f"unit_{model.name}.c" for model in models]
    write_files({**dict(zip(names, units, strict=True)), **more}, folder)
    return [*names, "main.c"]


def _run_program(command: list[str], clips: Sequence[np.ndarray]) -> tuple[bytes, str]:
    done = subprocess.run(command, input=_stream(clips), capture_output=True, timeout=SECONDS, check=False)
    said = done.stderr.decode(errors="replace").strip()
    return done.stdout, f"status {done.returncode}: {said[:1500]}" if done.returncode else ""


def _run_in_unicorn(image: Path, target: Target, clips: Sequence[np.ndarray]) -> tuple[bytes, str]:
    core = Core(read_elf(image), target)
    try:
        return core.exchange(_stream(clips)), ""
    except TargetError as error:
        return b"", str(error)


def _run_in_qemu(image: Path, target: Target, clips: Sequence[np.ndarray]) -> tuple[bytes, str]:
    command = [
        qemu_program(), "-M", target.memory.qemu_machine, "-kernel", str(image), "-display", "none", "-monitor", "none",
        "-semihosting-config", "enable=on,target=native", "-serial", "none",
    ]  # fmt: skip
    return _run_program(command, clips)


def _stream(clips: Sequence[np.ndarray]) -> bytes:
    return b"".join(data.tobytes() for data in clips)


def _collect(
    models: Sequence[Sources], clips: Sequence[np.ndarray], run: Callable[[int], tuple[bytes, str]]
) -> list[Answer]:
    """Answers of all models; ``run`` gives the bytes of those from a number on, and why they ended."""
    answers: list[Answer] = []
    while len(answers) < len(models):
        first = len(answers)
        data, trouble = run(first)
        for model, own in zip(models[first:], clips[first:], strict=True):
            size = 1 + len(own) * model.output_size
            if len(data) < size or data[0] != MARKER:
                answers.append(Answer(None, trouble or "no answer"))
                break
            answers.append(Answer(np.frombuffer(data[1:size], dtype=np.int8).reshape(len(own), -1)))
            data = data[size:]
    return answers
