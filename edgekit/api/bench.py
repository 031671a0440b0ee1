"""``bench``: models on targets, outputs checked first, then measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit.api.bench_float import is_float, is_run, onnx_inputs, run_inputs
from edgekit.api.calibration import calibration_clips
from edgekit.bench.ethos_u import CONFIGURATIONS, on_ethos_u
from edgekit.bench.inputs import Inputs, make_inputs
from edgekit.bench.on_board import SerialOptions, on_board
from edgekit.bench.on_core import on_core
from edgekit.bench.on_cpu import LocalOptions, on_cpu, on_cuda
from edgekit.bench.on_float import FloatInputs, on_float
from edgekit.bench.on_host import LINUX, on_host
from edgekit.bench.on_linux import on_emulated_linux
from edgekit.bench.ssh import Host
from edgekit.core.errors import BadConfigError, EdgekitError
from edgekit.core.measurement import Measurement
from edgekit.core.progress import Progress, silent
from edgekit.deploy.boards import boards
from edgekit.deploy.c.choice import Optimize, check_optimize
from edgekit.deploy.target import Target, find_target
from edgekit.deploy.with_frontend import choose_frontend
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

if TYPE_CHECKING:
    from edgekit.features.spec import FrontendSpec

CUDA = "cuda"
LOCAL = ("cpu", CUDA)


@dataclass(frozen=True)
class BenchOptions:
    """What every measurement of one call shares.

    Attributes:
        frontend: as in :func:`edgekit.api.compile.compile`; with one, PCM is measured too.
        clips: inputs compared.
        seed: of random inputs.
        optimize: what C is generated for.
        data: where real inputs come from; None makes random ones.
        local: runners, threads and duration on this machine.
        host: where Linux targets run; None emulates them.
        serial: the board that microcontrollers are measured on; None emulates them.
    """

    frontend: str | Path | FrontendSpec | None = None
    clips: int = 20
    seed: int = 0
    optimize: Optimize = "balanced"
    data: str | Path | np.ndarray | None = None
    local: LocalOptions = field(default_factory=LocalOptions)
    host: Host | None = None
    serial: SerialOptions | None = None


def bench(
    models: str | Path | Sequence[str | Path],
    targets: str | Sequence[str] = ("cpu", "cortex-m4"),
    *,
    frontend: str | Path | FrontendSpec | None = None,
    clips: int = 20,
    seed: int = 0,
    optimize: str = "balanced",
    data: str | Path | np.ndarray | None = None,
    runners: Sequence[str] | None = None,
    threads: int = 1,
    host: str | Host | None = None,
    serial: str | SerialOptions | None = None,
    progress: Progress = silent,
) -> list[Measurement]:
    """Measure models on targets.

    The outputs on ``clips`` inputs are compared with the reference's first (of integer models the integer interpreter);
    where they differ, or a target cannot run the model, the measurement says so and holds no figures.

    Args:
        models: int8 ``.tflite`` or QDQ ``.onnx`` files; float ``.onnx`` files and run folders for "cpu" and "cuda".
        targets: names. "cpu" and "cuda" are this machine, microcontrollers and Raspberry Pis are emulated; "linux" is
            whatever ``host`` is. Of "ethos-u55-128" and the like Vela's estimates are given.
        frontend: as in :func:`edgekit.api.compile.compile`; with one, PCM is measured too.
        clips: inputs compared.
        seed: of the random inputs.
        optimize: "size", "speed" or "balanced": what kernels and compiler flags are chosen for.
        data: data set, ``.npz`` or float32 [N, H, W, C] features of which integer models get their inputs; None gives
            them random ones.
        runners: on this machine and on ``host``: "c", "onnxruntime", "litert", "torch", "torch-compiled"; None takes
            what is installed.
        threads: of each runtime on this machine.
        host: Raspberry Pi or another Linux machine that Linux targets are measured on, over SSH with keys.
        serial: line of the board that microcontrollers are measured on.
        progress: told the number of measurements done.

    Raises:
        BadFileError: a model cannot be read.
        BadConfigError: an unknown target or runner, no model, fewer than one clip, more threads than processors.
    """
    paths = [Path(models)] if isinstance(models, str | Path) else [Path(model) for model in models]
    names = [targets] if isinstance(targets, str) else list(targets)
    if not paths or not names or clips < 1:
        raise BadConfigError("nothing to measure", mend="give a model, a target and at least one clip")
    for name in names:
        check_target(name, host is not None)
    local, far = LocalOptions(runners, threads), Host(host) if isinstance(host, str) else host
    board = SerialOptions(serial) if isinstance(serial, str) else serial
    options = BenchOptions(frontend, clips, seed, check_optimize(optimize), data, local, far, board)
    found: list[Measurement] = []
    for i, path in enumerate(paths):
        inputs = _read(path, options)
        for k, name in enumerate(names):
            progress(f"bench {path.name} on {name}", i * len(names) + k, len(paths) * len(names))
            found += _measure(inputs, path, name, options)
    return found


def check_target(name: str, far: bool) -> None:
    """Raise BadConfigError where ``name`` is no target, or one that needs a host and there is none."""
    if name in CONFIGURATIONS:
        return
    if name == LINUX and not far:
        raise BadConfigError("linux is a machine of yours", where="--target", mend="say which with --host")
    if name not in (CUDA, LINUX):
        find_target(name)


def find_name(name: str) -> str:
    """A Linux target's own name for one of its aliases."""
    return name if name == LINUX else find_target(name).name


def _read(path: Path, options: BenchOptions) -> Inputs | FloatInputs:
    if is_run(path):
        return run_inputs(path, options.clips, options.seed)
    graph = lower(load_graph(path))
    if is_float(graph):
        return onnx_inputs(path, graph, options.clips, options.seed)
    spec = choose_frontend(graph, options.frontend)
    given = options.data
    if given is not None:
        given = calibration_clips(graph, given, clips=options.clips, frontend=spec)
    return make_inputs(
        path.name, graph, spec, options.optimize, clips=options.clips, seed=options.seed, given=given
    )  # fmt: skip


def _measure(inputs: Inputs | FloatInputs, path: Path, name: str, options: BenchOptions) -> list[Measurement]:
    """What a target cannot do is said in its row: the others are still measured."""
    try:
        return [_called(name, found) for found in _on_target(inputs, path, name, options)]
    except BadConfigError:
        raise
    except EdgekitError as error:
        return [Measurement(inputs.model, name, "", None, len(inputs.features), problem=str(error))]


def _called(name: str, found: Measurement) -> Measurement:
    """A board keeps its own name in the table, beside others with the same core."""
    return replace(found, target=name) if name in boards() else found


def _on_target(inputs: Inputs | FloatInputs, path: Path, name: str, options: BenchOptions) -> Iterator[Measurement]:
    if isinstance(inputs, FloatInputs):
        if name not in LOCAL:
            mend = "quantize it first (edgekit quantize)"
            raise BadConfigError(f"{name} runs int8 models only", where=str(path), mend=mend)
        yield from on_float(inputs, name, options.local)
    elif name in CONFIGURATIONS:
        yield on_ethos_u(inputs, path, name)
    elif name == CUDA:
        yield from on_cuda(inputs, path, options.local)
    elif options.host is not None and (name == LINUX or find_target(name).kind == "linux"):
        runners, plan = options.local.runners, options.local.plan
        yield from on_host(inputs, path, find_name(name), options.host, tuple(runners) if runners else None, plan)
    else:
        target = find_target(name)
        if target.kind == "host":
            yield from on_cpu(inputs, path, options.local)
        else:
            yield _on_one(inputs, target, options)


def _on_one(inputs: Inputs, target: Target, options: BenchOptions) -> Measurement:
    if target.kind == "linux":
        return on_emulated_linux(inputs, target)
    return on_board(inputs, target, options.serial) if options.serial else on_core(inputs, target)
