"""Verdicts as workflow commands of GitHub Actions: one annotation a finding that did not pass.

Commands and their escaping: GitHub Docs, "Workflow commands for GitHub Actions"; the toolkit's ``command.ts`` escapes
%, CR and LF in messages, and : and , in properties as well.
"""

from __future__ import annotations

from edgekit.core.verdict import Finding, ModelVerdict, Verdict
from edgekit.report.plain import plain
from edgekit.report.quantities import suggestion_lines

_LEVELS = {"fail": "error", "undecided": "error", "pass": "notice"}


def verdict_github(verdict: Verdict, why: bool = False) -> str:
    """One line a finding that fails or is undecided, and a notice for each model that passes."""
    lines = [line for model in verdict.models for line in _model_lines(model)]
    return "".join(f"{line}\n" for line in lines)


def annotation(level: str, message: str, *, file: str = "", title: str = "") -> str:
    """One workflow command; nothing in the texts can end it or start another."""
    properties = [f"{key}={_property(value)}" for key, value in (("file", file), ("title", title)) if value]
    return f"::{level} {','.join(properties)}::{_data(message)}"


def _model_lines(model: ModelVerdict) -> list[str]:
    lines = [_finding_line(model, finding) for finding in model.findings if finding.outcome != "pass"]
    hints = suggestion_lines(model)
    if hints:
        title = f"{model.budget}: what would reach it"
        lines.append(annotation("notice", "\n".join(hints), file=model.path, title=title))
    if not lines:
        lines.append(annotation("notice", f"keeps every limit of {model.budget}", file=model.path, title=model.budget))
    return lines


def _finding_line(model: ModelVerdict, finding: Finding) -> str:
    parts = [finding.message]
    if finding.demand:
        parts.append(f"rule: {finding.demand}")
    if finding.mend:
        parts.append(f"mend: {finding.mend}")
    title = f"{model.budget}: {finding.rule} {finding.outcome}"
    return annotation(_LEVELS[finding.outcome], "\n".join(parts), file=model.path, title=title)


def _data(text: str) -> str:
    return plain(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
