"""Integer models on a Raspberry Pi, or another Linux machine, over SSH."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from edgekit.bench.figures import Plan
from edgekit.bench.inputs import Inputs
from edgekit.bench.model_process import ModelProcess
from edgekit.bench.on_cpu import PROJECT, C, measured
from edgekit.bench.runtimes import PACKAGES, SERVER, Runtime, integer_model
from edgekit.bench.ssh import Host, facts, remote_program, remote_python
from edgekit.core.errors import BadConfigError, EdgekitError, TargetError
from edgekit.core.measurement import Measurement
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.project import build
from edgekit.deploy.target import Target, find_target
from edgekit.deploy.toolchain import find_toolchain

LINUX = "linux"
"""Target name of any Linux machine: measured for what it is."""
RUNNERS = (C, "litert", "onnxruntime")
BOARDS: Mapping[str, str] = MappingProxyType(
    {
        "rpi3": r"Raspberry Pi (3|Zero 2|Compute Module 3)",
        "rpi4": r"Raspberry Pi (4|400|Compute Module 4)",
        "rpi5": r"Raspberry Pi (5|500|Compute Module 5)",
    }
)
"""Target to what its device tree says of the board."""
_32_BIT = "arm-linux-musleabihf"
_QUESTIONS = {
    "machine": "uname -m",
    "board": "tr -d '\\0' < /proc/device-tree/model",
    "processors": "nproc",
    "governor": "cat /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    "throttled": "vcgencmd get_throttled",
    "taskset": "command -v taskset",
    "packages": "for m in ai_edge_litert tflite_runtime onnxruntime; do "
    'python3 -c "import numpy, $m" && echo $m; done; true',
}


@dataclass(frozen=True)
class Machine:
    """What a host says about itself.

    Attributes:
        architecture: of ``uname -m``.
        board: of the device tree, "" where there is none.
        processors: how many.
        governor: of the first processor's clock, "" where it has none.
        throttled: the firmware's flags ("throttled=0x0"), "" where it is no Raspberry Pi.
        taskset: programs can be kept on a processor.
        packages: Python runtimes that can be imported.
    """

    architecture: str
    board: str
    processors: int
    governor: str
    throttled: str
    taskset: bool
    packages: tuple[str, ...]

    @property
    def prefix(self) -> tuple[str, ...]:
        """Keeps a program on the last processor."""
        return ("taskset", "-c", str(self.processors - 1)) if self.taskset else ()


def read_machine(host: Host) -> Machine:
    """Ask a host.

    Raises:
        TargetError: it cannot be reached.
    """
    told = facts(host, _QUESTIONS)
    count = int(told["processors"]) if told["processors"].isdigit() else 1
    return Machine(
        told["machine"], told["board"], count, told["governor"], told["throttled"], bool(told["taskset"]),
        tuple(told["packages"].split()),
    )  # fmt: skip


def fitting_target(name: str, machine: Machine, host: str) -> Target:
    """What to build for a host that the user calls ``name``.

    Raises:
        TargetError: it is another board, or nothing is built for its processor.
    """
    if name in BOARDS and not re.search(BOARDS[name], machine.board):
        found = machine.board or f"{machine.architecture}, no Raspberry Pi"
        raise TargetError(
            f"is a {found}, not {name}", where=host, mend=f"use --target {LINUX}, or the board's own name"
        )
    if machine.architecture == "aarch64":
        return replace(find_target(name if name in BOARDS else "rpi3"), name=name)
    arm = find_target(name if name in BOARDS else "rpi3")
    if machine.architecture in ("armv7l", "armv8l"):  # a 32-bit system on the same processor: portable C
        return replace(arm, name=name, neon=False, zig_target=_32_BIT, gcc_flags=())
    if machine.architecture == "x86_64":
        return replace(arm, name=name, neon=False, zig_target="x86_64-linux-musl", zig_cpu="x86_64_v2", gcc_flags=())
    mend = "use a 64-bit system"
    raise TargetError(f"nothing is built for {machine.architecture or 'its processor'}", where=host, mend=mend)


def on_host(
    inputs: Inputs, path: Path, name: str, host: Host, runners: tuple[str, ...] | None, plan: Plan
) -> Iterator[Measurement]:
    """One measurement a runner; what one cannot do does not keep the others from being measured.

    Args:
        inputs: of the model.
        path: its file.
        name: "rpi3", "rpi4", "rpi5" or "linux".
        host: where.
        runners: of RUNNERS; None takes generated C and what is installed there.
        plan: how long.

    Raises:
        TargetError: the host cannot be reached, or is another board.
        BadConfigError: an unknown runner.
    """
    unknown = [runner for runner in runners or () if runner not in RUNNERS]
    if unknown:
        raise BadConfigError(f"{unknown[0]} does not run on a host", where="--runner", mend=f"use {', '.join(RUNNERS)}")
    machine = read_machine(host)
    target = fitting_target(name, machine, host.name)
    for runner in runners or [runner for runner in RUNNERS if runner == C or _has(machine, runner)]:
        try:
            yield _with_state(_one(inputs, path, target, host, machine, runner, plan), host, machine)
        except EdgekitError as error:
            yield Measurement(inputs.model, name, runner, None, len(inputs.features), problem=str(error))


def _has(machine: Machine, runner: str) -> bool:
    return any(package in machine.packages for package in PACKAGES[runner][0])


def _one(
    inputs: Inputs, path: Path, target: Target, host: Host, machine: Machine, runner: str, plan: Plan
) -> Measurement:
    pinned = f"1 thread on CPU {machine.processors - 1}" if machine.taskset else "1 thread, not pinned"
    if runner == C:
        with _generated_c(inputs, target, host, machine) as (process, compiler, sources):
            return measured(
                inputs, target.name, f"generated C, {compiler}, {pinned}", process, plan, sources
            )  # fmt: skip
    if not _has(machine, runner):
        mend = f"install it there (python3 -m pip install {PACKAGES[runner][0][0].replace('_', '-')})"
        raise TargetError(f"{runner} cannot be imported there", where=host.name, mend=mend)
    model, ends = integer_model(inputs.core, runner, path)
    with remote_python(host, SERVER.read_text("utf-8"), machine.prefix) as channel:
        process = ModelProcess(channel, inputs.outputs)
        process.load(model, {**Runtime(runner).options(), **ends})
        told = process.about()
        return measured(inputs, target.name, f"{told['runtime']}, {pinned}", process, plan, None, told)


@contextmanager
def _generated_c(
    inputs: Inputs, target: Target, host: Host, machine: Machine
) -> Iterator[tuple[ModelProcess, str, Sources]]:
    sources = generate(inputs.graph, inputs.spec, target, optimize=inputs.optimize)
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
        # GCC's cross-compiler knows 64-bit Arm only.
        compiler = find_toolchain(target, None if target.neon else "zig")
        image = build(sources, target, Path(folder) / "image", project=PROJECT, toolchain=compiler)
        with remote_program(host, image.path, machine.prefix) as channel:
            yield ModelProcess(channel, inputs.outputs), image.toolchain, sources


def _with_state(found: Measurement, host: Host, machine: Machine) -> Measurement:
    """Clock governor and throttling, before and after, in the row: both change times."""
    after = read_machine(host).throttled
    parts = [
        machine.board or machine.architecture,
        f"governor {machine.governor or 'not told'}",
        f"{machine.throttled} before, {after} after" if machine.throttled else "throttling not told",
    ]
    return replace(found, runner=f"{found.runner}, {', '.join(parts)}")
