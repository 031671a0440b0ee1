"""The models of ``pcm.py``: random weights, norms that have seen data, int8 with calibrated ranges."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgekit.features.presets import PRESETS
from edgekit.features.quantized import quantize_features
from edgekit.features.reference import features
from edgekit.features.signals import synthetic_clips
from edgekit.features.spec import FrontendSpec
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.models.registry import build_model
from edgekit.quantize.ptq import quantize_graph
from edgekit.train.onnx_export import export_module

CLASSES = 10
SETTLING, CALIBRATION, CHECKED = 100, 200, 300
"""First seeds of the clips that norms see, that ranges are taken from, and that labels are compared on."""


@dataclass(frozen=True, eq=False)
class PcmModel:
    """An integer graph, its front-end, and clips with what the integer interpreter says about them.

    Attributes:
        graph: int8 in and out.
        spec: of the front-end.
        pcm: int16 [N, samples].
        inputs: int8 [N, H, W, 1], the reference front-end's features, quantized.
        scores: int8 [N, classes] of the interpreter on ``inputs``.
    """

    graph: Graph
    spec: FrontendSpec
    pcm: np.ndarray
    inputs: np.ndarray
    scores: np.ndarray


MODELS: dict[str, tuple[str, dict[str, Any], str]] = {
    "CP-Mobile 61 k": ("cp-mobile", {}, "dcase2024-baseline"),
    "CP-Mobile with GRN": ("cp-mobile", {"grn": True}, "dcase2024-baseline"),
    "BC-ResNet-1": ("bc-resnet-1", {}, "kws-logmel-40"),
    "Tiny-AST 103 k": ("tiny-ast", {}, "thesis-128x100"),
    "MobileViT-small": ("mobile-vit", {}, "thesis-128x100"),
}
"""Name in the table: name in the registry with its arguments, preset of the front-end."""


def make_model(name: str, clips: int) -> PcmModel:
    """One row of MODELS with ``clips`` clips to compare labels on."""
    registered, arguments, preset = MODELS[name]
    spec = PRESETS[preset]
    graph = quantize_graph(*float_model(registered, arguments, spec))
    pcm = _pcm(spec, CHECKED, clips)
    scale, zero_point = graph.tensor(graph.inputs[0]).scale_zero()
    inputs = quantize_features(_features(spec, pcm), scale, zero_point)[..., None]
    return PcmModel(graph, spec, pcm, inputs, run_integer(graph, inputs).reshape(clips, -1))


def _pcm(spec: FrontendSpec, seed: int, count: int) -> np.ndarray:
    """int16 [count, samples]: speech-like sounds, chirps, impulses and the rest of features/signals.py in turn."""
    found: list[np.ndarray] = []
    while len(found) < count:
        rng = np.random.default_rng(seed)
        for clip in synthetic_clips(spec.sample_rate, spec.clip_samples, seed).values():
            gain = 10.0 ** rng.uniform(-1.5, 0.0)
            found.append(np.rint(clip * gain).astype(np.int16))
        seed += 1
    return np.stack(found[:count])


def _features(spec: FrontendSpec, pcm: np.ndarray) -> np.ndarray:
    """float32 [N, H, W]."""
    return np.stack([features(spec, clip) for clip in pcm]).astype(np.float32)


def float_model(registered: str, arguments: Mapping[str, Any], spec: FrontendSpec) -> tuple[Graph, np.ndarray]:
    """A float edge graph with random weights, and clips to calibrate with, float32 [N, H, W, 1]."""
    torch.manual_seed(0)
    module = build_model(registered, classes=CLASSES, **arguments).train()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim <= 1 or "gamma" in name or "beta" in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
        for layer in module.modules():
            if isinstance(layer, torch.nn.Linear):
                torch.nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
        seen = torch.from_numpy(_features(spec, _pcm(spec, SETTLING, 32)))[:, None]
        for begin in range(0, 256, 16):
            module(seen[begin % 32 : begin % 32 + 16])
        _centre_scores(module.eval(), seen)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_module(module, spec.feature_shape, path, {})
        graph = lower(load_graph(path))
    return graph, _features(spec, _pcm(spec, CALIBRATION, 32))[..., None]


def _centre_scores(module: torch.nn.Module, seen: torch.Tensor) -> None:
    """Scores with mean 0, so that clips differ in their labels: the last bias of all classes takes the mean away."""
    biases = [p for name, p in module.named_parameters() if name.endswith("bias") and p.shape == (CLASSES,)]
    biases[-1].sub_(module(seen).mean(dim=0))
