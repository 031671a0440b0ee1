"""Verdicts as JUnit XML: a test suite a model and budget, a test case a rule."""

from __future__ import annotations

from xml.etree import ElementTree

from edgekit.core.verdict import Finding, ModelVerdict, Verdict
from edgekit.report.plain import plain
from edgekit.report.quantities import suggestion_lines

_KINDS = {"fail": "failure", "undecided": "error"}
"""A limit that is exceeded is a failure; one that could not be decided is an error."""


def verdict_junit(verdict: Verdict, why: bool = False) -> str:
    """The document, with the sums that readers of JUnit expect."""
    root = ElementTree.Element("testsuites", {"name": "edgekit check-budget", **_sums(_findings(verdict))})
    for model in verdict.models:
        root.append(_suite(model))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _findings(verdict: Verdict) -> list[Finding]:
    return [finding for model in verdict.models for finding in model.findings]


def _suite(model: ModelVerdict) -> ElementTree.Element:
    name = plain(f"{model.path} against {model.budget}")
    suite = ElementTree.Element("testsuite", {"name": name, **_sums(list(model.findings))})
    for finding in model.findings:
        suite.append(_case(model, finding))
    hints = suggestion_lines(model)
    if hints:
        ElementTree.SubElement(suite, "system-out").text = plain("\n".join(hints), keep="\n")
    return suite


def _case(model: ModelVerdict, finding: Finding) -> ElementTree.Element:
    path = plain(model.path)
    case = ElementTree.Element("testcase", classname=path, name=plain(finding.rule), file=path, time="0")
    if finding.outcome != "pass":
        message, outcome = plain(finding.message), finding.outcome
        problem = ElementTree.SubElement(case, _KINDS[outcome], message=message, type=outcome)
        lines = [f"{title}: {text}" for title, text in _details(finding) if text]
        problem.text = plain("\n".join(lines), keep="\n")
    return case


def _details(finding: Finding) -> tuple[tuple[str, str], ...]:
    return ("rule", finding.demand), ("where", finding.where), ("mend", finding.mend)


def _sums(findings: list[Finding]) -> dict[str, str]:
    outcomes = [finding.outcome for finding in findings]
    failures, errors = outcomes.count("fail"), outcomes.count("undecided")
    return {"tests": str(len(outcomes)), "failures": str(failures), "errors": str(errors), "skipped": "0", "time": "0"}
