"""One way to ask any model for probabilities: a run, a float graph, an integer graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from edgekit.core.errors import DigestMismatchError
from edgekit.core.model_metadata import require_labels
from edgekit.data.cache import AudioCache
from edgekit.data.windows import Windows, evaluation_windows, windows_from
from edgekit.features.embedded import require_spec
from edgekit.features.quantized import dequantize_features, quantize_features
from edgekit.features.spec import FrontendSpec
from edgekit.graph.answers import ends_in_softmax
from edgekit.graph.graph import Graph
from edgekit.train.checkpoint import load_checkpoint
from edgekit.train.evaluation.metrics import softmax

Arithmetic = Literal["float32", "int8"]
_BATCH = 128


@dataclass(frozen=True)
class Predictor:
    """A model with everything that evaluation needs.

    Attributes:
        name: file or folder name.
        arithmetic: of the model: "float32" or "int8".
        spec: its front-end.
        labels: class names in the order of the outputs.
        features: int16 PCM [N, samples] → float32 [N, 1, H, W].
        probabilities: float32 features [N, 1, H, W] → float64 [N, classes], rows that sum to 1.
        windows: where it listens in a clip longer than ``spec.clip_samples``.
    """

    name: str
    arithmetic: Arithmetic
    spec: FrontendSpec
    labels: tuple[str, ...]
    features: Callable[[np.ndarray], np.ndarray]
    probabilities: Callable[[np.ndarray], np.ndarray]
    windows: Windows

    def predict(self, cache: AudioCache, indices: np.ndarray) -> np.ndarray:
        """Probabilities of clips of a cache at the spec's rate, the mean of their windows': float64 [n, classes]."""
        heard = evaluation_windows(cache, indices, self.spec.clip_samples, self.windows)
        parts = []
        for first in range(0, len(heard), _BATCH):
            part = slice(first, first + _BATCH)
            pcm = cache.windows(heard.clips[part], self.spec.clip_samples, heard.offsets[part])
            parts.append(self.probabilities(self.features(pcm)))
        return heard.mean(np.concatenate(parts))


def open_predictor(
    path: Path, frontend: FrontendSpec | None = None, labels: Sequence[str] | None = None, device: str = "cpu"
) -> Predictor:
    """The predictor of a run folder, a ``.safetensors``, ``.onnx`` or ``.tflite`` file.

    Args:
        path: the model.
        frontend: the front-end the caller means; must be the model's, and is needed where the model names none.
        labels: class names for a model that carries none.
        device: of a run: "cpu" or "cuda".

    Raises:
        DigestMismatchError: the model was made for another front-end.
        BadConfigError: the model names no front-end or no labels, and neither did the caller.
        BadFileError: a damaged model.
    """
    if path.is_dir() or path.suffix == ".safetensors":
        return run_predictor(path, frontend, device)
    from edgekit.graph.passes.lower import lower
    from edgekit.graph.readers.load import load_graph

    return graph_predictor(lower(load_graph(path)), path.name, frontend, labels)


def run_predictor(path: Path, frontend: FrontendSpec | None = None, device: str = "cpu") -> Predictor:
    """Float predictor of a checkpoint; features by the torch front-end."""
    import torch

    from edgekit.train.hearing import front_end

    checkpoint = load_checkpoint(path)
    spec = require_spec(checkpoint.metadata, frontend, str(path))
    model = checkpoint.build().to(device)
    transform = front_end(model, spec)

    def features(pcm: np.ndarray) -> np.ndarray:
        out: np.ndarray = transform(torch.from_numpy(pcm)).numpy()
        return out

    def probabilities(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return softmax(model(torch.from_numpy(x).to(device)).cpu().numpy())

    return Predictor(path.name, "float32", spec, checkpoint.labels, features, probabilities, checkpoint.windows)


def graph_predictor(
    graph: Graph, name: str, frontend: FrontendSpec | None = None, labels: Sequence[str] | None = None
) -> Predictor:
    """Predictor of an edge graph, float or integer; features by the numpy reference, no torch needed."""
    from edgekit.features.reference import features as reference

    spec = require_spec(graph.metadata, frontend, name)
    names = require_labels(graph.metadata, labels, graph.tensor(graph.outputs[0]).elements, name)
    given = graph.tensor(graph.inputs[0])
    if given.elements != spec.frames * spec.bins:
        raise DigestMismatchError(
            f"the model takes {given.dims}, its front-end gives {spec.input_shape}", where=name, mend="check --frontend"
        )
    integer = any(tensor.dtype == "int8" for tensor in graph.tensors.values())

    def features(pcm: np.ndarray) -> np.ndarray:
        return np.stack([reference(spec, clip) for clip in pcm])[:, None].astype(np.float32)

    def probabilities(x: np.ndarray) -> np.ndarray:
        return _graph_probabilities(graph, x.reshape(len(x), *given.dims[1:]), integer=integer)

    arithmetic: Arithmetic = "int8" if integer else "float32"
    return Predictor(name, arithmetic, spec, names, features, probabilities, windows_from(graph.metadata, name))


def _graph_probabilities(graph: Graph, x: np.ndarray, *, integer: bool) -> np.ndarray:
    """Run a graph on float32 x [N, …] and read its output, logits or softmax, as probabilities."""
    if integer:
        from edgekit.graph.integer.interpreter import run_integer

        given = graph.tensor(graph.inputs[0])
        fed = quantize_features(x, *given.scale_zero()) if given.dtype == "int8" else x
        y = run_integer(graph, fed)
        made = graph.tensor(graph.outputs[0])
        y = dequantize_features(y, *made.scale_zero()) if made.dtype == "int8" else y
    else:
        from edgekit.graph.float_interpreter import run_float

        y = run_float(graph, x)
    y = y.reshape(len(x), -1)
    return y.astype(np.float64) if ends_in_softmax(graph) else softmax(y)
