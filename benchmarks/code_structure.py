"""Figures of the code's structure at an earlier commit and now: lengths, tests against source, docstrings, circles.

    .venv/bin/python benchmarks/code_structure.py --since COMMIT

The figures are those of ``scripts/structure.py``; of a list the result has how many, and its names for now.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from results_file import write_results

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from structure import at_commit, figures


def main() -> None:
    """Print the table and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--since", required=True, metavar="COMMIT", help="the earlier commit")
    since = parser.parse_args().since
    before, now = at_commit(since), figures()
    rows = [
        {"figure": name.replace("_", " "), "before": _value(before[name]), "now": _value(now[name])} for name in now
    ]
    write_results(
        "code_structure", rows, since=since, names={k: v for k, v in now.items() if isinstance(v, list) and v}
    )


def _value(figure: object) -> object:
    return len(figure) if isinstance(figure, list) else figure


if __name__ == "__main__":
    main()
