"""A report about runs as Markdown, and as the model card of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgekit.report.evaluation_tables import GROUPS, comparison_table, group_tables, scores_table
from edgekit.report.markdown import table as markdown_table
from edgekit.report.page import Table
from edgekit.report.plain import markdown
from edgekit.report.run_tables import (
    accuracy_text,
    costs_table,
    count_text,
    failures,
    frontend_table,
    layers_table,
    measurements_table,
    on_chip_text,
    outcome,
    pareto_table,
    provenance_tables,
    summary_table,
    verdict_tables,
)

Json = Mapping[str, Any]


def report_markdown(report: Json) -> str:
    """Every table of the page."""
    parts = ["# Report\n", _table(summary_table(report["runs"]))]
    if report["comparison"]:
        found = report["comparison"]
        parts.append(f"## {markdown(found['a'])} → {markdown(found['b'])}\n")
        parts += [f"- {markdown(text)}\n" for text in found["missing"]]
        if found["answers"]:
            parts.append(_table(comparison_table(found["answers"])))
        parts.append(_table(costs_table(*report["runs"][:2])))
    if report["pareto"]:
        parts += ["## Pareto front\n", _table(pareto_table(report["pareto"]))]
    for run in report["runs"]:
        parts += [f"## {markdown(run['name'])}\n", *_run(run)]
    return "\n".join(parts)


def _run(run: Json) -> Iterator[str]:
    yield from _list(f"{item['what']} missing: {item['mend']}" for item in run["missing"])
    for entry in filter(None, run["evaluations"].values()):
        yield _table(scores_table(entry))
        yield from (_table(item) for item in group_tables(entry))
    if run["quantization"]:
        yield _table(comparison_table(run["quantization"]))
    if run["verdict"]:
        yield from _list(failures(run))
        yield from (_table(item) for item in verdict_tables(run))
    if run["layers"]:
        yield _table(layers_table(run))
    if run["on_chip"]:
        yield f"{on_chip_text(run['on_chip'])}\n"
    if run["measurements"]:
        yield _table(measurements_table(run["measurements"]))
    if run["frontend"]:
        yield _table(frontend_table(run["frontend"]))
    yield from (_table(item) for item in provenance_tables(run))


def model_card(run: Json) -> str:
    """A model card (Mitchell et al. 2019) of one run; what edgekit cannot know is left for its author, and says so."""
    return "\n".join([f"# Model card: {markdown(run['name'])}\n", *_card(run)])


def _card(run: Json) -> Iterator[str]:
    evaluations = list(filter(None, run["evaluations"].values()))
    yield "## Model\n"
    yield _table(Table(("", ""), tuple(_identity(run))))
    yield "## Intended use\n"
    labels = ", ".join(markdown(label) for label in run["labels"] or ()) or "not known"
    yield f"Tells {len(run['labels'] or ())} classes of short audio apart: {labels}.\n"
    yield "*To be written by its author: for whom, for what, and for what not.*\n"
    yield "## Evaluation\n"
    if not evaluations:
        yield "Not evaluated.\n"
    for entry in evaluations:
        yield _table(scores_table(entry))
    if run["quantization"]:
        yield _table(comparison_table(run["quantization"]))
    yield "## Groups\n"
    device = evaluations[-1] if evaluations else {}
    if not evaluations:
        yield "Not evaluated.\n"
    elif any(f"by_{name}" in device for name in GROUPS):
        yield from (_table(item) for item in group_tables(device))
    else:
        yield "No recording names a device, speaker or fold: how the model does on them is not known.\n"
    yield "## Costs\n"
    if run["verdict"]:
        yield from _list(failures(run))
        yield from (_table(item) for item in verdict_tables(run))
    if run["measurements"]:
        yield _table(measurements_table(run["measurements"]))
    yield "## Limits\n"
    yield from _list(f"Not in this card: {item['what']} ({item['mend']})." for item in run["missing"])
    yield "*To be written by its author: licences of the recordings, consent of the speakers, known failures.*\n"
    yield "## Provenance\n"
    yield from (_table(item) for item in provenance_tables(run))


def _identity(run: Json) -> Iterator[tuple[str, str]]:
    frontend = run["frontend"]
    if frontend:
        spec = frontend["spec"]
        yield (
            "input",
            f"{spec['kind']}, {frontend['bins']} bins × {frontend['frames']} frames, {spec['sample_rate']:,} Hz",
        )
        yield "front-end digest", frontend["digest"]
    for role, entry in run["evaluations"].items():
        yield f"{role} accuracy (95 % by clip)", accuracy_text(entry)
    for name, key in (("parameters", "parameters"), ("MACs", "macs_true"), ("parameter memory", "parameter_bytes")):
        yield name, count_text(run, key)
    yield "budget", outcome(run)


def _table(item: Table) -> str:
    heads = [f">{markdown(head)}" if n in item.numeric else markdown(head) for n, head in enumerate(item.header)]
    title = f"**{markdown(item.caption)}**\n\n" if item.caption else ""
    return title + markdown_table(heads, [[markdown(cell) for cell in row] for row in item.rows])


def _list(texts: Iterator[str] | Sequence[str]) -> Iterator[str]:
    lines = [f"- {markdown(text)}" for text in texts]
    if lines:
        yield "\n".join(lines) + "\n"
