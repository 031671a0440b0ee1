"""An evaluated model with the clips it heard, and the clips that it gets wrong with the greatest confidence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit.report import figures
from edgekit.report.page import Figure, Section, Table

if TYPE_CHECKING:
    from edgekit.data.cache import AudioCache
    from edgekit.train.evaluation.evaluation import Evaluation
    from edgekit.train.predictors import Predictor

WORST = 15


@dataclass(frozen=True, eq=False)
class EvaluatedModel:
    """What a page needs of one model.

    Attributes:
        path: of the model.
        evaluation: what it answered.
        predictor: the model.
        clips: the decoded clips, in the evaluation's order.
    """

    path: Path
    evaluation: Evaluation
    predictor: Predictor
    clips: AudioCache

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.evaluation.model

    def features(self, indices: np.ndarray) -> np.ndarray:
        """Features of the first window of some clips: float32 [n, 1, H, W]."""
        samples = self.predictor.spec.clip_samples
        return self.predictor.features(self.clips.windows(indices, samples, np.zeros(len(indices), np.int64)))

    def upright(self, picture: np.ndarray) -> np.ndarray:
        """A picture on the features' grid [H, W] as [bins, frames]."""
        return picture.T if self.predictor.spec.layout == "time_freq" else picture


def worst_clips(evaluation: Evaluation, count: int = WORST) -> np.ndarray:
    """Indices of the wrong clips, the most confident first, at most ``count``: int64."""
    wrong = np.flatnonzero(~evaluation.right)
    confidence = evaluation.probabilities[wrong].max(axis=1)
    out: np.ndarray = wrong[np.argsort(-confidence, kind="stable")][:count]
    return out


def worst_section(model: EvaluatedModel) -> Section:
    """Table and pictures of :func:`worst_clips`."""
    title = f"{model.name}: most confident errors"
    worst = worst_clips(model.evaluation)
    if len(worst) == 0:
        return Section(title, ("No clip was wrong.",))
    found = model.evaluation
    rows, pictures = [], []
    for index, features in zip(worst, model.features(worst), strict=True):
        predicted = found.labels[found.predictions[index]]
        share = f"{100 * found.probabilities[index].max():.1f} %"
        rows.append((found.clips[index].id, found.clips[index].label, predicted, share))
        pictures.append((f"{found.clips[index].label} → {predicted}", model.upright(features[0])))
    table = Table(("clip", "true", "predicted", "confidence"), tuple(rows), frozenset({3}))
    drawn = Figure(figures.feature_images(pictures), f"Features of the {len(rows)} clips above, first window.")
    return Section(title, tables=(table,), figures=(drawn,))
