"""``bench --pair``: two models measured in turns on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgekit.bench import places
from edgekit.bench.inputs import compare_scores, make_inputs
from edgekit.bench.model_process import ModelProcess
from edgekit.bench.on_cpu import RUNNERS, C, generated_c
from edgekit.bench.pair import ROUNDS, Pair, compare_pair
from edgekit.bench.runtimes import Runtime, check_installed, integer_model, serve
from edgekit.core.errors import BadConfigError, TargetError
from edgekit.deploy.c.choice import check_optimize
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

CLIPS = 5


def bench_pair(
    first: str | Path, second: str | Path, *, runner: str = C, optimize: str = "balanced", rounds: int = ROUNDS
) -> Pair:
    """Which of two int8 models is faster, by processor time, in turns.

    Args:
        first: ``.tflite`` or QDQ ``.onnx`` file.
        second: another.
        runner: "c", "onnxruntime" or "litert".
        optimize: what C is generated for.
        rounds: turns of each.

    Raises:
        BadFileError: a model cannot be read.
        TargetError: generated C whose outputs are not the reference's; a runner that fails.
        MissingDependencyError: the runner is not installed.
        BadConfigError: an unknown runner.
    """
    if runner not in RUNNERS:
        raise BadConfigError(f"unknown runner {runner!r}", where="--runner", mend=f"use one of {', '.join(RUNNERS)}")
    with _started(Path(first), runner, optimize) as one, _started(Path(second), runner, optimize) as other:
        return compare_pair(one, other, rounds)


@contextmanager
def _started(path: Path, runner: str, optimize: str) -> Iterator[ModelProcess]:
    inputs = make_inputs(
        path.name, lower(load_graph(path)), None, check_optimize(optimize), clips=CLIPS, seed=0
    )  # fmt: skip
    if runner == C:
        with generated_c(inputs) as (process, _, _):
            if not compare_scores(process.scores(inputs.features), inputs.expected).equal:
                raise TargetError("outputs are not the reference's", where=path.name, mend="report it with the model")
            yield process
        return
    check_installed(runner)
    runtime = Runtime(runner, cpus=tuple(places.processors(1)))
    with serve(runtime, *integer_model(inputs.core, runner, path), outputs=inputs.outputs) as process:
        process.scores(inputs.features)
        yield process
