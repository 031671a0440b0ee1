"""A streaming model ready to hear: its step as C, built for this machine or sent to another one over SSH."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit.api.run_models import read_hearer
from edgekit.deploy.generate import Sources
from edgekit.deploy.generate_stream import generate_stream
from edgekit.deploy.target import Target, find_target
from edgekit.deploy.toolchain import find_toolchain
from edgekit.graph.answers import probabilities
from edgekit.graph.passes.integer_core import integer_core
from edgekit.graph.streaming.step import stream
from edgekit.graph.streaming.types import StreamGraph

if TYPE_CHECKING:
    from edgekit.bench.model_process import ModelProcess
    from edgekit.bench.ssh import Host
    from edgekit.features.spec import FrontendSpec

_PROJECT = "process"
_AXES = {"time_freq": 1, "freq_time": 2}


@dataclass(frozen=True, eq=False)
class StreamListener:
    """One stream in progress.

    Attributes:
        name: file name of the model.
        runner: what computes: "c (gcc …)", or "c (…) on HOST".
        spec: its front-end.
        labels: class names in the order of the outputs.
        form: the step and its states.
        hop: samples that it takes at a time.
        warmup: hops whose scores mean nothing yet.
        scores: whole hops of int16 PCM [N · hop] to int8 scores [N, classes]; goes on from call to call.
        restart: forgets all that was heard.
    """

    name: str
    runner: str
    spec: FrontendSpec
    labels: tuple[str, ...]
    form: StreamGraph
    hop: int
    warmup: int
    scores: Callable[[np.ndarray], np.ndarray]
    restart: Callable[[], None]

    @property
    def window(self) -> int:
        """Samples that a decision looks at."""
        return (self.form.window - 1) * self.spec.hop_length + self.spec.window_length

    @property
    def hop_ms(self) -> float:
        """Milliseconds between two scores."""
        return 1e3 * self.hop / self.spec.sample_rate

    @property
    def score_scale(self) -> float:
        """Scale of the int8 scores."""
        return self.form.graph.tensor(self.form.graph.outputs[0]).scale_zero()[0]

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """int8 scores [N, classes] as probabilities float64 [N, classes]."""
        return probabilities(self.form.graph, scores)


@contextmanager
def open_stream(
    model: Path,
    frontend: str | Path | FrontendSpec | None = None,
    labels: Sequence[str] | None = None,
    host: Host | None = None,
    board: str = "linux",
) -> Iterator[StreamListener]:
    """Open a stream for as long as the block lasts.

    Args:
        model: int8 ``.tflite`` or QDQ ``.onnx`` of windows.
        frontend: as of :func:`edgekit.api.run_models.open_listener`.
        labels: class names for a model that carries none.
        host: computes there, and not on this machine.
        board: what the host is: "rpi3", "rpi4", "rpi5" or "linux".

    Raises:
        NotStreamableError: layers stand in the way; all are named.
        UnsupportedOpError: the model is not all-integer.
        BadConfigError: the model names no front-end, or no labels.
        DigestMismatchError: the model was made for another front-end.
        MissingDependencyError: there is no compiler.
        TargetError: the host cannot be reached.
    """
    hearer = read_hearer(model, frontend, labels)
    spec = hearer.spec
    form = stream(integer_core(hearer.graph), _AXES[spec.layout])
    target = find_target("cpu") if host is None else _far_target(host, board)
    sources = generate_stream(form, spec, target, "listener")
    warmup = int(sources.manifest["stream"]["warmup_hops"])
    with _here(sources) if host is None else _there(sources, target, host) as (runner, scores, restart):
        yield StreamListener(
            model.name, runner, spec, hearer.labels, form, sources.clip_samples, warmup, scores, restart
        )


Opened = Iterator[tuple[str, Callable[[np.ndarray], np.ndarray], Callable[[], None]]]


@contextmanager
def _here(sources: Sources) -> Opened:
    from edgekit.bench.host_stream import host_stream

    with host_stream(sources) as listening:
        yield f"c ({listening.toolchain})", lambda pcm: listening.listen(pcm)[0], listening.restart


def _far_target(host: Host, board: str) -> Target:
    from edgekit.bench.on_host import fitting_target, read_machine

    return fitting_target(board, read_machine(host), host.name)


@contextmanager
def _there(sources: Sources, target: Target, host: Host) -> Opened:
    """The static program of ``edgekit bench`` on the host, which takes a hop of PCM a request."""
    from edgekit.deploy.project import build

    with tempfile.TemporaryDirectory(prefix="edgekit-run-") as folder, ExitStack() as stack:
        compiler = find_toolchain(target, None if target.neon else "zig")
        image = build(sources, target, Path(folder) / "image", project=_PROJECT, toolchain=compiler)
        far = stack.enter_context(_Far(sources, image.path, host))
        yield f"c ({image.toolchain}) on {host.name}", far.scores, far.restart


class _Far:
    """The program on the host; it begins anew by being started again."""

    def __init__(self, sources: Sources, program: Path, host: Host) -> None:
        self._sources, self._program, self._host = sources, program, host
        self._stack = ExitStack()
        self._process: ModelProcess | None = None

    def scores(self, pcm: np.ndarray) -> np.ndarray:
        """A request a hop."""
        from edgekit.bench.model_process import ModelProcess
        from edgekit.bench.ssh import remote_program

        if self._process is None:
            channel = self._stack.enter_context(remote_program(self._host, self._program))
            self._process = ModelProcess(channel, self._sources.output_size)
        return self._process.clip_scores(pcm.reshape(-1, self._sources.clip_samples))

    def restart(self) -> None:
        """The next hop is a stream's first."""
        self._stack.close()
        self._process = None

    def __enter__(self) -> _Far:
        return self

    def __exit__(self, *_: object) -> None:
        self.restart()
