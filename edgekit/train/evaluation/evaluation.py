"""A model on clips: what it answered, and every number and table that follows from the answers."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.core.progress import Progress, silent
from edgekit.data.cache import AudioCache
from edgekit.data.manifest import Clip
from edgekit.train.evaluation.bootstrap import Interval, bootstrap_macro_accuracy, bootstrap_mean
from edgekit.train.evaluation.calibration import Calibration, calibration
from edgekit.train.evaluation.cross_table import CrossTable, cross_table
from edgekit.train.evaluation.metrics import Scores, by_group, confusion_matrix, log_losses, score
from edgekit.train.labels import label_indices
from edgekit.train.predictors import Arithmetic, Predictor

_BATCH = 128
GROUPS = ("device", "speaker", "fold", "split")
"""What clips are grouped by in tables."""
UNITS = ("speaker", "source")
"""Groups whose clips succeed and fail together, which intervals draw as a whole."""


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
        trained_on: by grouping ("device", "speaker", …) the groups that training had clips of; a grouping that is
            missing is not known.
    """

    model: str
    arithmetic: Arithmetic
    frontend_digest: str
    labels: tuple[str, ...]
    clips: tuple[Clip, ...]
    targets: np.ndarray
    probabilities: np.ndarray
    trained_on: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def predictions(self) -> np.ndarray:
        """Most probable class of each clip, int64 [n]."""
        out: np.ndarray = self.probabilities.argmax(axis=1)
        return out

    @property
    def right(self) -> np.ndarray:
        """Whether the most probable class is the true one, bool [n]."""
        out: np.ndarray = self.predictions == self.targets
        return out

    @property
    def losses(self) -> np.ndarray:
        """Log loss of each clip, float64 [n]."""
        return log_losses(self.targets, self.probabilities)

    @property
    def scores(self) -> Scores:
        """Over all clips."""
        return score(self.targets, self.probabilities)

    @property
    def confusion(self) -> np.ndarray:
        """int64 [classes, classes], rows are true classes."""
        return confusion_matrix(self.targets, self.probabilities)

    @property
    def calibration(self) -> Calibration:
        """Calibration error, Brier score and reliability bins."""
        return calibration(self.targets, self.probabilities)

    def group(self, name: str) -> dict[str, Scores]:
        """Scores by "label", "device", "speaker", "fold" or "split"; empty where no clip says."""
        return by_group(self.targets, self.probabilities, [getattr(clip, name) for clip in self.clips])

    def cross(self, name: str) -> CrossTable | None:
        """Classes × groups with the spread over seen and unseen groups; None where no clip names the group."""
        groups = [getattr(clip, name) for clip in self.clips]
        return cross_table(name, self.labels, self.targets, self.right, groups, self.trained_on.get(name))

    def units(self) -> dict[str, list[str] | None]:
        """What intervals can draw: "clip" (None), and each of :data:`UNITS` that every clip names and several share."""
        found: dict[str, list[str] | None] = {"clip": None}
        for name in UNITS:
            groups = [getattr(clip, name) for clip in self.clips]
            if None not in groups and 1 < len(set(groups)) < len(groups):
                found[name] = groups
        return found

    def intervals(self, seed: int = 0) -> dict[str, dict[str, Interval]]:
        """95 % intervals of "accuracy", "macro_accuracy" and "log_loss", each by the unit drawn."""
        units = self.units()
        return {
            "accuracy": {unit: bootstrap_mean(self.right, groups, seed) for unit, groups in units.items()},
            "macro_accuracy": {
                unit: bootstrap_macro_accuracy(self.right, self.targets, groups, seed) for unit, groups in units.items()
            },
            "log_loss": {unit: bootstrap_mean(self.losses, groups, seed) for unit, groups in units.items()},
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


def evaluate_clips(
    predictor: Predictor,
    cache: AudioCache,
    progress: Progress = silent,
    trained_on: Mapping[str, frozenset[str]] | None = None,
) -> Evaluation:
    """Run ``predictor`` over every clip of ``cache`` (at the predictor's sample rate).

    Raises:
        DataError: a clip's label is none of the model's.
        BadFileError: the model gives no number for a clip.
    """
    targets = label_indices(cache, predictor.labels)
    parts = []
    for first in range(0, len(cache), _BATCH):
        indices = np.arange(first, min(first + _BATCH, len(cache)))
        parts.append(predictor.predict(cache, indices))
        progress("evaluating", int(indices[-1]) + 1, len(cache))
    probabilities = np.concatenate(parts)
    _require_numbers(probabilities, cache, predictor.name)
    return Evaluation(
        model=predictor.name,
        arithmetic=predictor.arithmetic,
        frontend_digest=predictor.spec.digest,
        labels=predictor.labels,
        clips=cache.manifest.clips,
        targets=targets,
        probabilities=probabilities,
        trained_on=trained_on or {},
    )


def _require_numbers(probabilities: np.ndarray, cache: AudioCache, model: str) -> None:
    bad = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(bad):
        raise BadFileError(
            f"its output is not finite for {len(bad)} of {len(probabilities)} clips, the first "
            f"{cache.manifest.clips[bad[0]].id}",
            where=model,
            mend="use an earlier checkpoint, or train with a lower learning rate",
        )
