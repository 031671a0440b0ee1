"""What a run's network has learned, for the page: embeddings, filters of the first layer, attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from edgekit.api.evaluation_clips import EvaluatedModel, worst_clips
from edgekit.report.evaluation_figures import attention_images, embedding_scatter, filter_images
from edgekit.report.page import Figure, Section

if TYPE_CHECKING:
    from torch import nn

    from edgekit.models.students.small_vit import SmallVit
    from edgekit.models.teachers.large_vit import LargeVit

MOST_POINTS = 1000
"""Clips that the embedding shows, evenly taken from all: t-SNE's time grows with them faster than what one sees."""
_FEWEST_POINTS = 5
_MOST_FILTERS = 96
_LOOKED_AT = 3
_BATCH = 64


def insight_sections(model: EvaluatedModel) -> Iterator[Section]:
    """Sections of a run; of a file, or of an ensemble, one that says why there are none."""
    if not model.path.is_dir() and model.path.suffix != ".safetensors":
        yield Section(f"{model.name}: insides", ("Embeddings, filters and attention are drawn of runs, not of files.",))
        return
    from edgekit.models.teachers.ensemble import Ensemble
    from edgekit.train.checkpoint import load_checkpoint
    from edgekit.train.evaluation.attention import can_look

    network = load_checkpoint(model.path).build()
    if isinstance(network, Ensemble):
        yield Section(f"{model.name}: insides", ("An ensemble has no embedding of its own: evaluate its members.",))
        return
    if len(model.clips) >= _FEWEST_POINTS:
        yield _embedding(model, network)
    yield _filters(model, network)
    if can_look(network):
        yield _attention(model, network)


def _embedding(model: EvaluatedModel, network: nn.Module) -> Section:
    import torch

    from edgekit.train.evaluation.learned import embed
    from edgekit.train.evaluation.projection import installed_methods, project

    found = model.evaluation
    chosen = np.unique(np.linspace(0, len(model.clips) - 1, min(MOST_POINTS, len(model.clips))).astype(np.int64))
    parts = [chosen[first : first + _BATCH] for first in range(0, len(chosen), _BATCH)]
    vectors = embed(network, (torch.from_numpy(model.features(part)) for part in parts))
    methods = [name for name in installed_methods() if name != "pca"] or ["pca"]
    drawn, notes = [], []
    for method in methods:
        projection = project(vectors, method)
        svg = embedding_scatter(projection.points, found.targets[chosen], found.labels, found.right[chosen])
        drawn.append(Figure(svg, f"{len(chosen)} clips by {method}."))
        notes.append(projection.note)
    text = f"{len(chosen)} clips in two dimensions ({'; '.join(notes)}): what goes into the last layer, first window."
    missing = "" if methods != ["pca"] else " With scikit-learn installed this would be t-SNE."
    return Section(f"{model.name}: embedding", (f"{text} Hollow: wrong.{missing}",), figures=tuple(drawn))


def _filters(model: EvaluatedModel, network: nn.Module) -> Section:
    from edgekit.train.evaluation.learned import first_filters

    filters = first_filters(network)
    shown = np.stack([model.upright(kernel) for kernel in filters[:_MOST_FILTERS]])
    text = f"{len(shown)} of {len(filters)} kernels, frequency upwards, time to the right; red is positive."
    drawn = Figure(filter_images(shown), f"Filters of the first layer of {model.name}.")
    return Section(f"{model.name}: first filters", (text,), figures=(drawn,))


def _attention(model: EvaluatedModel, network: SmallVit | LargeVit) -> Section:
    import torch

    from edgekit.train.evaluation.attention import attention_pictures, patchout_of

    chosen = _looked_at(model)
    features = torch.from_numpy(model.features(chosen))
    keep = patchout_of(network)
    drawn = []
    for note, kept in (("", None),) if keep is None else (("", None), (", patchout as in training", keep)):
        for index, clip, picture in zip(chosen, features, attention_pictures(network, features, kept), strict=True):
            maps = [(f"head {n}{note}", model.upright(head)) for n, head in enumerate(picture.heads, 1)]
            maps.append((f"rollout{note}", model.upright(picture.rollout)))
            svg = attention_images(model.upright(clip[0].numpy()), maps)
            drawn.append(Figure(svg, f"Attention on {model.evaluation.clips[index].id}{note}."))
    text = (
        "What the class token looks at: each head of the last layer, and the rollout through all layers "
        f"(Abnar & Zuidema 2020). Clips: {', '.join(_answer(model, i) for i in chosen)}."
    )
    holes = () if keep is None else ("Black patches were dropped, as a training step drops them.",)
    return Section(f"{model.name}: attention", (text, *holes), figures=tuple(drawn))


def _answer(model: EvaluatedModel, index: int) -> str:
    found = model.evaluation
    return f"{found.clips[index].id} (taken for {found.labels[found.predictions[index]]})"


def _looked_at(model: EvaluatedModel) -> np.ndarray:
    """The surest right clip of two classes and the surest wrong one: int64 [≤ 3]."""
    found = model.evaluation
    confidence = np.where(found.right, found.probabilities.max(axis=1), -1.0)
    best = {int(found.targets[i]): int(i) for i in np.argsort(confidence, kind="stable") if found.right[i]}
    right = list(best.values())[-(_LOOKED_AT - 1) :]
    return np.array([*right, *worst_clips(found, _LOOKED_AT - len(right))], np.int64)
