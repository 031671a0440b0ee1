"""Float models on this machine's processor or CUDA device: PyTorch, eager and compiled, and ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.bench import places
from edgekit.bench.figures import Plan, latency, rates, timed
from edgekit.bench.on_cpu import COMPILED, LocalOptions, joules, memory, wanted
from edgekit.bench.runtimes import Runtime, check_installed, serve
from edgekit.core.errors import EdgekitError
from edgekit.core.measurement import Measurement
from edgekit.core.quantity import Quantity

TOLERANCE = 1e-3
"""Largest difference of a score, as a share of the largest score (at least 1), of what computes the same model."""
TORCH_COMPILED = f"torch{COMPILED}"
RUNNERS = ("torch", TORCH_COMPILED, "onnxruntime")


@dataclass(frozen=True, eq=False)
class FloatInputs:
    """A float model with its inputs.

    Attributes:
        model: name for the table.
        onnx: the model as ONNX.
        program: the same as torch.export's program; None where the model came as ONNX.
        batched: the program for BATCH clips at once, else None.
        features: float32 [N, H, W, C].
        expected: float32 [N, classes] by the float interpreter.
    """

    model: str
    onnx: bytes
    program: bytes | None
    batched: bytes | None
    features: np.ndarray
    expected: np.ndarray


BATCH = 32
"""Clips at once in the throughput of PyTorch."""


def on_float(inputs: FloatInputs, device: str, options: LocalOptions) -> Iterator[Measurement]:
    """One measurement a runner; what one cannot do does not keep the others from being measured.

    Args:
        inputs: of the model.
        device: "cpu" or "cuda". On the processor PyTorch compiles only when asked: it needs a C++ compiler and minutes.
        options: which runners, threads, how long.

    Raises:
        BadConfigError: more threads than processors, or a runner that does not run such a model.
    """
    cpus = tuple(places.processors(options.threads))
    known = [name for name in RUNNERS if inputs.program is not None or name == "onnxruntime"]
    if options.runners is None and device == "cpu":
        known = [name for name in known if name != TORCH_COMPILED]
    for runner in wanted(options, known):
        package = runner.removesuffix(COMPILED)
        runtime = Runtime(package, device, runner == TORCH_COMPILED, options.threads, cpus)
        try:
            yield _measured(inputs, runtime, options.plan)
        except EdgekitError as error:
            yield Measurement(inputs.model, device, runner, None, len(inputs.features), problem=str(error))


def _measured(inputs: FloatInputs, runtime: Runtime, plan: Plan) -> Measurement:
    check_installed(runtime.name)
    outputs, clips = inputs.expected.shape[1], len(inputs.features)
    model = inputs.program if runtime.name == "torch" else inputs.onnx
    assert model is not None
    ends = _ends(inputs, 1)
    with serve(runtime, model, ends, outputs=outputs, dtype=np.float32) as process:
        told = process.about()
        name = f"{told['runtime']}, {places.described(runtime.threads, list(runtime.cpus))}"
        found = process.scores(inputs.features)
        error = float(np.abs(found - inputs.expected).max() / max(1.0, float(np.abs(inputs.expected).max())))
        labels = float(np.mean(found.argmax(axis=1) == inputs.expected.argmax(axis=1)))
        if not error <= TOLERANCE:
            problem = f"scores differ by {error:.2g} of the largest"
            return Measurement(
                inputs.model, runtime.device, name, False, clips, label_agreement=labels, problem=problem
            )
        times = timed(process, "model", plan)
        details = rates(times) | memory(process, told)
        details |= joules(process, plan, float(np.median(times.wall)), runtime.device)
        details["largest_difference"] = Quantity(error, "ratio", "exact", caveat="of scores, to the largest")
    if runtime.name == "torch" and inputs.batched is not None:
        details["batched_inferences_per_second"] = _throughput(inputs, runtime, plan)
    return Measurement(
        inputs.model, runtime.device, f"{name}, {told['device']}" if runtime.device != "cpu" else name, True, clips,
        latency_ms=latency(times), details=details, label_agreement=labels,
    )  # fmt: skip


def _throughput(inputs: FloatInputs, runtime: Runtime, plan: Plan) -> Quantity:
    """Inferences a second of BATCH clips at once."""
    assert inputs.batched is not None
    outputs = inputs.expected.shape[1] * BATCH
    with serve(runtime, inputs.batched, _ends(inputs, BATCH), outputs=outputs, dtype=np.float32) as process:
        clips = np.resize(inputs.features, (1, BATCH, *inputs.features.shape[1:]))
        process.scores(clips)
        wall = timed(process, "model", plan).wall
    return Quantity(1e9 * BATCH * len(wall) / float(wall.sum()), "1/s", "measured", caveat=f"batch {BATCH}")


def _ends(inputs: FloatInputs, batch: int) -> dict[str, Any]:
    return {"dims": [batch, *inputs.features.shape[1:]], "input": None, "output": None}
