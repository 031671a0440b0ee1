"""Integer models on this machine: generated C, ONNX Runtime and LiteRT, each in a process of its own; on CUDA too."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.bench import places
from edgekit.bench.channel import Channel
from edgekit.bench.energy import EnergyMeter, find_nvml, find_rapl
from edgekit.bench.figures import Plan, energy, latency, rates, timed
from edgekit.bench.inputs import Inputs, compare_scores
from edgekit.bench.model_process import ModelProcess
from edgekit.bench.runtimes import Runtime, check_installed, integer_model, is_installed, serve
from edgekit.core.errors import BadConfigError, EdgekitError
from edgekit.core.measurement import Measurement
from edgekit.core.quantity import Quantity
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target

PROJECT = "process"
C = "c"
RUNNERS = (C, "onnxruntime", "litert")
CUDA_RUNNERS = ("onnxruntime",)
COMPILED = "-compiled"
"""What a runner's name ends with that compiles its model: torch-compiled."""
LABELS_AGREE = 0.95
"""Runtimes that round otherwise than TensorFlow Lite's reference: least share of equal labels …"""
STEPS_AGREE = 2
"""… or largest difference of a score, in int8 steps, at which their times are those of the same model."""


@dataclass(frozen=True)
class LocalOptions:
    """How this machine is measured.

    Attributes:
        runners: None takes all that are installed and can run the model.
        threads: of each runtime; generated C has one.
        plan: how long.
    """

    runners: Sequence[str] | None = None
    threads: int = 1
    plan: Plan = field(default_factory=Plan)


def on_cpu(inputs: Inputs, path: Path, options: LocalOptions) -> Iterator[Measurement]:
    """One measurement a runner; what one runner cannot do does not keep the others from being measured.

    Args:
        inputs: of the model.
        path: its file, which a runtime of its format loads as it is.
        options: which runners, threads, how long.

    Raises:
        BadConfigError: more threads than processors, or a runner that does not run integer models.
    """
    for runner in wanted(options, RUNNERS):
        cpus = tuple(places.processors(options.threads))
        try:
            if runner == C:
                yield _generated_c(inputs, options.plan)
            else:
                yield _runtime(inputs, path, Runtime(runner, threads=options.threads, cpus=cpus), options)
        except EdgekitError as error:
            yield Measurement(inputs.model, "cpu", runner, None, len(inputs.features), problem=str(error))


def on_cuda(inputs: Inputs, path: Path, options: LocalOptions) -> Iterator[Measurement]:
    """The same on the first CUDA device; arguments as of :func:`on_cpu`."""
    cpus = tuple(places.processors(options.threads))
    for runner in wanted(options, CUDA_RUNNERS):
        try:
            yield _runtime(inputs, path, Runtime(runner, "cuda", threads=options.threads, cpus=cpus), options)
        except EdgekitError as error:
            yield Measurement(inputs.model, "cuda", runner, None, len(inputs.features), problem=str(error))


def wanted(options: LocalOptions, known: Sequence[str]) -> list[str]:
    """The runners asked for, or those of ``known`` that are installed.

    Raises:
        BadConfigError: one asked for is not among ``known``.
    """
    if options.runners is None:
        return [runner for runner in known if runner == C or is_installed(runner.removesuffix(COMPILED))]
    for runner in options.runners:
        if runner not in known:
            mend = f"use {', '.join(known)}; torch runs run folders"
            raise BadConfigError(f"{runner} does not run such a model there", where="--runner", mend=mend)
    return list(options.runners)


@contextmanager
def generated_c(inputs: Inputs) -> Iterator[tuple[ModelProcess, str, Sources]]:
    """The process of the generated C, pinned, with its name for the table and what it was built from.

    Raises:
        MissingDependencyError, TargetError: no C compiler, or it failed.
    """
    target, cpus = find_target("cpu"), places.processors(1)
    sources = generate(inputs.graph, inputs.spec, target, optimize=inputs.optimize)
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
        image = build(sources, target, Path(folder) / "image", project=PROJECT)
        with Channel([str(image.path)], where="generated C") as channel:
            places.pin(channel.pid, cpus)
            name = f"generated C, {image.toolchain}, {places.described(1, cpus)}"
            yield ModelProcess(channel, inputs.outputs), name, sources


def _generated_c(inputs: Inputs, plan: Plan) -> Measurement:
    with generated_c(inputs) as (process, name, sources):
        return measured(inputs, "cpu", name, process, plan, sources)


def _runtime(inputs: Inputs, path: Path, runtime: Runtime, options: LocalOptions) -> Measurement:
    check_installed(runtime.name)
    with serve(runtime, *integer_model(inputs.core, runtime.name, path), outputs=inputs.outputs) as process:
        told = process.about()
        name = f"{told['runtime']}, {places.described(runtime.threads, list(runtime.cpus))}"
        return measured(inputs, runtime.device, name, process, options.plan, None, told)


def measured(
    inputs: Inputs,
    target: str,
    runner: str,
    process: ModelProcess,
    plan: Plan,
    sources: Sources | None,
    told: dict[str, Any] | None = None,
) -> Measurement:
    """Outputs first; times only of the right ones.

    Args:
        inputs: of the model.
        target: for the table.
        runner: what executes it, for the table.
        process: the model, not yet asked.
        plan: how long.
        sources: of generated C, whose bytes must be equal; None of runtimes that round otherwise.
        told: what a runtime's process said about itself.

    Raises:
        TargetError: the process failed.
    """
    agreement = compare_scores(process.scores(inputs.features), inputs.expected)
    clips = len(inputs.features)
    good = agreement.equal
    if sources is None:
        good = agreement.labels >= LABELS_AGREE or agreement.steps <= STEPS_AGREE
    elif good and sources.has_frontend:
        good = bool(np.array_equal(process.clip_scores(inputs.pcm), inputs.pcm_scores))
    if not good:
        problem = f"scores differ by up to {agreement.steps} steps"
        return Measurement(
            inputs.model, target, runner, agreement.equal and good, clips,
            label_agreement=agreement.labels, problem=problem,
        )  # fmt: skip
    model = timed(process, "model", plan)
    details = rates(model) | _parts(process, plan, sources) | memory(process, told)
    details["largest_difference"] = Quantity(agreement.steps, "step", "exact", caveat=f"of int8 scores, {clips} clips")
    details |= joules(process, plan, float(np.median(model.wall)), target)
    state = Quantity(sources.state_bytes, "B", "planned", caveat="arena and front-end state") if sources else None
    return Measurement(
        inputs.model, target, runner, agreement.equal, clips, ram=state, latency_ms=latency(model), details=details,
        label_agreement=agreement.labels,
    )  # fmt: skip


def _parts(process: ModelProcess, plan: Plan, sources: Sources | None) -> dict[str, Quantity]:
    """Medians of front-end alone and of front-end and model together, where the process has a front-end."""
    if sources is None or not sources.has_frontend:
        return {}
    found = {}
    for key, what in (("frontend_ms", "frontend"), ("clip_ms", "clip")):
        wall = timed(process, what, plan).wall  # type: ignore[arg-type]
        found[key] = Quantity(float(np.median(wall)) / 1e6, "ms", "measured", caveat=f"median of {len(wall)} clips")
    return found


def joules(process: ModelProcess, plan: Plan, once_ns: float, target: str) -> dict[str, Quantity]:
    """Energy of an inference, where this machine's counter for ``target`` can be read."""
    meter: EnergyMeter | None = None
    if target in ("cpu", "cuda"):
        meter = find_nvml() if target == "cuda" else find_rapl()
    return {} if meter is None else {"energy": energy(process, plan, once_ns, meter)}


def memory(process: ModelProcess, told: dict[str, Any] | None) -> dict[str, Quantity]:
    """Peak of the process, where the system tells."""
    peak = process.peak_bytes()
    if peak is None:
        return {}
    before = f"; {told['before_kib'] * 1024:,} B before the runtime was loaded" if told else ""
    return {"peak_memory": Quantity(peak, "B", "measured", caveat=f"resident, whole process{before}")}
