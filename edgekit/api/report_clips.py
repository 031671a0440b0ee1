"""Clips of a report that one can look at and listen to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgekit.report.page import Matrix, Recording, Recordings
from edgekit.report.run_figures import feature_picture
from edgekit.report.sound import sound_uri

if TYPE_CHECKING:
    from edgekit.api.evaluation_clips import EvaluatedModel
    from edgekit.train.evaluation.evaluation import Evaluation

MOST_CELLS, CLIPS_A_CELL = 6, 3
MOST_CLASSES = 36
"""Labels of a confusion matrix that fits a page."""


@dataclass(frozen=True, eq=False)
class Cell:
    """Some clips of one cell of the confusion matrix.

    Attributes:
        label, predicted: indices of classes.
        clips: indices of clips, int64 [≤ CLIPS_A_CELL].
    """

    label: int
    predicted: int
    clips: np.ndarray


def interesting_cells(evaluation: Evaluation) -> list[Cell]:
    """The cells of most errors with their surest clips; where nothing is wrong, the least sure clips."""
    confidence = evaluation.probabilities.max(axis=1)
    wrong = np.flatnonzero(~evaluation.right)
    if len(wrong) == 0:
        least: dict[int, int] = {}
        for index in np.argsort(confidence, kind="stable"):
            least.setdefault(int(evaluation.targets[index]), int(index))
        return [Cell(label, label, np.array([index])) for label, index in list(least.items())[:MOST_CELLS]]
    counts = evaluation.confusion.copy()
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:MOST_CELLS]
    cells = []
    for label, predicted in zip(*np.unravel_index(order, counts.shape), strict=True):
        if counts[label, predicted]:
            inside = wrong[(evaluation.targets[wrong] == label) & (evaluation.predictions[wrong] == predicted)]
            surest = inside[np.argsort(-confidence[inside], kind="stable")][:CLIPS_A_CELL]
            cells.append(Cell(int(label), int(predicted), surest))
    return cells


def matrix_of(evaluation: Evaluation, groups: Sequence[Recordings] = (), prefix: str = "") -> Matrix:
    """The confusion matrix, linked to the clips of ``groups``, whose anchors begin with ``prefix``."""
    found = evaluation
    anchors = {group.anchor for group in groups}
    places = [(i, j) for i in range(len(found.labels)) for j in range(len(found.labels))]
    links = {place: anchor for place in places if (anchor := _anchor(prefix, *place)) in anchors}
    caption = f"{found.model} ({found.arithmetic}): clips by true and predicted class"
    return Matrix(found.labels, tuple(tuple(int(n) for n in row) for row in found.confusion), caption, links)


def _anchor(prefix: str, label: int, predicted: int) -> str:
    return f"{prefix}-{label}-{predicted}"


def recordings(model: EvaluatedModel, cells: list[Cell], prefix: str, room: int) -> Iterator[Recordings]:
    """Sound and features of the clips of ``cells``.

    Args:
        model: whose answers these are.
        cells: of :func:`interesting_cells`.
        prefix: of the anchors, as in :func:`matrix_of`.
        room: bytes that all clips together may take.
    """
    total = sum(len(cell.clips) for cell in cells)
    found = model.evaluation
    for cell in cells:
        label, predicted = found.labels[cell.label], found.labels[cell.predicted]
        title = f"{label} taken for {predicted}" if label != predicted else f"{label}, the least sure"
        clips = [_recording(model, int(i), room // total) for i in cell.clips]
        shown = tuple(clip for clip in clips if clip.audio)
        if shown:
            yield Recordings(_anchor(prefix, cell.label, cell.predicted), title, shown)


def _recording(model: EvaluatedModel, index: int, room: int) -> Recording:
    found = model.evaluation
    share = 100 * found.probabilities[index].max()
    caption = f"{found.clips[index].id}: {found.labels[found.predictions[index]]}, {share:.1f} % sure"
    picture = feature_picture(model.upright(model.features(np.array([index]))[0, 0]))
    sound = sound_uri(np.array(model.clips.clip(index)), model.predictor.spec.sample_rate, room - len(picture))
    return Recording(caption, sound, picture)
