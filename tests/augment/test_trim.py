"""Edges of words: only what is too faint, only at the edges, only as often as asked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from edgekit.augment.spec import Augment
from edgekit.augment.trim import silence, trim_edges
from edgekit.core.errors import BadConfigError
from edgekit.features.presets import PRESETS
from edgekit.features.torch_frontend import TorchFrontend

SPEC = dataclasses.replace(PRESETS["kws-logmel-40"], mean=-3.0, std=2.0)
DB = np.log(10.0) / 10.0 / SPEC.std  # of power, in the features' unit


def _clip(levels_db: list[float]) -> torch.Tensor:
    """[1, 1, 2, frames]: a loud bin at the levels, a faint one 30 dB below."""
    loud = torch.tensor(levels_db) * DB
    return torch.stack([loud, loud - 30 * DB])[None, None]


def _trim(x: torch.Tensor, probability: float, depth: float) -> torch.Tensor:
    augment = Augment(trim_probability=probability, trim_db=(depth, depth))
    return trim_edges(x, np.random.default_rng(0), augment, SPEC, time_axis=3)


def test_faint_edges_go_and_faint_middles_stay() -> None:
    x = _clip([-50.0, -25.0, -10.0, 0.0, -45.0, -5.0, -21.0, -60.0])
    out = _trim(x, 1.0, 20.0)
    kept = [False, False, True, True, True, True, False, False]
    torch.testing.assert_close(out[..., kept], x[..., kept])
    assert bool((out[..., [not keep for keep in kept]] == np.float32(silence(SPEC))).all())


def test_time_may_be_the_other_axis() -> None:
    x = _clip([-50.0, 0.0, -50.0])
    augment = Augment(trim_probability=1.0, trim_db=(20.0, 20.0))
    turned = trim_edges(x.transpose(2, 3), np.random.default_rng(0), augment, SPEC, time_axis=2)
    torch.testing.assert_close(turned.transpose(2, 3), _trim(x, 1.0, 20.0))


def test_the_share_of_clips() -> None:
    x = _clip([-50.0, 0.0]).repeat(4000, 1, 1, 1)
    changed = (_trim(x, 0.3, 20.0) != x).flatten(1).any(1).float().mean()
    assert abs(float(changed) - 0.3) < 0.03


def test_silence_is_what_the_front_end_makes_of_zeros() -> None:
    zeros = torch.zeros(1, SPEC.clip_samples, dtype=torch.int16)
    torch.testing.assert_close(TorchFrontend(SPEC)(zeros), torch.full((1, 1, *SPEC.input_shape[1:3]), silence(SPEC)))


def test_a_range_that_runs_backwards() -> None:
    with pytest.raises(BadConfigError, match="trim_db"):
        Augment(trim_db=(40.0, 10.0))
