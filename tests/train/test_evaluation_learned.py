"""Filters and embeddings taken out of models, and their projections against scikit-learn."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.core.errors import DataError
from edgekit.models.registry import build_model
from edgekit.train.evaluation.learned import embed, first_filters
from edgekit.train.evaluation.projection import installed_methods, project


def test_the_last_layer_makes_the_logits_of_the_embedding() -> None:
    model = build_model("small-vit", classes=5, input_shape=(32, 32)).eval()
    batches = [torch.randn(3, 1, 32, 32), torch.randn(2, 1, 32, 32)]
    found = torch.from_numpy(embed(model, batches))
    with torch.no_grad():
        torch.testing.assert_close(model.head(found), torch.cat([model(x) for x in batches]))


def test_maps_are_averaged_over_frequency_and_time() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    x = torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        expected = model[1](model[0](x)).mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(embed(model, [x]), expected, rtol=1e-5)


def test_filters_are_those_of_the_first_convolution() -> None:
    model = nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, (4, 5)), nn.Conv2d(3, 2, 1))
    found = first_filters(model)
    assert found.shape == (3, 4, 5)
    np.testing.assert_allclose(found[1], model[1].weight[1].detach().numpy().mean(axis=0), rtol=1e-6)
    with pytest.raises(DataError, match="no convolution"):
        first_filters(nn.Linear(2, 2))


def test_principal_components_are_those_of_scikit_learn() -> None:
    pca = pytest.importorskip("sklearn.decomposition").PCA(2)
    x = np.random.default_rng(0).normal(size=(40, 6)) * np.array([9, 5, 2, 1, 1, 1])
    expected = pca.fit_transform(x)
    found = project(x, "pca")
    np.testing.assert_allclose(np.abs(found.points), np.abs(expected), atol=1e-9)
    assert f"{100 * pca.explained_variance_ratio_.sum():.0f} %" in found.note


def test_t_sne_keeps_clusters_together() -> None:
    pytest.importorskip("sklearn.manifold")
    assert {"t-sne", "pca"} <= set(installed_methods())
    draw = np.random.default_rng(0)
    x = np.concatenate([draw.normal(0, 0.1, (20, 8)), draw.normal(5, 0.1, (20, 8))])
    points = project(x, "t-sne").points
    centres = points[:20].mean(axis=0), points[20:].mean(axis=0)
    nearer = np.linalg.norm(points - centres[0], axis=1) < np.linalg.norm(points - centres[1], axis=1)
    assert nearer.tolist() == [True] * 20 + [False] * 20


def test_too_few_clips_to_project() -> None:
    with pytest.raises(DataError, match="too few"):
        project(np.zeros((4, 3)), "pca")


class _Umap:
    """In place of umap.UMAP: notes what it is asked for and moves the points."""

    asked: ClassVar[dict[str, int]] = {}

    def __init__(self, **options: int) -> None:
        _Umap.asked = options

    def fit_transform(self, x: np.ndarray) -> np.ndarray:
        out: np.ndarray = x[:, :2] + 100
        return out


def test_umap_is_offered_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("umap")
    module.__spec__ = ModuleSpec("umap", None)
    module.UMAP = _Umap  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "umap", module)
    assert installed_methods()[0] == "umap"
    x = np.random.default_rng(0).normal(size=(10, 4))
    found = project(x, "umap", seed=5)
    np.testing.assert_array_equal(found.points, x[:, :2] + 100)
    assert _Umap.asked == {"n_components": 2, "n_neighbors": 9, "random_state": 5}
    assert found.note == "UMAP, 9 neighbours, seed 5"
