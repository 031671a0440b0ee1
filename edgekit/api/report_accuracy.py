"""Sections of a report about what models get right: scores, groups, confusion with clips to listen to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.api.report_clips import MOST_CLASSES, interesting_cells, matrix_of, recordings
from edgekit.api.report_facts import ReportedRun
from edgekit.report import run_figures
from edgekit.report.evaluation_figures import group_bars, reliability_diagram
from edgekit.report.evaluation_tables import GROUPS, calibration_table, comparison_table, group_tables, scores_table
from edgekit.report.page import Figure, Matrix, Recordings, Section, Table

_MOST_BARS = 40

Json = Mapping[str, Any]


def accuracy_sections(run: ReportedRun, anchor: str, room: int) -> Iterator[Section]:
    """Scores, confusion, clips to listen to and groups of the float and of the integer model.

    Args:
        run: the run.
        anchor: what the anchors of clips begin with, unique in the page.
        room: bytes that its sound may take.
    """
    for role, model in (("float", run.float_model), ("int8", run.int8_model)):
        entry = run.facts["evaluations"][role]
        if entry is None:
            continue
        heard: tuple[Recordings, ...] = ()
        matrices: tuple[Matrix, ...] = ()
        if model is not None and model is run.primary and room:
            heard = tuple(recordings(model, interesting_cells(model.evaluation), anchor, room))
        if model is not None and len(entry["labels"]) <= MOST_CLASSES:
            matrices = (matrix_of(model.evaluation, heard, anchor),)
        drawn = [Figure(reliability_diagram(entry["calibration"]["bins"]), f"Reliability diagram of {entry['model']}.")]
        drawn += _group_figures(entry)
        shown = {figure.data for figure in drawn}
        folded = tuple(table for table in group_tables(entry) if table not in shown)
        tables = (scores_table(entry), calibration_table(entry["calibration"]))
        yield Section(f"{role} accuracy", (), tables, tuple(drawn), matrices, heard, folded=folded)


def _group_figures(entry: Json) -> Iterator[Figure]:
    """Bars of each group that is not too large, with its table."""
    tables = {table.header[0]: table for table in group_tables(entry)}
    for group in ("label", *GROUPS):
        rows = entry.get(f"by_{group}", {})
        if 1 < len(rows) <= _MOST_BARS:
            title = f"accuracy by {group}"
            yield Figure(group_bars(rows, title), f"{entry['model']}: {title}.", tables.get(group))


def float_beside_int8(facts: Json) -> Section | None:
    """Accuracy by label before and after quantization, and the paired comparison; None unless both are known."""
    before, after = facts["evaluations"]["float"], facts["evaluations"]["int8"]
    if before is None or after is None:
        return None
    labels = [label for label in after["by_label"] if label in before["by_label"]]
    rows = [(name, before["by_label"][name]["accuracy"], after["by_label"][name]["accuracy"]) for name in labels]
    table = Table(
        ("label", "float", "int8"),
        tuple((name, *(f"{100 * share:.2f} %" for share in shares)) for name, *shares in rows),
        frozenset({1, 2}),
    )
    figures_ = (Figure(run_figures.paired_bars(rows, ("float", "int8")), "Accuracy by label, float and int8.", table),)
    tables = (comparison_table(facts["quantization"]),) if facts["quantization"] else ()
    return Section("float beside int8", tables=tables, figures=figures_ if len(rows) <= _MOST_BARS else ())
