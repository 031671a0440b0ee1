"""A model on long streams: features once, a decision every few frames, in the generated C on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from edgekit.bench.host import HostModel, host_model
from edgekit.core.errors import BadConfigError
from edgekit.core.progress import Progress
from edgekit.data.stream import StreamPlan, make_block
from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.detect.evaluation import Truth
from edgekit.detect.operating_point import Trace
from edgekit.detect.posterior import exponential_table, posteriors
from edgekit.features.quantized import quantize_features
from edgekit.features.spec import FrontendSpec, from_json
from edgekit.graph.graph import Graph
from edgekit.graph.ops import FRONTEND_KEY
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph


class StreamModel:
    """An int8 model that hears every window of a stream.

    Args:
        graph: lowered.
        spec: its front-end.
        host: its generated C.
        step: frames between two decisions.
    """

    def __init__(self, graph: Graph, spec: FrontendSpec, host: HostModel, step: int) -> None:
        self.spec, self.step = spec, step
        self._host = host
        given, made = graph.tensor(graph.inputs[0]), graph.tensor(graph.outputs[0])
        self._shape = tuple(int(size) for size in given.dims[1:])
        self._input = given.scale_zero()
        self.scale = float(made.scale_zero()[0])
        self._table = exponential_table(self.scale)
        self.context = spec.clip_samples - step * spec.hop_length
        """Samples of the past that the first decision on new samples needs."""

    def hear(self, pcm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All decisions whose window lies in ``pcm``.

        Args:
            pcm: int16 [samples], at least a window.

        Returns:
            posteriors int32 [T, outputs] in 1/32768, and int64 [T], the sample after each decision's window.
        """
        import torch

        from edgekit.features.torch_frontend import TorchFrontend

        spec = self.spec
        whole = spec.replace(clip_samples=len(pcm))
        features = TorchFrontend(whole, torch.float32)(torch.from_numpy(pcm)[None])[0, 0].numpy()  # [frames, bins]
        ends = np.arange(spec.frames, len(features) + 1, self.step)
        windows = np.stack([features[end - spec.frames : end] for end in ends])
        inputs = quantize_features(windows, *self._input).reshape(len(ends), *self._shape)
        shares = posteriors(self._host.invoke(inputs), self._table)
        return shares, (ends - spec.frames) * spec.hop_length + spec.clip_samples


@contextmanager
def stream_model(tflite: Path, step_ms: float = 100.0) -> Iterator[StreamModel]:
    """Build the C of an int8 model for this machine.

    Raises:
        BadConfigError: a model without a front-end, or one whose frames depend on where a clip begins.
        MissingDependencyError: there is no compiler.
    """
    graph = lower(load_graph(tflite))
    text = graph.metadata.get(FRONTEND_KEY)
    if text is None:
        raise BadConfigError("the model names no front-end", where=str(tflite), mend="quantize an exported run")
    spec = from_json(text, where=str(tflite))
    if spec.padding != "none" or spec.layout != "time_freq" or spec.preemphasis:
        mend = "use frontend.fields.padding=none and layout=time_freq, without pre-emphasis"
        raise BadConfigError("frames that depend on the clip's edges cannot stream", where=str(tflite), mend=mend)
    step = max(1, round(step_ms * spec.sample_rate / 1000.0 / spec.hop_length))
    with host_model(generate(graph, None, find_target("cpu"), "wake"), flags=("-O2",)) as host:
        yield StreamModel(graph, spec, host, step)


def stream_trace(
    model: StreamModel,
    output: int,
    plan: StreamPlan,
    backgrounds: Sequence[np.ndarray],
    words: Sequence[tuple[str, np.ndarray]],
    progress: Progress,
) -> Trace:
    """What the model says to a planned stream, block by block, each with the end of the one before it.

    Args:
        model: to ask.
        output: whose probability counts.
        plan: of the stream, at the model's rate.
        backgrounds: int16 recordings.
        words: (label, int16 recording).
        progress: told about blocks.
    """
    past = np.zeros(0, np.int16)
    shares: list[np.ndarray] = []
    times: list[np.ndarray] = []
    truth: list[Truth] = []
    heard = 0  # samples of the stream before ``past``
    for number in range(plan.blocks):
        block = make_block(plan, number, backgrounds, words)
        pcm = np.concatenate([past, block.pcm])
        told, ends = model.hear(pcm)
        shares.append(told[:, output])
        times.append((heard + ends) / plan.rate)
        truth += [Truth(w.start / plan.rate, w.end / plan.rate, f"{w.snr_db:g} dB") for w in block.words]
        # the next window begins one step after the last one of this block
        keep = int(ends[-1]) + model.step * model.spec.hop_length - model.spec.clip_samples
        past, heard = pcm[keep:], heard + keep
        progress("stream", number + 1, plan.blocks)
    return Trace(np.concatenate(shares), np.concatenate(times), tuple(truth), float(plan.blocks * plan.block_seconds))


def output_scale(tflite: Path) -> float:
    """Scale of an int8 model's output."""
    graph = lower(load_graph(tflite))
    return float(graph.tensor(graph.outputs[0]).scale_zero()[0])
