"""A model on clips: scores, confusion matrix, tables by label, speaker and device."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.core.progress import Progress, silent
from edgekit.data.cache import AudioCache
from edgekit.data.manifest import Clip
from edgekit.train.dataset import label_indices
from edgekit.train.evaluation.metrics import Scores, by_group, confusion_matrix, score
from edgekit.train.predictors import Arithmetic, Predictor

_BATCH = 128
GROUPS = ("speaker", "device", "fold")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model did on clips.

    Attributes:
        model: its name.
        arithmetic: "float32" or "int8".
        frontend_digest: of the front-end that made the features.
        labels: class names in the order of the outputs.
        clips: in the order of the rows below.
        targets: int64 [n].
        probabilities: float64 [n, classes].
    """

    model: str
    arithmetic: Arithmetic
    frontend_digest: str
    labels: tuple[str, ...]
    clips: tuple[Clip, ...]
    targets: np.ndarray
    probabilities: np.ndarray

    @property
    def predictions(self) -> np.ndarray:
        """Most probable class of each clip, int64 [n]."""
        out: np.ndarray = self.probabilities.argmax(axis=1)
        return out

    @property
    def scores(self) -> Scores:
        """Over all clips."""
        return score(self.targets, self.probabilities)

    @property
    def confusion(self) -> np.ndarray:
        """int64 [classes, classes], rows are true classes."""
        return confusion_matrix(self.targets, self.probabilities)

    def group(self, name: str) -> dict[str, Scores]:
        """Scores by "label", "speaker", "device" or "fold"; empty where no clip says."""
        return by_group(self.targets, self.probabilities, [getattr(clip, name) for clip in self.clips])

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for ``--format json``; groups that no clip names are left out."""
        groups = {name: self.group(name) for name in GROUPS}
        return {
            "model": self.model,
            "arithmetic": self.arithmetic,
            "frontend_digest": self.frontend_digest,
            **self.scores.to_json(),
            "labels": list(self.labels),
            "confusion": self.confusion.tolist(),
            "by_label": {name: scores.to_json() for name, scores in self.group("label").items()},
            **{f"by_{name}": {k: v.to_json() for k, v in rows.items()} for name, rows in groups.items() if rows},
        }

    def predictions_csv(self) -> str:
        """One row a clip: id, label, predicted, probability of the predicted label, then one column a class."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "label", "predicted", "probability", *(f"p_{label}" for label in self.labels)])
        for clip, predicted, row in zip(self.clips, self.predictions, self.probabilities, strict=True):
            shares = [f"{value:.6f}" for value in row]
            writer.writerow([clip.id, clip.label, self.labels[predicted], shares[predicted], *shares])
        return stream.getvalue()


def evaluate_clips(predictor: Predictor, cache: AudioCache, progress: Progress = silent) -> Evaluation:
    """Run ``predictor`` over every clip of ``cache`` (at the predictor's sample rate).

    Raises:
        DataError: a clip's label is none of the model's.
    """
    targets = label_indices(cache, predictor.labels)
    parts = []
    for first in range(0, len(cache), _BATCH):
        indices = np.arange(first, min(first + _BATCH, len(cache)))
        parts.append(predictor.predict(cache, indices))
        progress("evaluating", int(indices[-1]) + 1, len(cache))
    return Evaluation(
        model=predictor.name,
        arithmetic=predictor.arithmetic,
        frontend_digest=predictor.spec.digest,
        labels=predictor.labels,
        clips=cache.manifest.clips,
        targets=targets,
        probabilities=np.concatenate(parts),
    )
