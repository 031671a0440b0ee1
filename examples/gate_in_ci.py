"""Gate the models of a repository in CI: every model against a budget, a report for the pull request, an exit code.

    python examples/gate_in_ci.py models --budget dcase2024-task1 --report gate.md

Exit code 0: all within the budget; 1: one is over it; 2: one could not be decided, which is no pass. The command line
does the same (``edgekit check-budget``); this is for a CI job that wants to add what it knows, here the accuracy that
the training wrote beside each model.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import edgekit

SUFFIXES = (".onnx", ".tflite")


def measured(model: Path) -> dict[str, float]:
    """Accuracy from ``NAME.metrics.json`` beside the model, where there is one."""
    path = model.with_suffix(".metrics.json")
    return {"accuracy": json.loads(path.read_text("utf-8"))["accuracy"]} if path.is_file() else {}


def main() -> int:
    """Judge every model and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--budget", default="thesis-128kB-30MMAC", help="a name or a TOML file")
    parser.add_argument("--report", type=Path, help="Markdown for the pull request")
    given = parser.parse_args()
    models = sorted(path for path in given.folder.rglob("*") if path.suffix in SUFFIXES)
    if not models:
        print(f"no model below {given.folder}", file=sys.stderr)
        return 2
    lines = ["| model | verdict | parameters | MACs | what to change |", "|---|---|---:|---:|---|"]
    codes = []
    for path in models:
        verdict = edgekit.check_budget(path, given.budget, measured=measured(path))
        codes.append(verdict.exit_code)
        for model in verdict.models:
            counts = [model.quantities.get(key) for key in ("parameters", "macs_true")]
            shown = [f"{count.value:,}" if count else "?" for count in counts]
            open_ = [f"{finding.message} ({finding.mend})" for finding in model.findings if finding.outcome != "pass"]
            lines.append(f"| {path.name} | {model.outcome} | {' | '.join(shown)} | {'; '.join(open_)} |")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if given.report:
        given.report.write_text(text, encoding="utf-8")
    # A model over the budget is worse news than one that is not decided.
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())
