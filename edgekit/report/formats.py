"""The formats of a verdict by name."""

from __future__ import annotations

from edgekit.core.verdict import Verdict

FORMATS: tuple[str, ...] = ("text", "json", "github", "junit", "sarif", "markdown")


def render_verdict(verdict: Verdict, form: str, why: bool = False) -> str:
    """The verdict in one of :data:`FORMATS`, ending in a newline where it is not empty.

    Args:
        verdict: the answer of the gate.
        form: name of the format.
        why: add the table of layers, where the format has one.
    """
    if form == "json":
        import json

        from edgekit.report.json import verdict_json

        return json.dumps(verdict_json(verdict, why), indent=2, allow_nan=False) + "\n"
    if form == "github":
        from edgekit.report.github import verdict_github

        return verdict_github(verdict, why)
    if form == "junit":
        from edgekit.report.junit import verdict_junit

        return verdict_junit(verdict, why)
    if form == "sarif":
        from edgekit.report.sarif import verdict_sarif

        return verdict_sarif(verdict, why)
    if form == "markdown":
        from edgekit.report.markdown import verdict_markdown

        return verdict_markdown(verdict, why)
    from edgekit.report.text import verdict_text

    return verdict_text(verdict, why)
