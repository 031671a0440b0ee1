"""The same bare-metal image in QEMU: cores that unicorn does not have, and a second, independent emulator."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import SPANS, Count, Emulation, Kind
from edgekit.bench.programs import program_path, qemu_release
from edgekit.bench.protocol import features_request, parse_reply, pcm_request, reply_size, stack_request
from edgekit.bench.qemu_count import make_plugin, per_clip
from edgekit.core.errors import TargetError
from edgekit.deploy.project import Image

PROGRAM = "qemu-system-arm"
TIMEOUT_S = 600.0
_REBUILD = "build the image again"


def qemu_program() -> str:
    """Path of qemu-system-arm.

    Raises:
        MissingDependencyError: it is not installed.
    """
    return program_path(PROGRAM, "qemu-system-arm")


def qemu_version() -> str:
    """For instance "QEMU 7.2.22".

    Raises:
        MissingDependencyError: it is not installed.
    """
    return f"QEMU {qemu_release(qemu_program())}".strip()


def run_in_qemu(
    image: Image, clips: np.ndarray, outputs: int, kind: Kind = "features", *, counted: bool = False
) -> Emulation:
    """Run every clip through the image on the QEMU machine of its target's board.

    Args:
        image: built with the project cortex-m-bare.
        clips: as in :func:`edgekit.bench.emulate.emulate`.
        outputs: scores of the model.
        kind: "features" or "pcm".
        counted: count instructions, of every clip; needs a C compiler for this machine.

    Raises:
        MissingDependencyError: QEMU is not installed, or the compiler that counting needs.
        TargetError: there is no machine for the target, or the image failed.
    """
    qemu_program()
    if not counted:
        return _run(image, clips, outputs, kind, ())
    done, calls = run_counted(image, clips, outputs, {key: image.name + end for key, end in SPANS.items()}, kind)
    counts = tuple(Count(frontend, model) for frontend, model in per_clip(calls))
    if len(counts) != len(clips):
        raise TargetError(f"{len(counts)} calls of the model for {len(clips)} clips", where=PROGRAM, mend=_REBUILD)
    return replace(done, counts=counts)


def run_counted(
    image: Image, clips: np.ndarray, outputs: int, functions: Mapping[str, str], kind: Kind = "features"
) -> tuple[Emulation, list[tuple[str, int]]]:
    """As :func:`run_in_qemu`, with the instructions of every call of some functions.

    Args:
        image: likewise.
        clips: likewise.
        outputs: likewise.
        functions: name to symbol; those that the image lacks are left out.
        kind: likewise.

    Returns:
        the run, and (name, instructions) of each call in order, callees included.

    Raises:
        MissingDependencyError: QEMU or a C compiler for this machine is not installed.
        TargetError: there is no machine for the target, or the image failed.
    """
    with tempfile.TemporaryDirectory(prefix="edgekit-qemu-") as name:
        plugin = make_plugin(read_elf(image.path), functions, Path(name))
        done = _run(image, clips, outputs, kind, ("-plugin", plugin.argument()))
        return done, plugin.calls()


def _run(image: Image, clips: np.ndarray, outputs: int, kind: Kind, more: tuple[str, ...]) -> Emulation:
    machine = image.target.memory.qemu_machine
    if not machine:
        raise TargetError("has no QEMU machine", where=image.target.name, mend="use cortex-m3, cortex-m4 or cortex-m7")
    make = features_request if kind == "features" else pcm_request
    requests = b"".join(make(clip) for clip in clips) + stack_request()
    command = [
        qemu_program(), "-M", machine, "-kernel", str(image.path), "-semihosting-config", "enable=on,target=native",
        "-display", "none", "-monitor", "none", "-serial", "none", *more,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, input=requests, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"no end within {TIMEOUT_S:g} s", where=PROGRAM, mend="give fewer clips") from error
    size = reply_size(outputs)
    if done.returncode != 0 or len(done.stdout) != size * (len(clips) + 1):
        message = done.stderr.decode(errors="replace").strip().splitlines()
        said = message[0] if message else f"{len(done.stdout)} B of answers"
        raise TargetError(f"status {done.returncode}: {said}", where=PROGRAM, mend=_REBUILD)
    replies = [parse_reply(done.stdout[i : i + size], outputs) for i in range(0, len(done.stdout), size)]
    scores = np.stack([reply.scores for reply in replies[:-1]])
    return Emulation(scores, np.array([reply.value for reply in replies[:-1]]), (), replies[-1].value)
