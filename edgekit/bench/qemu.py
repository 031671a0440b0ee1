"""The same bare-metal image in QEMU: a second, independent emulator for outputs and stack (it counts nothing)."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np

from edgekit.bench.emulate import Emulation, Kind
from edgekit.bench.protocol import features_request, parse_reply, pcm_request, reply_size, stack_request
from edgekit.core.errors import MissingDependencyError, TargetError
from edgekit.deploy.project import Image

PROGRAM = "qemu-system-arm"
TIMEOUT_S = 600.0


def qemu_program() -> str:
    """Path of qemu-system-arm.

    Raises:
        MissingDependencyError: it is not installed.
    """
    path = shutil.which(PROGRAM)
    if path is None:
        raise MissingDependencyError(f"{PROGRAM} is not installed", mend="install it (Debian: qemu-system-arm)")
    return path


def run_in_qemu(image: Image, clips: np.ndarray, outputs: int, kind: Kind = "features") -> Emulation:
    """Run every clip through the image on the QEMU machine of its target's board.

    Args:
        image: built with the project cortex-m-bare.
        clips: as in :func:`edgekit.bench.emulate.emulate`.
        outputs: scores of the model.
        kind: "features" or "pcm".

    Raises:
        MissingDependencyError: QEMU is not installed.
        TargetError: there is no machine for the target, or the image failed.
    """
    machine = image.target.memory.qemu_machine
    if not machine:
        raise TargetError("has no QEMU machine", where=image.target.name, mend="use cortex-m3, cortex-m4 or cortex-m7")
    make = features_request if kind == "features" else pcm_request
    requests = b"".join(make(clip) for clip in clips) + stack_request()
    command = [
        qemu_program(), "-M", machine, "-kernel", str(image.path), "-semihosting-config", "enable=on,target=native",
        "-display", "none", "-monitor", "none", "-serial", "none",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, input=requests, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"no end within {TIMEOUT_S:g} s", where=PROGRAM, mend="give fewer clips") from error
    size = reply_size(outputs)
    if done.returncode != 0 or len(done.stdout) != size * (len(clips) + 1):
        message = done.stderr.decode(errors="replace").strip().splitlines()
        said = message[0] if message else f"{len(done.stdout)} B of answers"
        raise TargetError(f"status {done.returncode}: {said}", where=PROGRAM, mend="build the image again")
    replies = [parse_reply(done.stdout[i : i + size], outputs) for i in range(0, len(done.stdout), size)]
    scores = np.stack([reply.scores for reply in replies[:-1]])
    return Emulation(scores, np.array([reply.value for reply in replies[:-1]]), (), replies[-1].value)
