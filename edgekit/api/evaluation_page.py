"""The page about an evaluation: every model's scores, calibration, groups, errors and insides, and the comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.api.evaluation_clips import EvaluatedModel, worst_section
from edgekit.api.evaluation_insight import insight_sections
from edgekit.api.report_files import read_history
from edgekit.core import run_files
from edgekit.report import figures
from edgekit.report.confusion import confusion_matrix
from edgekit.report.evaluation_figures import group_bars, reliability_diagram
from edgekit.report.evaluation_tables import (
    GROUPS,
    calibration_table,
    comparison_table,
    group_tables,
    scores_table,
    submission_table,
)
from edgekit.report.page import Figure, Page, Section, write_page

if TYPE_CHECKING:
    from edgekit.api.evaluation_result import EvaluationResult

_MOST_BARS = 40
_MOST_CLASSES = 24

Json = Mapping[str, Any]


def write_evaluation_page(result: EvaluationResult, models: list[EvaluatedModel], page: Path) -> None:
    """Write the page of ``result``.

    Args:
        result: of :func:`edgekit.api.evaluate.evaluate_models`.
        models: those of ``result``, in its order; an ensemble of them has no entry here.
        page: the ``.html`` to write.
    """
    report = result.to_json()
    sections = list(_comparisons(report))
    for number, entry in enumerate(report["results"]):
        sections += [_scores(entry), _groups(entry)]
        if number < len(models):
            model = models[number]
            sections += [*_training(model), worst_section(model), *insight_sections(model)]
    names = ", ".join(entry["model"] for entry in report["results"])
    write_page(Page(f"edgekit: {names}", f"Evaluated on {len(models[0].clips):,} clips.", tuple(sections)), page)


def _comparisons(report: Json) -> Iterator[Section]:
    tables = [comparison_table(comparison) for comparison in report["comparisons"]]
    if report["submissions"]:
        tables.append(submission_table(report["submissions"]))
    if tables:
        yield Section("Comparison", tables=tuple(tables))


def _scores(entry: Json) -> Section:
    name, labels = entry["model"], entry["labels"]
    drawn = [Figure(reliability_diagram(entry["calibration"]["bins"]), f"Reliability diagram of {name}.")]
    if len(labels) <= _MOST_CLASSES:
        matrix = confusion_matrix(labels, np.array(entry["confusion"]), "confusion")
        drawn.append(Figure(matrix, f"Confusion matrix of {name}."))
    tables = (scores_table(entry), calibration_table(entry["calibration"]))
    return Section(f"{name}: scores", tables=tables, figures=tuple(drawn))


def _groups(entry: Json) -> Section:
    drawn = []
    for group in ("label", *GROUPS):
        rows = entry.get(f"by_{group}", {})
        if 1 < len(rows) <= _MOST_BARS:
            title = f"accuracy by {group}"
            drawn.append(Figure(group_bars(rows, title), f"{title} of {entry['model']}."))
    return Section(f"{entry['model']}: groups", tables=tuple(group_tables(entry)), figures=tuple(drawn))


def _training(model: EvaluatedModel) -> Iterator[Section]:
    if (model.path / run_files.HISTORY).is_file():
        history = read_history(model.path / run_files.HISTORY)
        drawn = Figure(figures.learning_curves(history), f"Learning curves of {model.name} over {len(history)} epochs.")
        yield Section(f"{model.name}: training", figures=(drawn,))
