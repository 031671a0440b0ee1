"""The models of streaming.py, and ten minutes of features to run them on."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgekit.core.errors import DataError
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.features.presets import PRESETS
from edgekit.features.reference import features
from edgekit.features.spec import FrontendSpec
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.models.registry import build_model
from edgekit.train.onnx_export import export_module

_LOGMEL = PRESETS["kws-logmel-40"].replace(padding="none", mean=-8.0, std=5.0, layout="time_freq")
_MFCC = PRESETS["kws-mfcc-49x10"].replace(std=10.0)


@dataclass(frozen=True)
class Shape:
    """A model of windows: registry name and arguments, frames of a window, front-end of its frames.

    Attributes:
        every: compare every so many-th window (the window model is the slow one).
    """

    model: str
    arguments: dict[str, Any]
    frames: int
    spec: FrontendSpec
    every: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of a window."""
        return (self.frames, self.spec.bins) if self.axis == 1 else (self.spec.bins, self.frames)

    @property
    def axis(self) -> int:
        """Axis of time in [1, H, W, 1]."""
        return 1 if self.spec.layout == "time_freq" else 2


SHAPES: dict[str, Shape] = {
    "ds-cnn-causal": Shape("ds-cnn", {"causal": "height"}, 49, _MFCC),
    "ds-tcn (MLPerf Tiny streaming wake word)": Shape("ds-tcn", {}, 30, _LOGMEL, every=2),
    "mixednet": Shape(
        "ds-tcn",
        {
            "channels": (64, 64, 64, 96), "kernels": (5, (5, 9), (9, 13), (13, 21)), "strides": (3, 1, 1, 1),
            "residual": (False, True, True, True),
        },
        131, _LOGMEL, every=3,
    ),
    "bc-resnet-causal": Shape(
        "bc-resnet", {"causal": True}, 125, _LOGMEL.replace(layout="freq_time"), every=60
    ),
    "gru": Shape("kws-gru", {"units": 32}, 49, _MFCC),
    "windowed-ast": Shape("windowed-ast", {}, 100, _LOGMEL),
}  # fmt: skip


def recording(seconds: float) -> np.ndarray:
    """int16 at 16 kHz: recordings of ESC-10 and FSDD one after the other.

    Raises:
        DataError: EDGEKIT_DATA names no folder with them.
    """
    root = os.environ.get("EDGEKIT_DATA", "")
    if not root:
        raise DataError("needs recordings", mend="set EDGEKIT_DATA to the folder of esc10 and fsdd")
    parts, have, wanted = [], 0, int(seconds * 16_000)
    caches = [AudioCache(read_manifest(Path(root) / name), 16_000, None) for name in ("esc10", "fsdd")]
    for i in range(max(len(cache.manifest.clips) for cache in caches)):
        for cache in caches:
            clip = cache.clip(i % len(cache.manifest.clips))
            parts.append(clip)
            have += len(clip)
        if have >= wanted:
            break
    return np.concatenate(parts)[:wanted]


def frames_of(spec: FrontendSpec, pcm: np.ndarray) -> np.ndarray:
    """float32 [frames, bins] of a recording, ten seconds at a time."""
    found, start = [], 0
    piece = 10 * spec.sample_rate
    while start + spec.span <= len(pcm):
        part = pcm[start : start + piece]
        made = features(spec.replace(clip_samples=len(part)), part)
        made = made if spec.layout == "time_freq" else made.T
        found.append(made)
        start += len(made) * spec.hop_length
    return np.concatenate(found).astype(np.float32)


def window_model(shape: Shape, frames: np.ndarray) -> tuple[torch.nn.Module, Graph]:
    """A model with random weights and the statistics of ``frames``, and its float graph."""
    torch.manual_seed(0)
    module = build_model(shape.model, **shape.arguments)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for _ in range(20):
            starts = rng.integers(0, len(frames) - shape.frames, 8)
            module(torch.from_numpy(np.stack([window(shape, frames[s : s + shape.frames]) for s in starts])[:, None]))
        last = [part for part in module.modules() if isinstance(part, torch.nn.Linear | torch.nn.Conv2d)][-1]
        last.weight.copy_(4.0 * last.weight)  # logits that differ from window to window
    module.eval()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "window.onnx"
        export_module(module, shape.size, path, {}, name=shape.model)
        return module, lower(load_graph(path))


def window(shape: Shape, frames: np.ndarray) -> np.ndarray:
    """[frames, bins] as (H, W)."""
    return frames if shape.axis == 1 else frames.T
