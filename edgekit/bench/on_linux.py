"""Integer models on a Raspberry Pi's processor in QEMU's user mode: instructions and outputs, no times."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from edgekit.bench.inputs import Inputs, compare_scores
from edgekit.bench.on_core import COUNTED_CLIPS, median
from edgekit.bench.on_cpu import PROJECT
from edgekit.bench.qemu_user import cpu_name, qemu_user_version, run_in_qemu_user
from edgekit.core.measurement import Measurement
from edgekit.core.quantity import Quantity
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import Target


def on_emulated_linux(inputs: Inputs, target: Target) -> Measurement:
    """The static program of ``target``: outputs as on a board, and the instructions that it executes.

    Raises:
        MissingDependencyError: there is no compiler or emulator.
        TargetError: the program failed.
    """
    sources = generate(inputs.graph, inputs.spec, target, optimize=inputs.optimize)
    clips, version = len(inputs.features), qemu_user_version()
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
        image = build(sources, target, Path(folder) / "image", project=PROJECT)
        pcm = inputs.pcm if sources.has_frontend else None
        run = run_in_qemu_user(image, inputs.features, inputs.outputs, pcm, COUNTED_CLIPS)
        runner = f"{version} -cpu {cpu_name(image)}, {image.toolchain}"
    agreement = compare_scores(run.scores, inputs.expected)
    problem = "" if agreement.equal else f"scores differ by up to {agreement.steps} steps"
    if not problem and run.clip_scores is not None and not np.array_equal(run.clip_scores, inputs.pcm_scores):
        problem = "PCM differs from the same C on this machine"
    if problem:
        return Measurement(
            inputs.model, target.name, runner, False, clips, label_agreement=agreement.labels, problem=problem
        )
    counted = min(clips, COUNTED_CLIPS)
    model, heard = run.counts[:counted], run.counts[counted:]
    details = {"model_instructions": median([count.model for count in model])}
    if heard:
        details["frontend_instructions"] = median([count.frontend or 0 for count in heard])
    return Measurement(
        inputs.model, target.name, runner, True, clips,
        instructions=median([count.total for count in heard or model]),
        ram=Quantity(sources.state_bytes, "B", "planned", caveat="arena and front-end state, without the program"),
        details=details,
        label_agreement=agreement.labels,
    )  # fmt: skip
