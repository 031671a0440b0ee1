"""Integer models on real boards over a serial line: outputs, times by the board's clock, stack."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekit.bench.elf import read_elf
from edgekit.bench.figures import RANKS
from edgekit.bench.host import host_model
from edgekit.bench.inputs import Inputs, compare_scores
from edgekit.bench.serial_link import Board, BoardRun, SerialLink, open_port
from edgekit.bench.sizes import image_sizes
from edgekit.core.errors import BadConfigError, MissingDependencyError, TargetError
from edgekit.core.measurement import Measurement
from edgekit.core.quantity import Quantity
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.project import build
from edgekit.deploy.target import Target

PROJECT = "cortex-m-serial"
FLASH_S = 300.0


@dataclass(frozen=True)
class SerialOptions:
    """How a board is reached.

    Attributes:
        path: of the serial line: "/dev/ttyACM0".
        baud: its rate.
        flash: command that flashes the board, "{elf}" in it stands for the image; "" where the image is there already.
        project: stub that the image is built from: "cortex-m-serial", or a folder with a port.c of one's own.
    """

    path: str
    baud: int = 115_200
    flash: str = ""
    project: str = PROJECT

    def __post_init__(self) -> None:
        if self.flash and "{elf}" not in self.flash:
            mend = 'write {elf} where the image belongs: "pyocd flash -t nrf52840 {elf}"'
            raise BadConfigError("names no image", where="--flash-command", mend=mend)


def on_board(inputs: Inputs, target: Target, options: SerialOptions) -> Measurement:
    """Build, flash where told to, compare outputs, and take the times that the board measured.

    Raises:
        TargetError: the image does not fit or does not build for the board, flashing failed, or the board does not
            answer.
        MissingDependencyError: pyserial or the flashing tool is not installed.
    """
    sources = generate(inputs.graph, inputs.spec, target, optimize=inputs.optimize)
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
        image = build(sources, target, Path(folder) / "image", project=options.project)
        if options.flash:
            flash(options.flash, image.path)
        sizes = image_sizes(read_elf(image.path))
        with open_port(options.path, options.baud) as port:
            link = SerialLink(port, options.path)
            board = link.hello()
            _check(board, sources, options.path)
            runs = [link.run(clip, inputs.outputs) for clip in inputs.features]
            heard = [link.push(clip, inputs.outputs) for clip in inputs.pcm] if sources.has_frontend else []
            stack = link.stack()
    agreement = compare_scores(np.stack([run.scores for run in runs]), inputs.expected)
    runner, clips = f"{target.memory.name} on {options.path}, {image.toolchain}", len(runs)
    problem = "" if agreement.equal else f"scores differ by up to {agreement.steps} steps"
    if not problem and heard and not _same_on_host(sources, inputs, heard):
        problem = "PCM differs from the same C on this machine"
    if problem:
        return Measurement(
            inputs.model, target.name, runner, False, clips, label_agreement=agreement.labels, problem=problem
        )
    times = _milliseconds(runs, board)
    details = {"stack_reserved": Quantity(sizes.stack_reserved, "B", "exact")}
    if heard:
        caveat = f"median of {len(heard)} clips, front-end and model"
        details["clip_ms"] = Quantity(float(np.median(_milliseconds(heard, board))), "ms", "measured", caveat=caveat)
    note = f"{clips} runs, the board's clock at {board.hertz:,} Hz"
    return Measurement(
        inputs.model, target.name, runner, True, clips,
        flash=Quantity(sizes.flash, "B", "exact", caveat="whole image"),
        ram=Quantity(sizes.ram, "B", "exact", caveat="whole image, stack not included"),
        stack=Quantity(stack, "B", "measured", caveat="high-water mark from reset"),
        latency_ms={
            key: Quantity(float(np.percentile(times, rank)), "ms", "measured", caveat=note)
            for key, rank in RANKS.items()
        },
        details=details,
        label_agreement=agreement.labels,
    )  # fmt: skip


def flash(command: str, image: Path) -> None:
    """Run a user's flashing command; no shell sees it.

    Raises:
        MissingDependencyError: its program is not installed.
        TargetError: it failed, or took longer than FLASH_S.
    """
    words = [word.replace("{elf}", str(image)) for word in shlex.split(command)]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=FLASH_S,
            check=False,
        )  # fmt: skip
    except OSError as error:
        mend = "install it, or give another --flash-command"
        raise MissingDependencyError(f"cannot be started: {error.strerror}", where=words[0], mend=mend) from error
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"no end within {FLASH_S:g} s", where=words[0], mend="is the board plugged in?") from error
    if done.returncode != 0:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        last = said[-1][:300] if said else "no message"
        raise TargetError(
            f"flashing ended with status {done.returncode}: {last}", where=words[0], mend="run it by hand"
        )


def _check(board: Board, sources: Sources, where: str) -> None:
    told = (board.input_size, board.output_size, board.clip_samples)
    if told != (sources.input_size, sources.output_size, sources.clip_samples) or not board.hertz:
        raise TargetError("another model is on the board", where=where, mend="give --flash-command, or flash the image")


def _milliseconds(runs: Sequence[BoardRun], board: Board) -> np.ndarray:
    return np.array([run.ticks for run in runs]) * 1e3 / board.hertz


def _same_on_host(sources: Sources, inputs: Inputs, heard: Sequence[BoardRun]) -> bool:
    """PCM has no integer reference; the same C on this machine must agree bit for bit."""
    with host_model(sources) as model:
        scores, _ = model.push(inputs.pcm)
    return all(np.array_equal(run.scores, expected) for run, expected in zip(heard, scores, strict=True))
