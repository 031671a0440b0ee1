"""Random row groups: layers cut into tiles at random, and the bytes of their C against the integer interpreter's.

    python benchmarks/fuzz_rows.py [--cases 300] [--first 2000] [--oracles host,dsp-twin,mve-twin,cortex-m4,cortex-m55]

Graphs and groups come from tests/random_rows.py, one for every seed: chains and residual sums of convolutions, pools,
pads and functions, cut wherever they can be, with tiles of random height. Oracles as in fuzz_integer.py. The planner
would choose few of these groups; here every graph has one. Results are written after every batch. Exits 1 when any byte
differs.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from results_file import write_results

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from fuzz_oracles import ORACLES, VERDICTS
from random_rows import cut_into_rows, random_groups, rows_cases

BATCH = 50
"""Models in one image, which has to fit its board."""


def main() -> int:
    """Run all oracles and write ``benchmarks/results/fuzz_rows.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--first", type=int, default=2000)
    parser.add_argument("--oracles", default="host,dsp-twin,mve-twin,cortex-m4,cortex-m55")
    options = parser.parse_args()
    names = options.oracles.split(",")
    seen: dict[str, Counter[str]] = {name: Counter() for name in names}
    groups: Counter[int] = Counter()
    disagreements = []
    for first in range(options.first, options.first + options.cases, BATCH):
        batch = rows_cases(first, min(BATCH, options.first + options.cases - first))
        groups.update(len(group.nodes) for case in batch for group in random_groups(case.graph, case.seed))
        with cut_into_rows({case.graph.name: case.seed for case in batch}):
            for name in names:
                tally = ORACLES[name](batch)
                seen[name].update(tally.graphs)
                disagreements += [{"oracle": name, "seed": seed, "said": said} for seed, said in tally.disagreements]
        rows = [{"oracle": name, **{verdict: counts[verdict] for verdict in VERDICTS}} for name, counts in seen.items()]
        layers = {f"groups of {count}": groups[count] for count in sorted(groups)}
        write_results("fuzz_rows", rows, first=options.first, groups=layers, disagreements=disagreements)
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
