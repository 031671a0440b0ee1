"""Models that stream, their window graphs, and windows cut from one long stream of features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import prepare, run_node
from edgekit.graph.ops import activation_inputs
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.streaming.types import StreamGraph
from edgekit.models.registry import build_model
from edgekit.quantize.ptq import quantize_graph
from edgekit.train.onnx_export import export_module

SHAPES: dict[str, tuple[str, dict[str, Any], tuple[int, int], int]] = {
    "ds-cnn": ("ds-cnn", {"causal": "height", "channels": 16, "classes": 4}, (49, 10), 1),
    "ds-tcn": ("ds-tcn", {}, (30, 40), 1),
    "mixed": (
        "ds-tcn",
        {
            "channels": (16, 24, 24), "kernels": ((3, 5), (5, 9), (7, 11)), "strides": (2, 1, 1),
            "residual": (False, True, True), "bins": 20,
        },
        (52, 20), 1,
    ),
    "bc-resnet": ("bc-resnet", {"causal": True, "tau": 0.5}, (40, 119), 2),
    "windowed-ast": ("windowed-ast", {"bins": 20, "width": 16, "heads": 2, "layers": 2, "window": 5}, (45, 20), 1),
}  # fmt: skip
"""Name to (model, its arguments, shape of the window, axis of time)."""


@dataclass(frozen=True)
class Case:
    """A window model: torch module, float graph, shape (H, W) and axis of time in it (1 or 2)."""

    module: torch.nn.Module
    graph: Graph
    shape: tuple[int, int]
    axis: int

    @property
    def frames(self) -> int:
        """Frames of a window."""
        return self.shape[self.axis - 1]

    @property
    def bins(self) -> int:
        """Values of a frame."""
        return self.shape[2 - self.axis]

    def window(self, frames: np.ndarray) -> np.ndarray:
        """[frames, bins] as the model's input [H, W, 1]."""
        return (frames if self.axis == 1 else frames.T)[..., None]


def stream_case(name: str, folder: Path, seed: int = 0, frames: np.ndarray | None = None) -> Case:
    """A model of SHAPES with weights and statistics that are not those of its start."""
    model, arguments, shape, axis = SHAPES[name]
    return window_case(build_model(model, **arguments), shape, axis, folder, seed, frames)


def window_case(
    module: torch.nn.Module,
    shape: tuple[int, int],
    axis: int,
    folder: Path,
    seed: int = 0,
    frames: np.ndarray | None = None,
) -> Case:
    """``module`` with statistics of random inputs, or of windows of ``frames``, exported and lowered."""
    torch.manual_seed(seed)
    module.train()
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d) and frames is not None:
            part.momentum = None  # the mean over all passes
    with torch.no_grad():
        for _ in range(8):
            module(torch.randn(2, 1, *shape) if frames is None else _drawn(frames, shape, axis))
        for name, parameter in module.named_parameters():
            if name.endswith("distance") or parameter.ndim == 1:  # norms, biases, codes of distance
                parameter += 0.1 * torch.randn_like(parameter)
        for layer in [part for part in module.modules() if isinstance(part, torch.nn.Linear)][-1:]:
            layer.bias.zero_()  # logits that differ from window to window by more than a step of int8
            layer.weight.copy_(8.0 * (layer.weight - layer.weight.mean(dim=0)))
    module.eval()
    path = folder / "window.onnx"
    export_module(module, shape, path, {})
    return Case(module, lower(load_graph(path)), shape, axis)


def _drawn(frames: np.ndarray, shape: tuple[int, int], axis: int) -> torch.Tensor:
    """Sixteen windows of ``frames`` from anywhere, [16, 1, H, W]."""
    length = shape[axis - 1]
    starts = torch.randint(0, len(frames) - length, (16,)).tolist()
    cut = [frames[start : start + length] for start in starts]
    return torch.from_numpy(np.stack([w if axis == 1 else w.T for w in cut])[:, None].astype(np.float32))


def feature_stream(case: Case, frames: int, seed: int = 1) -> np.ndarray:
    """float32 [frames, bins]: noise over tones that come and go, each bin at its own pace."""
    rng = np.random.default_rng(seed)
    pace = np.arange(frames)[:, None] / rng.uniform(5.0, 25.0, case.bins) + rng.uniform(0.0, 6.0, case.bins)
    return (0.7 * rng.normal(size=(frames, case.bins)) + 2.0 * np.sin(pace)).astype(np.float32)


def voice(samples: int, seed: int) -> np.ndarray:
    """Two tones that wander and a little noise, int16."""
    rng, n = np.random.default_rng(seed), np.arange(samples)
    wave = rng.normal(size=samples) * 100.0
    for pace in rng.uniform(1500.0, 4000.0, 2):
        pitch = 1600.0 + 1400.0 * np.sin(n / pace)
        wave += 4000.0 * (1.1 + np.sin(n / (0.7 * pace))) * np.sin(np.cumsum(2.0 * np.pi * pitch / 16_000.0))
    return wave.astype(np.int16)


def quantized(case: Case, frames: np.ndarray) -> Graph:
    """The int8 window graph, calibrated on windows of ``frames``."""
    return quantize_graph(case.graph, np.stack([case.window(w) for w in windows(frames, case.frames, 7)]))


def int8_frames(graph: Graph, frames: np.ndarray) -> np.ndarray:
    """``frames`` at the scale of the graph's input."""
    scale, zero = graph.tensor(graph.inputs[0]).scale_zero()
    return np.clip(np.floor(frames / scale + 0.5) + zero, -128, 127).astype(np.int8)


def windows(frames: np.ndarray, length: int, step: int = 1) -> list[np.ndarray]:
    """All windows of ``length`` frames, ``step`` apart."""
    return [frames[i : i + length] for i in range(0, len(frames) - length + 1, step)]


def windows_of_hops(case: Case, form: StreamGraph, frames: np.ndarray) -> tuple[np.ndarray, slice]:
    """Windows [N, H, W, 1] that end where hops do (the frames that no layer reads behind them), and which hops."""
    ends = [(hop + 1) * form.hop + form.unused for hop in range(len(frames) // form.hop)]
    chosen = [hop for hop, end in enumerate(ends) if case.frames <= end <= len(frames)]
    cut = np.stack([case.window(frames[ends[hop] - case.frames : ends[hop]]) for hop in chosen])
    return cut, slice(chosen[0], chosen[-1] + 1)


def carried_windows(graph: Graph, frames: np.ndarray, first_state: str) -> tuple[np.ndarray, np.ndarray]:
    """The int8 window graph of a recurrence on window after window, each beginning with the state of the one before.

    Args:
        graph: with its steps written out, one input [1, T, F, 1].
        frames: int8 [frames, F].
        first_state: the tensor that holds the state after the first step: it is put in, not computed.

    Returns:
        The window's outputs and the frames (numbers) that they stand at: the window's first frame is the last one of
        the window before, except that the stream's first window begins before its first frame, with a state of 0.
    """
    prepared, state = prepare(graph), graph.tensor(first_state)
    source = graph.tensor(graph.inputs[0])
    length, newest = source.dims[1], _newest_state(graph, first_state)
    given = np.concatenate([np.zeros_like(frames[:1]), frames])
    carried = np.full((1, *state.dims), state.scale_zero()[1], np.int8)
    outputs, places = [], []
    for begin in range(0, len(given) - length + 1, length - 1):
        values = {source.name: given[begin : begin + length].reshape(1, *source.dims), first_state: carried}
        for node in graph.nodes:
            if node.outputs[0] == first_state:
                continue
            inputs = tuple(_operand(graph, values, name) for name in activation_inputs(node))
            output = graph.tensor(node.outputs[0])
            values[output.name] = run_node(node, prepared[node.name], inputs).reshape(1, *output.dims)
        carried = values[newest]
        outputs.append(values[graph.outputs[0]].reshape(-1))
        places.append(begin + length - 2)
    return np.stack(outputs), np.array(places)


def _newest_state(graph: Graph, first_state: str) -> str:
    """The state after the last step: the tensor of the same name with the highest step."""
    before, after = first_state.split("/0/")
    steps = [name for name in graph.tensors if name.startswith(f"{before}/") and name.endswith(f"/{after}")]
    return max(steps, key=lambda name: int(name.removeprefix(f"{before}/").removesuffix(f"/{after}")))


def _operand(graph: Graph, values: dict[str, np.ndarray], name: str) -> np.ndarray:
    tensor = graph.tensor(name)
    return values[name] if name in values else np.asarray(tensor.data).reshape(1, *tensor.dims)
