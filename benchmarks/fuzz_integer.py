"""Random integer graphs: the integer interpreter against every other implementation, byte for byte.

    python benchmarks/fuzz_integer.py [--cases 10000] [--first 0] [--oracles litert,tflm,host] [--shards DIR] [--again]
    python benchmarks/fuzz_integer.py --cases 1000 --oracles cortex-m4,cortex-m55 --shards DIR --results fuzz_cores

Graphs come from tests/random_graphs.py, one for every seed. Oracles (tests/fuzz_oracles.py): ``litert`` (reference
kernels, node by node on LiteRT's own inputs), ``tflm`` (the interpreter on the written file), ``host`` (generated C
under AddressSanitizer and UndefinedBehaviorSanitizer, -Wconversion -Werror), ``dsp-twin``, ``mve-twin`` and
``neon-twin`` (the same with the sources of those kernels), ``cortex-m4`` (image in unicorn) and ``cortex-m55`` (image
in QEMU).

Every 100 seeds of an oracle are one file in the folder of shards: what is there is not done again, and several runs
may fill one folder. ``--again`` repeats those shards that hold a disagreement. The result counts all shards of the
folder. Exits 1 when any disagreement is in it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from results_file import write_results

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from fuzz_oracles import ORACLES, VERDICTS, cases

from edgekit.core.files import write_json

SHARD = 100
ON_CORES = 50
"""Models in one image, which has to fit its board."""


def main() -> int:
    """Fill the folder of shards and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--oracles", default="litert,tflm,host")
    parser.add_argument("--shards", type=Path, default=Path(tempfile.gettempdir()) / "edgekit-fuzz-integer")
    parser.add_argument("--again", action="store_true", help="repeat shards with a disagreement")
    parser.add_argument("--results", default="fuzz_integer", help="name of the result file")
    parser.add_argument("--until", type=float, default=float("inf"), help="seconds after which no shard is begun")
    options = parser.parse_args()
    wanted = options.oracles.split(",")
    if unknown := set(wanted) - set(ORACLES):
        parser.error(f"no oracle {', '.join(sorted(unknown))}; there are {', '.join(ORACLES)}")
    options.shards.mkdir(parents=True, exist_ok=True)
    if options.again:
        _forget_disagreements(options.shards)
    begin = time.monotonic()
    for first in range(options.first, options.first + options.cases, SHARD):
        if time.monotonic() - begin > options.until:
            break
        _fill(first, wanted, options.shards)
    rows, disagreements, causes = _summary(options.shards)
    write_results(options.results, rows, causes=causes, disagreements=disagreements)
    return 1 if disagreements else 0


def _fill(first: int, wanted: list[str], folder: Path) -> None:
    """The shards of one hundred seeds that are not there yet."""
    missing = {oracle: folder / f"{oracle}-{first:08d}.json" for oracle in wanted}
    missing = {oracle: path for oracle, path in missing.items() if not path.exists()}
    if not missing:
        return
    batch = cases(first, SHARD)
    for oracle, path in missing.items():
        step = ON_CORES if oracle.startswith("cortex") else SHARD
        parts = [vars(ORACLES[oracle](batch[i : i + step])) for i in range(0, SHARD, step)]
        write_json(path, {"oracle": oracle, "first": first, "count": SHARD, "parts": parts})
        seen = sum((Counter(part["graphs"]) for part in parts), Counter())
        print(f"{oracle} {first}: {dict(seen)}", file=sys.stderr, flush=True)


def _forget_disagreements(folder: Path) -> None:
    for path in folder.glob("*.json"):
        if any(part["disagreements"] for part in json.loads(path.read_text())["parts"]):
            os.remove(path)


def _summary(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, dict[str, int]]]:
    """Rows by oracle and operator (first a row for whole graphs), every disagreement, and counts of causes."""
    rows: dict[tuple[str, str], Counter[str]] = {}
    causes: dict[str, Counter[str]] = {}
    disagreements = []
    for path in sorted(folder.glob("*.json")):
        shard = json.loads(path.read_text())
        oracle = shard["oracle"]
        for part in shard["parts"]:
            rows.setdefault((oracle, ""), Counter()).update(part["graphs"])
            for name, counts in part["operators"].items():
                rows.setdefault((oracle, name), Counter()).update(counts)
            causes.setdefault(oracle, Counter()).update(part["causes"])
            disagreements += [{"oracle": oracle, "seed": seed, "said": said} for seed, said in part["disagreements"]]
    order = {oracle: i for i, oracle in enumerate(ORACLES)}
    table = [
        {"oracle": oracle, "operator": name or "whole graphs", **{verdict: counts[verdict] for verdict in VERDICTS}}
        for (oracle, name), counts in sorted(rows.items(), key=lambda item: (order[item[0][0]], item[0][1]))
    ]
    return table, disagreements, {oracle: dict(sorted(counts.items())) for oracle, counts in causes.items()}


if __name__ == "__main__":
    sys.exit(main())
