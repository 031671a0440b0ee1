"""Every file of the malformed corpus through ``edgekit check-budget``, each in a process of its own.

    python benchmarks/malformed.py

The exit code is 1 unless every case ends without exit code 0, without a traceback, within 2 seconds of processor time
and within 500 MB.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from cases import ROOMY, judge
from malformed_files import write_corpus, write_good
from results_file import write_results

SECONDS, MEGABYTES = 2.0, 500


def main() -> int:
    """Run all cases, write the result; 0 when all were kept."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        budget = folder / "roomy.toml"
        budget.write_text(ROOMY)
        for name, path in write_good(folder / "good"):
            if judge(path, budget).code != 0:
                raise SystemExit(f"the good {name} file does not pass, so the corpus shows nothing")
        for case, path in write_corpus(folder / "files"):
            outcome = judge(path, budget)
            kept = outcome.code in (1, 2) and not outcome.traceback
            kept = kept and outcome.cpu_seconds < SECONDS and outcome.megabytes < MEGABYTES
            rows.append(
                {
                    "case": case,
                    "exit": outcome.code,
                    "seconds": round(outcome.seconds, 3),
                    "cpu_seconds": round(outcome.cpu_seconds, 3),
                    "megabytes": round(outcome.megabytes),
                    "kept": kept,
                    "answer": outcome.line.replace(str(folder), "").strip()[:160],
                }
            )
    worst = {key: max(row[key] for row in rows) for key in ("seconds", "cpu_seconds", "megabytes")}
    failed = [row["case"] for row in rows if not row["kept"]]
    write_results("malformed", rows, cases=len(rows), failed=failed, worst=worst)
    print(f"{len(rows)} cases, {len(failed)} failed; at most {worst}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
