"""Programs for another processor's Linux in QEMU's user mode: outputs and exact instruction counts, no times."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekit.bench.channel import Channel
from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import SPANS, Count
from edgekit.bench.model_process import ModelProcess
from edgekit.bench.programs import program_path, qemu_release
from edgekit.bench.qemu_count import Plugin, make_plugin, per_clip
from edgekit.core.errors import TargetError
from edgekit.deploy.project import Image

PROGRAM = "qemu-aarch64"
"""Debian's qemu-user-static takes no plug-ins, and so counts nothing: the package is qemu-user."""


@dataclass(frozen=True, eq=False)
class UserRun:
    """What the program answered.

    Attributes:
        scores: int8 [N, outputs].
        clip_scores: int8 [M, outputs] of the PCM, None where none was given.
        counts: one for each counted input, then one for each clip of PCM.
    """

    scores: np.ndarray
    clip_scores: np.ndarray | None
    counts: tuple[Count, ...]


def qemu_user_program() -> str:
    """Path of qemu-aarch64.

    Raises:
        MissingDependencyError: it is not installed.
    """
    return program_path(PROGRAM, "qemu-user")


def qemu_user_version() -> str:
    """For instance "qemu-aarch64 7.2.22"."""
    return f"{PROGRAM} {qemu_release(qemu_user_program())}".strip()


def cpu_name(image: Image) -> str:
    """QEMU's name of the image's processor, from the compiler's.

    Raises:
        TargetError: the target names none.
    """
    for flag in image.target.gcc_flags:
        if flag.startswith("-mcpu="):
            return flag.removeprefix("-mcpu=").partition("+")[0]
    raise TargetError("names no processor", where=image.target.name, mend="use rpi3, rpi4 or rpi5")


def run_in_qemu_user(
    image: Image, features: np.ndarray, outputs: int, pcm: np.ndarray | None = None, counted: int | None = None
) -> UserRun:
    """Run every input through the program, then every clip of PCM.

    Args:
        image: built with the project "process" for a Linux target of 64-bit Arm.
        features: int8 [N, …].
        outputs: scores of the model.
        pcm: int16 [M, samples], for programs with a front-end.
        counted: count the instructions of this many inputs, and of all PCM; the others run at several times the speed.
            None counts all.

    Raises:
        MissingDependencyError: QEMU, or the C compiler that counting needs, is not installed.
        TargetError: the program failed.
    """
    first = features if counted is None else features[:counted]
    found = _counted_run(image, first, outputs, pcm)
    if len(first) == len(features):
        return found
    with Channel([qemu_user_program(), "-cpu", cpu_name(image), str(image.path)], where=PROGRAM) as channel:
        rest = ModelProcess(channel, outputs).scores(features[len(first) :])
    return replace(found, scores=np.concatenate([found.scores, rest]))


def _counted_run(image: Image, features: np.ndarray, outputs: int, pcm: np.ndarray | None) -> UserRun:
    program = qemu_user_program()
    with tempfile.TemporaryDirectory(prefix="edgekit-qemu-") as name:
        plugin = make_plugin(read_elf(image.path), {key: image.name + end for key, end in SPANS.items()}, Path(name))
        command = [program, "-cpu", cpu_name(image), "-plugin", plugin.argument(), str(image.path)]
        with Channel(command, where=PROGRAM) as channel:
            process = ModelProcess(channel, outputs)
            scores = process.scores(features)
            clip_scores = None if pcm is None else process.clip_scores(pcm)
        counts = _counts(plugin)
    clips = len(features) + (0 if pcm is None else len(pcm))
    if len(counts) != clips:
        mend = "build the image again"
        raise TargetError(f"{len(counts)} calls of the model for {clips} inputs", where=PROGRAM, mend=mend)
    return UserRun(scores, clip_scores, counts)


def _counts(plugin: Plugin) -> tuple[Count, ...]:
    return tuple(Count(frontend, model) for frontend, model in per_clip(plugin.calls()))
