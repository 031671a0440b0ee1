"""Sources: drawn pictures, and public weights through a torchvision of the same calls."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from public_weights import lend_torchvision, save_weights

from edgekit.adapt.pictures import SIDE, make_pictures
from edgekit.adapt.shapes import character, fractal
from edgekit.adapt.source import read_source
from edgekit.api.source import torchvision_source, train_picture_source
from edgekit.core.errors import BadConfigError, BadFileError, MissingDependencyError


def test_pictures_are_standardised_distinct_and_follow_from_the_seed() -> None:
    one, again, other = make_pictures(3, 1), make_pictures(3, 1), make_pictures(3, 2)
    assert one.pixels.shape == (3 * len(one.labels), 1, SIDE, SIDE)
    np.testing.assert_array_equal(one.pixels, again.pixels)
    assert not np.array_equal(one.pixels, other.pixels)
    np.testing.assert_allclose(one.pixels.mean(axis=(1, 2, 3)), 0.0, atol=1e-5)
    np.testing.assert_allclose(one.pixels.std(axis=(1, 2, 3)), 1.0, atol=1e-4)
    assert len(set(one.labels)) == len(one.labels) == 180


def test_gratings_have_the_orientation_of_their_class() -> None:
    pictures = make_pictures(4, 3)
    for number, axis in ((0, 1), (2, 0)):  # 0: the value changes along x, 2: along y
        rows = pictures.pixels[pictures.targets == pictures.labels.index(f"grating-{number}-11")][:, 0]
        changes = [float(np.abs(np.diff(rows, axis=1 + other)).mean()) for other in (0, 1)]
        assert changes[axis] > changes[1 - axis]


@pytest.mark.slow
def test_a_source_is_trained_and_read_back(tmp_path: Path) -> None:
    made = train_picture_source(tmp_path / "source.safetensors", per_class=8, epochs=1)
    source = read_source(made.file)
    assert source.shape == (1, SIDE, SIDE) and source.labels == made.labels and source.frontend is None


@pytest.fixture()
def vision(monkeypatch: pytest.MonkeyPatch) -> None:
    lend_torchvision(monkeypatch)


def test_public_weights_become_a_source(vision: None, tmp_path: Path) -> None:
    model = save_weights(tmp_path / "weights.pth")
    source = torchvision_source("resnet18", tmp_path / "weights.pth", tmp_path / "source.safetensors")
    assert source.shape == (3, 224, 224) and len(source.labels) == 1000
    torch.testing.assert_close(source.weights()["classifier.weight"], model.classifier.weight.detach())


def test_weights_of_another_architecture_are_refused(vision: None, tmp_path: Path) -> None:
    torch.save({"other": torch.zeros(1)}, tmp_path / "weights.pth")
    with pytest.raises(BadFileError, match="missing or of another shape"):
        torchvision_source("resnet18", tmp_path / "weights.pth", tmp_path / "source.safetensors")
    with pytest.raises(BadConfigError, match="unknown architecture 'resnet9'"):
        torchvision_source("resnet9", tmp_path / "weights.pth", tmp_path / "source.safetensors")


def test_without_torchvision_its_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    torch.save({"w": torch.zeros(1)}, tmp_path / "weights.pth")
    with pytest.raises(MissingDependencyError, match="torchvision"):
        torchvision_source("resnet18", tmp_path / "weights.pth", tmp_path / "source.safetensors")


def test_a_drawn_class_looks_like_itself_more_than_like_others() -> None:
    for kind in (character, fractal):
        draw = np.random.default_rng(5)
        means = [np.mean([kind(number)(draw) for _ in range(24)], axis=0) for number in (0, 1, 2)]
        for number, own in enumerate(means):
            fresh = np.mean([kind(number)(draw) for _ in range(8)], axis=0)
            alike = [float(np.corrcoef(fresh.ravel(), mean.ravel())[0, 1]) for mean in means]
            assert own.shape == (SIDE, SIDE) and int(np.argmax(alike)) == number
