"""Verdicts as SARIF 2.1.0 (OASIS standard), for code scanning: a result a finding that did not pass.

A limit that is exceeded is an error, one that could not be decided a warning (§3.27.10); what passed is left out, for
viewers show every result. A model file has no lines, so that results stand at its first one, with the layers concerned
as logical locations.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edgekit import __version__
from edgekit.core.digest import digest_json
from edgekit.core.verdict import Finding, ModelVerdict, Verdict
from edgekit.report.plain import plain
from edgekit.report.quantities import suggestion_lines

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"fail": "error", "undecided": "warning"}


def verdict_sarif(verdict: Verdict, why: bool = False) -> str:
    """The log as JSON text."""
    rules: dict[str, dict[str, Any]] = {}
    results = []
    for model in verdict.models:
        for finding in model.findings:
            if finding.outcome != "pass":
                index = _rule_index(rules, finding)
                results.append(_result(model, finding, index))
    driver = {"name": "edgekit", "semanticVersion": __version__, "rules": list(rules.values())}
    run = {"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, allow_nan=False) + "\n"


def _rule_index(rules: dict[str, dict[str, Any]], finding: Finding) -> int:
    """Number of the finding's rule, entered into ``rules`` when it is new."""
    text = plain(finding.demand or finding.rule)
    rule = {"id": finding.rule, "shortDescription": {"text": text}, "defaultConfiguration": {"level": "error"}}
    rules.setdefault(finding.rule, rule)
    return list(rules).index(finding.rule)


def _result(model: ModelVerdict, finding: Finding, index: int) -> dict[str, Any]:
    lines = [finding.message, f"mend: {finding.mend}" if finding.mend else "", *suggestion_lines(model)]
    place: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": _uri(model.path)}, "region": {"startLine": 1}}
    }
    if finding.where and finding.where != model.path:
        place["logicalLocations"] = [{"fullyQualifiedName": plain(finding.where), "kind": "element"}]
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.outcome],
        "message": {"text": plain(f"{model.budget}: " + "\n".join(line for line in lines if line), keep="\n")},
        "locations": [place],
        "partialFingerprints": {"edgekit/v1": digest_json([model.path, model.budget, finding.rule])},
        "properties": {
            "budget": model.budget,
            "outcome": finding.outcome,
            "actual": finding.actual.to_json() if finding.actual else None,
            "limit": finding.limit.to_json() if finding.limit else None,
        },
    }


def _uri(path: str) -> str:
    """A relative path as a relative reference, an absolute one as a file URI (RFC 3986)."""
    posix = Path(path).as_posix() if path else "unknown"
    safe = quote(posix.encode("utf-8", "surrogatepass"), safe="/-._~")
    return f"file://{safe}" if posix.startswith("/") else safe
