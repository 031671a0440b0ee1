"""``bench``: models on targets, outputs checked first, then measured."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit.bench.cortex_m import CPU_MODELS
from edgekit.bench.cycles.estimate import estimate_cycles
from edgekit.bench.cycles.timing import CLOCKS, TIMINGS
from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import Emulation, Kind, emulate
from edgekit.bench.host import HostModel, host_model
from edgekit.bench.qemu import qemu_version, run_in_qemu
from edgekit.bench.sizes import image_sizes
from edgekit.core.errors import BadConfigError
from edgekit.core.measurement import Measurement
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent
from edgekit.core.quantity import Quantity
from edgekit.deploy.c.choice import check_optimize
from edgekit.deploy.generate import Sources, choose_frontend, generate
from edgekit.deploy.project import Image, build
from edgekit.deploy.target import Target, find_target
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.integer_core import integer_core
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

if TYPE_CHECKING:
    from edgekit.features.spec import FrontendSpec
    from edgekit.graph.graph import Graph

TIMED_RUNS = 50
COUNTED_CLIPS = 3
PCM_CLIPS = 3


def bench(
    models: str | Path | Sequence[str | Path],
    targets: str | Sequence[str] = ("cpu", "cortex-m4"),
    *,
    frontend: str | Path | FrontendSpec | None = None,
    clips: int = 20,
    seed: int = 0,
    optimize: str = "balanced",
    progress: Progress = silent,
) -> list[Measurement]:
    """Measure models on targets.

    The outputs on ``clips`` random inputs are compared with the integer interpreter's first; where they differ, the
    measurement says so and holds no figures.

    Args:
        models: int8 ``.tflite`` or QDQ ``.onnx`` files.
        targets: names; microcontrollers are emulated, "cpu" runs the same C on this machine.
        frontend: as in :func:`edgekit.api.compile.compile`; with one, PCM is measured too.
        clips: inputs compared.
        seed: of the random inputs.
        optimize: "size", "speed" or "balanced": what kernels and compiler flags are chosen for.
        progress: told the number of measurements done.

    Raises:
        EdgekitError: as :func:`edgekit.api.compile.compile`, and TargetError for faults of the emulated image.
    """
    paths = [Path(models)] if isinstance(models, str | Path) else [Path(model) for model in models]
    chosen = [find_target(name) for name in ([targets] if isinstance(targets, str) else targets)]
    purpose = check_optimize(optimize)
    if not paths or not chosen or clips < 1:
        raise BadConfigError("nothing to measure", mend="give a model, a target and at least one clip")
    found: list[Measurement] = []
    for path in paths:
        graph = lower(load_graph(path))
        spec = choose_frontend(graph, frontend)
        for target in chosen:
            progress(f"bench {path.name}", len(found), len(paths) * len(chosen))
            sources = generate(graph, spec, target, optimize=purpose)
            inputs = _Inputs(path.name, graph, sources, clips, seed)
            found.append(_on_host(inputs) if target.kind == "host" else _on_core(inputs, target))
    return found


class _Inputs:
    """Random inputs of one model and what the integer interpreter makes of them."""

    def __init__(self, model: str, graph: Graph, sources: Sources, clips: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        core = integer_core(graph)
        dims = core.tensor(core.inputs[0]).dims
        shape = dims[1:] if dims and dims[0] == 1 else dims
        self.model, self.sources = model, sources
        self.features = rng.integers(-128, 128, (clips, *shape), dtype=np.int8)
        self.expected = run_integer(core, self.features).reshape(clips, -1)
        noise = rng.normal(0.0, 3000.0, (min(clips, PCM_CLIPS), max(sources.clip_samples, 1)))
        self.pcm = np.clip(noise, -32768, 32767).astype(np.int16)

    def equal(self, scores: np.ndarray) -> bool:
        return bool(np.array_equal(scores, self.expected))

    def measurement(self, target: Target, runner: str, equal: bool) -> Measurement:
        return Measurement(self.model, target.name, runner, equal, len(self.features))


def _on_host(inputs: _Inputs) -> Measurement:
    target = find_target("cpu")
    with host_model(inputs.sources) as model:
        runner = f"host {model.toolchain}"
        if not inputs.equal(model.invoke(inputs.features)):
            return inputs.measurement(target, runner, False)
        return Measurement(
            inputs.model, target.name, runner, True, len(inputs.features),
            ram=Quantity(model.state_bytes, "B", "measured", caveat="state struct only"),
            latency_ms=_latency(model, inputs.features),
        )  # fmt: skip


def _latency(model: HostModel, features: np.ndarray) -> dict[str, Quantity]:
    """Milliseconds of single calls, the ctypes call (some microseconds) included."""
    times = []
    for i in range(TIMED_RUNS):
        one = features[i % len(features) :][:1]
        start = time.perf_counter()
        model.invoke(one)
        times.append((time.perf_counter() - start) * 1e3)
    ranks = {"p50": 50, "p90": 90, "p99": 99}
    return {key: Quantity(float(np.percentile(times, rank)), "ms", "measured") for key, rank in ranks.items()}


def _on_core(inputs: _Inputs, target: Target) -> Measurement:
    emulator = _unicorn if target.name in CPU_MODELS else _qemu
    runner = qemu_version() if emulator is _qemu else f"unicorn {require('unicorn', 'mcu').__version__}"
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
        image = build(inputs.sources, target, Path(folder) / "image")
        run = emulator(image, inputs, "features")
        if not inputs.equal(run.scores):
            return inputs.measurement(target, runner, False)
        pcm = emulator(image, inputs, "pcm") if inputs.sources.has_frontend else None
        if pcm is not None and not _same_on_host(inputs, pcm):
            return inputs.measurement(target, runner, False)
        sizes = image_sizes(read_elf(image.path))
        cycles = _modelled(image, inputs.features[0]) if target.name in TIMINGS else {}
    return Measurement(
        inputs.model, target.name, f"{runner}, {image.toolchain}", True, len(inputs.features),
        instructions=_median([count.total for count in (pcm or run).counts]),
        flash=Quantity(sizes.flash, "B", "exact", caveat="whole image"),
        ram=Quantity(sizes.ram, "B", "exact", caveat="whole image, stack not included"),
        stack=Quantity(max(run.stack, pcm.stack if pcm else 0), "B", "emulated", caveat="high-water mark from reset"),
        details=_details(run, pcm, sizes.stack_reserved) | cycles,
    )  # fmt: skip


def _unicorn(image: Image, inputs: _Inputs, kind: Kind) -> Emulation:
    if kind == "pcm":
        return emulate(image, inputs.pcm, kind)
    return emulate(image, inputs.features, counted=COUNTED_CLIPS)


def _qemu(image: Image, inputs: _Inputs, kind: Kind) -> Emulation:
    """For cores that unicorn does not have."""
    clips = inputs.pcm if kind == "pcm" else inputs.features
    return run_in_qemu(image, clips, inputs.expected.shape[1], kind, counted=True)


def _same_on_host(inputs: _Inputs, run: Emulation) -> bool:
    """PCM has no integer reference; the same C on this machine must agree bit for bit."""
    with host_model(inputs.sources) as model:
        scores, labels = model.push(inputs.pcm)
    return bool(np.array_equal(scores, run.scores) and np.array_equal(labels, run.labels))


def _details(run: Emulation, pcm: Emulation | None, reserved: int) -> dict[str, Quantity]:
    details = {
        "model_instructions": _median([count.model for count in run.counts]),
        "stack_reserved": Quantity(reserved, "B", "exact"),
    }
    if pcm is not None:
        details["frontend_instructions"] = _median([count.frontend or 0 for count in pcm.counts])
    return details


def _modelled(image: Image, features: np.ndarray) -> dict[str, Quantity]:
    """Cycles of the model alone by the cycle model, and milliseconds where the board's clock is known."""
    clock = CLOCKS.get(image.target.memory.name)
    estimate = estimate_cycles(image, features, clock.flash if clock else None)
    low, typical, high = (
        round(value) for value in (estimate.cycles.low, estimate.cycles.typical, estimate.cycles.high)
    )
    flash = f"{clock.flash.wait_states} wait states" if clock else "no wait states"
    caveat = f"{low:,} to {high:,} by {estimate.source}; {flash}; not measured on silicon"
    found = {"model_cycles": Quantity(typical, "cycle", "estimated", convention="edgekit-cycles-1", caveat=caveat)}
    if clock:
        time = estimate.milliseconds(clock)
        caveat = f"{time.low:.1f} to {time.high:.1f} ms at {clock.hertz / 1e6:g} MHz by the cycle model of model_cycles"
        found["model_ms"] = Quantity(round(time.typical, 2), "ms", "estimated", "edgekit-cycles-1", caveat)
    return found


def _median(counts: Sequence[int]) -> Quantity:
    return Quantity(int(statistics.median(counts)), "instruction", "emulated", caveat="instructions are not cycles")
