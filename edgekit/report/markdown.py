"""Verdicts as Markdown, for the summary of a CI job or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgekit.core.verdict import Finding, ModelVerdict, Verdict
from edgekit.report.plain import markdown
from edgekit.report.quantities import amount, rows, suggestion_lines, unread

MARKS = {"pass": "✅ pass", "fail": "❌ fail", "undecided": "❔ undecided"}
_MOST_LAYERS = 200


def verdict_markdown(verdict: Verdict, why: bool = False) -> str:
    """A heading with the verdict, then a section a model and budget."""
    parts = [f"## Budget: {MARKS[verdict.outcome]}\n"]
    parts += [_section(model, why) for model in verdict.models]
    return "\n".join(parts)


def table(columns: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    """A Markdown table of cells that are escaped already; a heading that starts with ">" is right-aligned."""
    heads = " | ".join(column.removeprefix(">") for column in columns)
    aligned = "|".join("---:" if column.startswith(">") else "---" for column in columns)
    body = "".join(f"| {' | '.join(row)} |\n" for row in cells)
    return f"| {heads} |\n|{aligned}|\n{body}"


def _section(model: ModelVerdict, why: bool) -> str:
    parts = [f"### {markdown(model.path)} against {markdown(model.budget)}: {MARKS[model.outcome]}\n\n"]
    if not unread(model):
        cells = [
            (markdown(name), amount(actual), amount(finding.limit) if finding else "", _mark(finding))
            for name, actual, finding in rows(model)
        ]
        parts.append(table(("count", ">actual", ">limit", "verdict"), cells))
    findings = [_item(finding) for finding in model.findings if finding.outcome != "pass"]
    if findings:
        parts.append("\n" + "".join(findings))
    hints = [f"- {markdown(line)}\n" for line in suggestion_lines(model)]
    if hints:
        parts.append("\nWhat would reach it (accuracy has to be measured again):\n\n" + "".join(hints))
    if why and model.layers:
        parts.append(_layers(model))
    return "".join(parts)


def _mark(finding: Finding | None) -> str:
    return MARKS[finding.outcome] if finding else ""


def _item(finding: Finding) -> str:
    mend = f" Mend: {markdown(finding.mend)}." if finding.mend else ""
    return f"- **{markdown(finding.rule)}**: {markdown(finding.message)}. {markdown(finding.demand)}{mend}\n"


def _layers(model: ModelVerdict) -> str:
    """The table of layers, folded away; the costliest when there are too many for a page."""
    shown = sorted(model.layers, key=lambda layer: -(layer["macs_true"] or 0))[:_MOST_LAYERS]
    chosen = {id(layer) for layer in shown}
    cells = [
        (
            markdown(layer["name"]),
            markdown(layer["op"]),
            markdown(layer["output"]),
            f"{layer['parameters']:,}",
            *("?" if layer[key] is None else f"{layer[key]:,}" for key in ("macs_true", "macs_dcase")),
        )
        for layer in model.layers
        if id(layer) in chosen
    ]
    columns = ("layer", "operator", "output", ">parameters", ">MACs true", ">MACs dcase")
    return f"\n<details><summary>{len(cells)} layers</summary>\n\n{table(columns, cells)}\n</details>\n"
