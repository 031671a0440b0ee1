"""Embeddings in two dimensions, for a picture."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import DataError

METHODS = {"umap": "umap", "t-sne": "sklearn.manifold", "pca": "numpy"}
"""Name of each projection, and the module it needs."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Points of clips.

    Attributes:
        method: one of :data:`METHODS`.
        points: float64 [n, 2]; only t-SNE's and UMAP's neighbourhoods mean something, their distances do not.
        note: how it was made, for the caption.
    """

    method: str
    points: np.ndarray
    note: str


def installed_methods() -> tuple[str, ...]:
    """The projections that can be made here, PCA last: it always can."""
    return tuple(name for name, module in METHODS.items() if importlib.util.find_spec(module.split(".")[0]))


def project(embeddings: np.ndarray, method: str, seed: int = 0) -> Projection:
    """Project embeddings [n, C] to [n, 2].

    Args:
        embeddings: one row a clip.
        method: "pca", or "t-sne" (van der Maaten & Hinton 2008) or "umap" (McInnes et al. 2018) where installed.
        seed: of those two.

    Raises:
        DataError: fewer than five clips.
    """
    if len(embeddings) < 5:
        raise DataError(f"{len(embeddings)} clips are too few to project", mend="select more")
    x = np.asarray(embeddings, np.float64)
    if method == "pca":
        points, share = _pca(x)
        return Projection("pca", points, f"principal components, {100 * share:.0f} % of the variance")
    module = importlib.import_module(METHODS[method])
    if method == "t-sne":
        perplexity = min(30.0, (len(x) - 1) / 3.0)
        made = module.TSNE(n_components=2, perplexity=perplexity, init="pca", random_state=seed)
        return Projection("t-sne", made.fit_transform(x), f"t-SNE, perplexity {perplexity:g}, seed {seed}")
    neighbours = min(15, len(x) - 1)
    made = module.UMAP(n_components=2, n_neighbors=neighbours, random_state=seed)
    return Projection("umap", made.fit_transform(x), f"UMAP, {neighbours} neighbours, seed {seed}")


def _pca(x: np.ndarray) -> tuple[np.ndarray, float]:
    """First two principal components [n, 2] and their share of the variance."""
    centred = x - x.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(x), 2))
    points[:, : min(2, len(values))] = (left * values)[:, :2]
    total = float((values**2).sum())
    return points, float((values[:2] ** 2).sum()) / total if total else 1.0
