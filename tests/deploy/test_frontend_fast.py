"""The 32-bit front-ends: int8 inputs equal the reference's but for a few in a thousand, which are one step off."""

from __future__ import annotations

import numpy as np
import pytest
from frontend_variants import VARIANTS

from edgekit.core.errors import BadConfigError
from edgekit.deploy.frontend import fixed
from edgekit.deploy.frontend.generate import Precision
from edgekit.deploy.frontend.host import host_frontend
from edgekit.deploy.target import find_target
from edgekit.deploy.with_frontend import frontend_precision
from edgekit.features.presets import PRESETS
from edgekit.features.quantized import quantize_features
from edgekit.features.reference import features
from edgekit.features.signals import synthetic_clips
from edgekit.features.spec import FrontendSpec

EQUAL = 0.99
"""Synthetic clips hold chirps and quiet tones beside loud ones, harder than recordings."""


def _steps(spec: FrontendSpec, scale: float, zero_point: int, precision: Precision = "fast") -> np.ndarray:
    clips = synthetic_clips(spec.sample_rate, spec.clip_samples).values()
    wanted = np.stack([quantize_features(features(spec, pcm), scale, zero_point) for pcm in clips])
    with host_frontend(spec, "int8", scale, zero_point, precision=precision) as front:
        got = np.stack([front.clip(pcm) for pcm in clips])
    return np.abs(got.astype(int) - wanted)


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_equal_the_reference_nearly_everywhere(name: str) -> None:
    spec = PRESETS[name]
    steps = _steps(spec, *((0.5, 90) if spec.kind == "mfcc" else (0.07, 60)))
    assert steps.max() <= 1
    assert np.mean(steps == 0) >= EQUAL


@pytest.mark.parametrize("name", [name for name, spec in VARIANTS.items() if spec.power == 2])
def test_every_option_equals_the_reference_nearly_everywhere(name: str) -> None:
    spec = VARIANTS[name]
    scale = 0.3 if spec.log == "db" or spec.kind == "mfcc" else 0.07
    steps = _steps(spec, scale, 60)
    assert steps.max() <= 1
    assert np.mean(steps == 0) >= EQUAL


@pytest.mark.parametrize("name", [name for name, spec in VARIANTS.items() if fixed.fits(spec)])
def test_without_floating_point_nearly_everything_equals_the_reference(name: str) -> None:
    spec = VARIANTS[name]
    scale = 0.3 if spec.log == "db" or spec.kind == "mfcc" else 0.07
    steps = _steps(spec, scale, 60, "fixed")
    assert steps.max() <= 1
    assert np.mean(steps == 0) >= EQUAL


def test_what_needs_floating_point_is_refused() -> None:
    with pytest.raises(BadConfigError, match="floating point"), host_frontend(VARIANTS["plain"], precision="fixed"):
        pass


def test_nothing_overflows_at_full_scale() -> None:
    spec = VARIANTS["remove DC, frame pre-emphasis"]
    square = np.where(np.arange(spec.clip_samples) // 7 % 2, 32767, -32768).astype(np.int16)
    with host_frontend(spec, precision="fast", flags=("-fsanitize=undefined", "-fno-sanitize-recover=all")) as front:
        difference = np.abs(front.clip(square) - features(spec, square)).max()
    assert difference <= 2e-2


@pytest.mark.parametrize(
    ("name", "target", "optimize", "precision"),
    [
        ("plain", "cortex-m4", "balanced", "exact"),
        ("plain", "cortex-m4", "speed", "fast"),
        ("plain", "cortex-m0", "balanced", "fixed"),
        ("slaney", "cortex-m0", "balanced", "fast"),
        ("magnitude", "cortex-m0", "speed", "exact"),
    ],
)
def test_precision_follows_the_purpose_and_the_core(name: str, target: str, optimize: str, precision: str) -> None:
    assert frontend_precision(VARIANTS[name], find_target(target), optimize) == precision  # type: ignore[arg-type]


def test_an_impossible_quantization_is_refused() -> None:
    with pytest.raises(BadConfigError), host_frontend(VARIANTS["plain"], "int8", 0.0, 0, precision="fast"):
        pass
