"""PCM in, label out: the emulated core, the host build and the integer interpreter agree clip by clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.bench.emulate import emulate
from edgekit.bench.host import host_model
from edgekit.core.errors import BadConfigError
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.features.presets import PRESETS
from edgekit.features.quantized import quantize_features
from edgekit.features.reference import features
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer

pytest.importorskip("unicorn")
pytest.importorskip("ziglang")

SPEC = PRESETS["kws-mfcc-49x10"]
CLIPS = 4


@pytest.fixture(scope="module")
def graph() -> Graph:
    builder = Builder(np.random.default_rng(4), (1, 49, 10, 1))
    builder.tensors["input"] = builder.x = builder.activation("input", (1, 49, 10, 1), scale=0.6, zero_point=40)
    builder.conv2d(8, (5, 3), stride=(3, 2), activation="relu")
    pooled = builder.activation("pooled", (1, 8), scale=builder.x.scale_zero()[0])
    builder.append("mean", (builder.x.name,), pooled, {"axes": (1, 2), "keep_dims": False})
    builder.fully_connected(6)
    return builder.graph()


@pytest.fixture(scope="module")
def pcm() -> np.ndarray:
    """Chirps over noise, one clip with silence at its end, one of full scale."""
    rng = np.random.default_rng(0)
    t = np.arange(SPEC.clip_samples) / SPEC.sample_rate
    clips = [
        np.sin(2 * np.pi * (300 * (i + 1) + 400 * t) * t) * 3000 + rng.normal(0, 200, t.size) for i in range(CLIPS)
    ]
    clips[1][8000:] = 0
    clips[2] *= 100
    return np.clip(clips, -32768, 32767).astype(np.int16)


def test_labels_and_scores_from_pcm(graph: Graph, pcm: np.ndarray, tmp_path: Path) -> None:
    target = find_target("cortex-m4")
    sources = generate(graph, SPEC, target, "kws")
    scale, zero_point = graph.tensor("input").scale_zero()
    inputs = np.stack([quantize_features(features(SPEC, clip), scale, zero_point) for clip in pcm])
    expected = run_integer(graph, inputs.reshape(CLIPS, 49, 10, 1))
    with host_model(sources) as model:
        scores, labels = model.push(pcm)
    # The reference front-end is float64: an input may be off by one, a score then by little.
    assert np.abs(scores.astype(int) - expected).max() <= 2
    image = build(sources, target, tmp_path / "image")
    assert image.warnings == ""
    run = emulate(image, pcm, "pcm", counted=1)  # pushed in pieces of 160 samples
    np.testing.assert_array_equal(run.scores, scores)
    np.testing.assert_array_equal(run.labels, labels)
    assert run.counts[0].frontend is not None
    assert run.counts[0].frontend > run.counts[0].model > 0
    again = emulate(image, inputs.reshape(CLIPS, 49, 10, 1), "features", counted=0)
    np.testing.assert_array_equal(again.scores, expected)


def test_pcm_without_a_frontend_is_refused(graph: Graph, pcm: np.ndarray) -> None:
    with host_model(generate(graph, None, find_target("cpu"), "kws")) as model, pytest.raises(BadConfigError):
        model.push(pcm)
