"""Models on long streams: features once, every hop through the generated C of their streaming forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekit.bench.host_stream import HostStream, host_stream
from edgekit.core.errors import BadConfigError, DataError
from edgekit.core.model_metadata import FRONTEND_KEY, labels_in
from edgekit.core.progress import Progress
from edgekit.data.stream import StreamPlan, make_block
from edgekit.deploy.generate_stream import generate_stream, warmup_hops
from edgekit.deploy.target import find_target
from edgekit.detect.evaluation import Truth
from edgekit.detect.operating_point import Trace
from edgekit.detect.posterior import exponential_table, posteriors
from edgekit.features.quantized import quantize_features
from edgekit.features.spec import FrontendSpec, from_json
from edgekit.graph.graph import Graph
from edgekit.graph.passes.integer_core import integer_core
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.streaming.step import stream as stream_graph

_FLAGS = ("-O3",)


@dataclass(frozen=True, eq=False)
class _Ear:
    """One model's stream.

    Attributes:
        host: its generated C.
        scale_zero: of its input.
        table: exponentials of its output's scale.
        output: that is the word.
        warmup: hops until its window is full.
    """

    host: HostStream
    scale_zero: tuple[float, int]
    table: np.ndarray
    output: int
    warmup: int

    def hear(self, features: np.ndarray) -> np.ndarray:
        """Probability of the word after each frame of float32 [frames, bins]: int32 [frames] in 1/32768."""
        scores = self.host.step(quantize_features(features, *self.scale_zero))
        return posteriors(scores, self.table)[:, self.output]


class StreamModels:
    """Models of the same features that hear the same stream, a decision a frame.

    Args:
        spec: their front-end.
        ears: their streams.
    """

    def __init__(self, spec: FrontendSpec, ears: Sequence[_Ear]) -> None:
        self.spec, self._ears = spec, tuple(ears)
        self.restart()

    def restart(self) -> None:
        """Forget all that was heard."""
        for ear in self._ears:
            ear.host.restart()
        self._past = np.zeros(0, np.int16)
        self._frames = 0

    def hear(self, pcm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the next samples lead to.

        Args:
            pcm: int16 [samples], what follows the samples before.

        Returns:
            int32 [T, models], the word's probability by each in 1/32768, for each frame completed after all windows
            were full; int64 [T], the sample of the stream after each.
        """
        from edgekit.features.stretch import stretch_features

        spec = self.spec
        pcm = np.concatenate([self._past, pcm])
        if len(pcm) < spec.span:
            self._past = pcm
            return np.zeros((0, len(self._ears)), np.int32), np.zeros(0, np.int64)
        features = stretch_features(spec, pcm)
        self._past = pcm[len(features) * spec.hop_length :]
        numbers = self._frames + np.arange(len(features))
        self._frames += len(features)
        shares = np.stack([ear.hear(features) for ear in self._ears], axis=1)
        full = numbers + 1 >= max(ear.warmup for ear in self._ears)
        return shares[full], numbers[full] * spec.hop_length + spec.span


@contextmanager
def stream_models(tflites: Sequence[Path], label: str) -> Iterator[StreamModels]:
    """Build the streaming C of int8 models for this machine.

    Args:
        tflites: models of one front-end.
        label: the word, an output of each.

    Raises:
        BadConfigError: models of several front-ends, or one that does not decide at every frame.
        DataError: a model without that label.
        MissingDependencyError: there is no compiler.
    """
    graphs = [integer_core(lower(load_graph(path))) for path in tflites]
    texts = {graph.metadata.get(FRONTEND_KEY, "") for graph in graphs}
    if len(texts) != 1 or "" in texts:
        raise BadConfigError("the models do not name one front-end", where=str(tflites[0]), mend="make them together")
    spec = from_json(texts.pop(), where=str(tflites[0]))
    with ExitStack() as stack:
        yield StreamModels(spec, [_ear(graph, spec, label, stack) for graph in graphs])


def _ear(graph: Graph, spec: FrontendSpec, label: str, stack: ExitStack) -> _Ear:
    labels = labels_in(graph.metadata, graph.name)
    if label not in labels:
        raise DataError(f"the model does not know {label!r}", where=graph.name, mend="make it anew")
    form = stream_graph(graph, 1)
    if form.hop != 1 or form.unused:
        raise BadConfigError("the model does not decide at every frame", where=graph.name, mend="use strides of 1")
    host = stack.enter_context(host_stream(generate_stream(form, None, find_target("cpu"), "wake"), flags=_FLAGS))
    scale = float(graph.tensor(graph.outputs[0]).scale_zero()[0])
    given = graph.tensor(graph.inputs[0]).scale_zero()
    return _Ear(host, given, exponential_table(scale), labels.index(label), warmup_hops(form, None))


def stream_trace(
    models: StreamModels,
    plan: StreamPlan,
    backgrounds: Sequence[np.ndarray],
    words: Sequence[tuple[str, np.ndarray]],
    progress: Progress,
) -> Trace:
    """What the models say to a planned stream; the last of them is the word's, one before it the first stage's.

    Args:
        models: one or two.
        plan: of the stream, at the models' rate.
        backgrounds: int16 recordings.
        words: (label, int16 recording).
        progress: told about blocks.
    """
    models.restart()
    shares: list[np.ndarray] = []
    times: list[np.ndarray] = []
    truth: list[Truth] = []
    pieces: list[tuple[float, int]] = []
    for number in range(plan.blocks):
        block = make_block(plan, number, backgrounds, words)
        told, ends = models.hear(block.pcm)
        shares.append(told)
        times.append(ends / plan.rate)
        truth += [Truth(w.start / plan.rate, w.end / plan.rate, f"{w.snr_db:g} dB") for w in block.words]
        pieces += [(place / plan.rate, index) for place, index in block.pieces]
        progress("stream", number + 1, plan.blocks)
    both = np.concatenate(shares)
    return Trace(
        shares=both[:, -1],
        times=np.concatenate(times),
        words=tuple(truth),
        seconds=float(plan.blocks * plan.block_seconds),
        first=both[:, 0] if both.shape[1] > 1 else None,
        pieces=tuple(pieces),
    )


def output_scale(tflite: Path) -> float:
    """Scale of an int8 model's output."""
    graph = lower(load_graph(tflite))
    return float(graph.tensor(graph.outputs[0]).scale_zero()[0])
