"""What int8 costs, layer by layer: signal to noise of every activation, and the model's error through one layer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent
from edgekit.features.quantized import quantize_features
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.check_edge import WEIGHTED

CLIPS = 64
"""Clips that the analysis looks at, evenly spaced: layers differ by far more than clips."""
_NO_NOISE_DB = 200.0
"""Shown where an activation is exactly what float gives."""


@dataclass(frozen=True)
class LayerSensitivity:
    """One operator of the integer graph, or the input.

    Attributes:
        layer: node name; the input's name for the input.
        op: operator, "input" for the input.
        sqnr_db: 10·log10(Σx² / Σ(x − x̂)²) of its output, float against integer graph, all layers before it integer.
        weight_sqnr_db: the same of its weights alone; None without weights.
        alone_error: rms error of the logits, relative to their rms, when this layer alone is int8.
        alone_agreement: share of clips with the float model's label then.
        without_error: the same error when all layers but this one are int8.
        without_agreement: share of clips with the float model's label then.
    """

    layer: str
    op: str
    sqnr_db: float
    weight_sqnr_db: float | None
    alone_error: float
    alone_agreement: float
    without_error: float
    without_agreement: float

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return asdict(self)


def sensitivity(
    graph: Graph, integer: Graph, clips: np.ndarray, progress: Progress = silent
) -> tuple[LayerSensitivity, ...]:
    """Every layer in order of execution.

    Args:
        graph: float edge graph.
        integer: what post-training quantization made of it.
        clips: float32 [N, H, W, C]; 64 of them are looked at.
        progress: told about layers done.

    Raises:
        MissingDependencyError: torch is not installed.
    """
    torch = require("torch", "train")
    from edgekit.quantize.twin import FakeQuantTwin

    some = clips[np.unique(np.linspace(0, len(clips) - 1, min(CLIPS, len(clips))).round().astype(int))]
    noise = activation_sqnr(graph, integer, some)
    twin = FakeQuantTwin(graph, integer).eval()
    x = torch.from_numpy(np.ascontiguousarray(some, np.float32))
    source = graph.inputs[0]
    names = (source, *(node.name for node in graph.nodes))
    outputs = {source: source, **{node.name: node.outputs[0] for node in graph.nodes}}
    ops = {source: "input", **{node.name: node.op for node in graph.nodes}}
    weights = weight_sqnr(graph, integer)

    def logits(floating: frozenset[str]) -> np.ndarray:
        twin.floating = floating
        with torch.no_grad():
            out: np.ndarray = twin(x).numpy().astype(np.float64)
        return out

    expected = logits(frozenset(names))
    rows = []
    for index, name in enumerate(names):
        alone, without = logits(frozenset(names) - {name}), logits(frozenset({name}))
        rows.append(
            LayerSensitivity(
                name,
                ops[name],
                noise[outputs[name]],
                weights.get(name),
                _error(expected, alone),
                _agreement(expected, alone),
                _error(expected, without),
                _agreement(expected, without),
            )
        )
        progress("measuring sensitivity", index + 1, len(names))
    return tuple(rows)


def activation_sqnr(graph: Graph, integer: Graph, clips: np.ndarray) -> dict[str, float]:
    """Signal to quantization noise of every activation in dB, by name; both graphs run as wholes."""
    expected = run_float(graph, np.ascontiguousarray(clips, np.float32), all_tensors=True)
    fed = quantize_features(clips, *integer.tensor(integer.inputs[0]).scale_zero())
    actual = run_integer(integer, fed, all_tensors=True)
    found = {}
    for name, values in expected.items():
        if name in actual:
            scale, zero_point = integer.tensor(name).scale_zero()
            found[name] = sqnr_db(values, (actual[name].astype(np.float64) - zero_point) * scale)
    return found


def weight_sqnr(graph: Graph, integer: Graph) -> dict[str, float]:
    """Signal to rounding noise of the weights in dB, by layer."""
    stored = {node.name: node for node in integer.nodes}
    found = {}
    for node in graph.nodes:
        if node.op in WEIGHTED and node.name in stored:
            given, kept = graph.tensor(node.inputs[1]), integer.tensor(stored[node.name].inputs[1])
            if kept.quant is not None:
                shape = [1] * len(kept.dims)
                shape[WEIGHTED[node.op]] = -1
                scale = kept.quant.scale.astype(np.float64).reshape(shape if kept.quant.axis is not None else [1])
                found[node.name] = sqnr_db(np.asarray(given.data), np.asarray(kept.data, np.float64) * scale)
    return found


def sqnr_db(signal: np.ndarray, rounded: np.ndarray) -> float:
    """10·log10(Σx² / Σ(x − x̂)²), at most 200 dB."""
    wanted = signal.astype(np.float64).reshape(-1)
    power, noise = float(wanted @ wanted), float(np.sum(np.square(wanted - rounded.reshape(-1))))
    if noise == 0.0:
        return _NO_NOISE_DB
    return float(np.clip(10.0 * np.log10(max(power, 1e-30) / noise), -_NO_NOISE_DB, _NO_NOISE_DB))


def worst_layers(rows: tuple[LayerSensitivity, ...], count: int) -> tuple[LayerSensitivity, ...]:
    """The layers whose activations are noisiest."""
    return tuple(sorted(rows, key=lambda row: row.sqnr_db)[:count])


def _error(expected: np.ndarray, actual: np.ndarray) -> float:
    size = float(np.sqrt(np.mean(np.square(expected))))
    return float(np.sqrt(np.mean(np.square(actual - expected)))) / max(size, 1e-30)


def _agreement(expected: np.ndarray, actual: np.ndarray) -> float:
    return float(np.mean(expected.argmax(axis=1) == actual.argmax(axis=1)))
