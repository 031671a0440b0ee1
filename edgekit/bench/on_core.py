"""Integer models on emulated Cortex-M cores."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgekit.bench.cortex_m import CPU_MODELS
from edgekit.bench.cycles.estimate import estimate_cycles
from edgekit.bench.cycles.timing import TIMINGS
from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import Emulation, Kind, emulate
from edgekit.bench.host import host_model
from edgekit.bench.inputs import Inputs, compare_scores
from edgekit.bench.qemu import PROGRAM, qemu_version, run_in_qemu
from edgekit.bench.sizes import image_sizes
from edgekit.core.measurement import Measurement
from edgekit.core.optional import require
from edgekit.core.quantity import Quantity
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.project import Image, build
from edgekit.deploy.target import Target

COUNTED_CLIPS = 3
QUICK = 20_000_000
"""Instructions of a clip up to which COUNTED_CLIPS are counted: about a second each."""


def on_core(inputs: Inputs, target: Target) -> Measurement:
    """Outputs, instructions, sizes and stack of the image for ``target``; cycles where there is a model of them.

    Raises:
        TargetError: it does not fit, or the image failed.
        MissingDependencyError: there is no compiler or emulator for the target.
    """
    sources = generate(inputs.graph, inputs.spec, target, optimize=inputs.optimize)
    runner, clips = _emulators(target), len(inputs.features)
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
        image = build(sources, target, Path(folder) / "image")
        run = _run(image, inputs, "features")
        agreement = compare_scores(run.scores, inputs.expected)
        pcm = _run(image, inputs, "pcm") if sources.has_frontend and agreement.equal else None
        if not agreement.equal or (pcm is not None and not _same_on_host(sources, inputs, pcm)):
            problem = f"scores differ by up to {agreement.steps} steps" if not agreement.equal else "PCM differs"
            return Measurement(
                inputs.model, target.name, runner, False, clips, label_agreement=agreement.labels, problem=problem
            )
        sizes = image_sizes(read_elf(image.path))
        cycles = _modelled(image, inputs.features[0]) if target.name in TIMINGS else {}
    return Measurement(
        inputs.model, target.name, f"{runner}, {image.toolchain}", True, clips,
        instructions=median([count.total for count in (pcm or run).counts]),
        flash=Quantity(sizes.flash, "B", "exact", caveat="whole image"),
        ram=Quantity(sizes.ram, "B", "exact", caveat="whole image, stack not included"),
        stack=Quantity(max(run.stack, pcm.stack if pcm else 0), "B", "emulated", caveat="high-water mark from reset"),
        details=_details(run, pcm, sizes.stack_reserved) | cycles,
        label_agreement=agreement.labels,
    )  # fmt: skip


def _run(image: Image, inputs: Inputs, kind: Kind) -> Emulation:
    """All clips: the first few counted, which takes many times as long as running, the others at full speed.

    Unicorn has the most cores, QEMU is the faster one where it has the board: it takes the clips that are not counted.
    """
    clips = inputs.pcm if kind == "pcm" else inputs.features
    if image.target.name in CPU_MODELS:
        first = emulate(image, clips[:1], kind)
        if first.counts[0].total < QUICK and len(clips) > 1:
            first = _joined(first, emulate(image, clips[1:COUNTED_CLIPS], kind))
    else:
        first = run_in_qemu(image, clips[:COUNTED_CLIPS], inputs.outputs, kind, counted=True)
    rest = clips[len(first.scores) :]
    if not len(rest):
        return first
    if _in_qemu(image.target):
        return _joined(first, run_in_qemu(image, rest, inputs.outputs, kind))
    return _joined(first, emulate(image, rest, kind, counted=0))


def _in_qemu(target: Target) -> bool:
    return bool(target.memory.qemu_machine) and shutil.which(PROGRAM) is not None


def _emulators(target: Target) -> str:
    """For the table: what ran the clips."""
    names = [f"unicorn {require('unicorn', 'mcu').__version__}"] if target.name in CPU_MODELS else []
    return " and ".join([*names, *([qemu_version()] if not names or _in_qemu(target) else [])])


def _joined(first: Emulation, rest: Emulation) -> Emulation:
    return Emulation(
        np.concatenate([first.scores, rest.scores]),
        np.concatenate([first.labels, rest.labels]),
        first.counts + rest.counts,
        max(first.stack, rest.stack),
    )


def _same_on_host(sources: Sources, inputs: Inputs, run: Emulation) -> bool:
    """PCM has no integer reference; the same C on this machine must agree bit for bit."""
    with host_model(sources) as model:
        scores, labels = model.push(inputs.pcm)
    return bool(np.array_equal(scores, run.scores) and np.array_equal(labels, run.labels))


def _details(run: Emulation, pcm: Emulation | None, reserved: int) -> dict[str, Quantity]:
    details = {
        "model_instructions": median([count.model for count in run.counts]),
        "stack_reserved": Quantity(reserved, "B", "exact"),
    }
    if pcm is not None:
        details["frontend_instructions"] = median([count.frontend or 0 for count in pcm.counts])
    return details


def _modelled(image: Image, features: np.ndarray) -> dict[str, Quantity]:
    """Cycles of the model alone by the cycle model, and milliseconds where the board's clock is known."""
    clock = image.target.memory.clock
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


def median(counts: Sequence[int]) -> Quantity:
    """Of instruction counts."""
    return Quantity(int(statistics.median(counts)), "instruction", "emulated", caveat="instructions are not cycles")
