"""Pictures of Voice2Series: what the source looks at, where series lie among its sounds, and how far."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit.core.files import write_text

if TYPE_CHECKING:
    from edgekit.adapt.series.model import Voice2Series
    from edgekit.adapt.series.series_set import SeriesSet
    from edgekit.api.voice2series_result import Voice2SeriesResult

_MOST_POINTS = 300
_EXAMPLES = 4


def draw_pictures(
    folder: Path,
    result: Voice2SeriesResult,
    model: Voice2Series,
    train: np.ndarray,
    known: SeriesSet,
    heard: np.ndarray,
) -> tuple[Path, ...]:
    """SVG files in ``folder``: t-SNE before and after, risk bounds against accuracy, saliency and attention.

    Saliency is drawn where the source has convolutions, attention where it has attention.

    Args:
        folder: exists.
        result: of all candidates.
        model: the chosen one, trained.
        train: its placed training series, float32 [N, samples].
        known: the same series.
        heard: latents of the source's own clips, [n, D].
    """
    from edgekit.adapt.series.saliency import attention_over_time, class_activation, has_convolutions
    from edgekit.models.acoustic.attention_bilstm import AttentionBiLstm
    from edgekit.report.evaluation_figures import attention_images
    from edgekit.report.series_figures import attention_lines, bound_scatter

    some = np.unique(np.linspace(0, len(train) - 1, min(len(train), _EXAMPLES)).astype(int))
    captions = [f"series of {known.labels[known.targets[row]]}" for row in some]
    pictures = {
        "bounds.svg": bound_scatter(
            [(f"{c.source}, {c.placement}, {c.each} a class", c.bound, c.test_accuracy) for c in result.candidates]
        ),
        **_projections(model, train, known, heard),
    }
    if has_convolutions(model.source):
        maps = class_activation(model, train[some])
        captioned = list(zip(captions, maps, strict=True))
        pictures["saliency.svg"] = attention_images(_features(model, train[some])[0], captioned)
    if isinstance(model.source, AttentionBiLstm):
        pictures["attention.svg"] = attention_lines(attention_over_time(model, train[some]), captions)
    for name, text in pictures.items():
        write_text(folder / name, text)
    return tuple(folder / name for name in pictures)


def _features(model: Voice2Series, clips: np.ndarray) -> np.ndarray:
    """What the source hears, float [N, H, W]."""
    import torch

    model.eval()
    with torch.no_grad():
        return np.asarray(model.heard(torch.from_numpy(clips))[:, 0].numpy())


def _projections(model: Voice2Series, train: np.ndarray, known: SeriesSet, heard: np.ndarray) -> dict[str, str]:
    """Latents of series and of the source's own clips, before the program and with it."""
    import torch

    from edgekit.adapt.series.fit import latents
    from edgekit.report.evaluation_figures import embedding_scatter
    from edgekit.train.evaluation.projection import installed_methods, project

    method = "t-sne" if "t-sne" in installed_methods() else "pca"
    rows = np.unique(np.linspace(0, len(train) - 1, min(len(train), _MOST_POINTS)).astype(int))
    own = heard[:: max(1, len(heard) // _MOST_POINTS)]
    labels = (*known.labels, "source's own")
    classes = np.concatenate([known.targets[rows], np.full(len(own), len(known.labels))])
    trained = model.delta.detach().clone()
    pictures = {}
    for name, delta in (("before", torch.zeros_like(trained)), ("after", trained)):
        with torch.no_grad():
            model.delta.copy_(delta)
        points = project(np.concatenate([latents(model, train[rows]), own]), method).points
        pictures[f"{method}-{name}.svg"] = embedding_scatter(points, classes, labels, np.ones(len(points), bool))
    return pictures
