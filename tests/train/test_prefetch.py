"""Batches made ahead: the same ones, faults included, and no thread left behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from edgekit.api.train import train
from edgekit.core.errors import DataError
from edgekit.train import module as training
from edgekit.train.checkpoint import load_checkpoint
from edgekit.train.prefetch import Prefetch


def test_what_is_handed_out_was_made_ahead_once() -> None:
    made: list[tuple[int, str]] = []

    def make(key: int) -> int:
        made.append((key, threading.current_thread().name))
        return key * key

    ahead = Prefetch(make)
    assert [ahead.take(key, key + 1 if key < 3 else None) for key in range(4)] == [0, 1, 4, 9]
    ahead.close()
    assert sorted(key for key, _ in made) == [0, 1, 2, 3]
    assert [name.startswith("edgekit-batch") for key, name in sorted(made)] == [False, True, True, True]


def test_a_jump_is_made_on_the_spot_and_faults_arrive_where_they_belong() -> None:
    def make(key: int) -> int:
        if key == 2:
            raise DataError("no clip")
        return key

    ahead = Prefetch(make)
    assert ahead.take(0, 1) == 0
    assert ahead.take(7, 2) == 7  # not what was made ahead
    with pytest.raises(DataError, match="no clip"):
        ahead.take(2, None)
    ahead.close()
    assert not any(thread.name.startswith("edgekit-batch") for thread in threading.enumerate())


def test_a_run_with_a_spare_core_is_the_run_without(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = []
    for spare in (True, False):
        monkeypatch.setattr(training, "spare_core", lambda spare=spare: spare)
        folder = tmp_path / str(spare)
        overrides = ["schedule.epochs=3", "schedule.keep=last"]
        train(tiny_recipe, tones, folder, overrides=overrides, device="cpu", cache=audio_cache)
        weights.append(load_checkpoint(folder).weights)
        assert not any(thread.name.startswith("edgekit-batch") for thread in threading.enumerate())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
