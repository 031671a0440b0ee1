"""The accuracy campaign: students under 128,000 parameters and 30 true MMAC a window on real recordings.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/accuracy.py --work runs/accuracy [--only dataset=fsdd,step=final]

Keyword experiments stand in ``accuracy_kws.py`` and ``accuracy_ablation.py``, environmental sounds in
``accuracy_esc.py``, what was tried before on inner folds in ``accuracy_inner.py``. A finished experiment is
one line of ``WORK/rows.jsonl``, keyed by its name and the digest of its recipe and of everything it needs: the campaign
can be stopped at any time, goes on where it was, and repeats only what was changed. ``--report`` trains nothing and
writes what is there. The whole campaign takes hours on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import accuracy_ablation
import accuracy_esc
import accuracy_inner
import accuracy_kws
from accuracy_run import Experiment, Workplace, run_experiment
from accuracy_summary import summarise
from results_file import write_results

from edgekit.api.train import resolve_recipe
from edgekit.cli.progress import progress_bar
from edgekit.data.synth.config import SynthConfig

ROWS = "rows.jsonl"


def table() -> dict[str, Experiment]:
    """All experiments by name."""
    modules = (accuracy_kws, accuracy_ablation, accuracy_esc, accuracy_inner)
    every = [experiment for module in modules for experiment in module.experiments()]
    names = [experiment.name for experiment in every]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SystemExit(f"two experiments are named {min(twice)}")
    return dict(zip(names, every, strict=True))


def sets() -> dict[str, SynthConfig]:
    """All synthetic sets by name."""
    return {**accuracy_kws.SETS, **accuracy_esc.SETS, **accuracy_inner.INNER_SETS}


def digests(experiments: dict[str, Experiment]) -> dict[str, str]:
    """Digest of every experiment, over those that it needs."""
    found: dict[str, str] = {}

    def digest(name: str) -> str:
        if name not in found:
            needed = {need: digest(need) for need in experiments[name].needs}
            found[name] = experiments[name].digest(needed, sets())
        return found[name]

    for name in experiments:
        digest(name)
    return found


def in_order(wanted: Sequence[str], experiments: dict[str, Experiment]) -> list[str]:
    """``wanted`` and what they need, each after what it needs."""
    order: list[str] = []

    def put(name: str) -> None:
        for need in experiments[name].needs:
            put(need)
        if name not in order:
            order.append(name)

    for name in wanted:
        put(name)
    return order


def matches(experiment: Experiment, only: str | None) -> bool:
    """Whether the experiment has all the values that ``--only a=b,c=d`` names; * at the end stands for anything."""
    for term in only.split(",") if only else ():
        key, equals, value = term.partition("=")
        if not equals or not hasattr(experiment, key):
            raise SystemExit(f"--only {term}: write for instance dataset=fsdd,step=final")
        actual = str(getattr(experiment, key))
        if not (actual.startswith(value[:-1]) if value.endswith("*") else actual == value):
            return False
    return True


class Rows:
    """Finished rows, one JSON line each; the last of the same name and digest counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[tuple[str, str], dict[str, Any]] = {}
        for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
            row = json.loads(line)
            self.found[row["name"], row["digest"]] = row

    def put(self, row: dict[str, Any]) -> None:
        """Keep a row, on the disk first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.found[row["name"], row["digest"]] = row


def campaign(names: Sequence[str], experiments: dict[str, Experiment], place: Workplace, rows: Rows) -> None:
    """Run what is not there yet."""
    digest = digests(experiments)
    for name in names:
        if (name, digest[name]) in rows.found:
            continue
        experiment = experiments[name]
        needed = {need: place.folder(need, digest[need]) for need in experiment.needs}
        started = time.monotonic()
        row = run_experiment(experiment, place.folder(name, digest[name]), needed, place)
        rows.put(row | {"digest": digest[name], "seconds": round(time.monotonic() - started, 1)})
        print(f"{name}: float {row['float_accuracy']:.4f}, int8 {row['int8_accuracy']}", flush=True)


def epochs(experiment: Experiment) -> int:
    """Passes over the training clips (of a join: of each of its members)."""
    return resolve_recipe(experiment.recipe, () if experiment.joins else experiment.settings).schedule.epochs


def report(experiments: dict[str, Experiment], rows: Rows) -> None:
    """Write the rows of experiments as they stand now, and their summary."""
    digest = digests(experiments)
    found = {name: rows.found[name, digest[name]] for name in experiments if (name, digest[name]) in rows.found}
    current = [row | {"epochs": epochs(experiments[name])} for name, row in found.items()]
    summary = summarise(current)
    write_results("accuracy", current, summary=summary, chosen=[accuracy_kws.CHOSEN, accuracy_esc.CHOSEN])
    for line in summary:
        low_high = line["int8_accuracy_interval"]
        shown = "" if low_high is None else f"  [{100 * low_high[0]:.1f}, {100 * low_high[1]:.1f}]"
        mean = "–" if line["int8_accuracy"] is None else f"{100 * line['int8_accuracy']:.2f}"
        clips = "" if line["clips"] is None else f", {line['clips']} clips a class"
        title = f"{line['dataset']}, {line['step']}{clips}"
        print(f"{title}: float {100 * line['float_accuracy']:.2f}, int8 {mean}{shown}, n = {line['replicates']}")


def main() -> None:
    """Run the experiments asked for and write the result file with all rows so far."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("EDGEKIT_DATA"), help="folder with the real data sets")
    parser.add_argument("--work", type=Path, default=Path("runs/accuracy"), help="folder of runs and finished rows")
    parser.add_argument("--only", help="field=value,… of the experiments, for instance dataset=fsdd,step=final")
    parser.add_argument("--list", action="store_true", help="name the experiments and leave")
    parser.add_argument("--report", action="store_true", help="run nothing, write what is there")
    options = parser.parse_args()
    experiments = table()
    names = in_order([name for name, item in experiments.items() if matches(item, options.only)], experiments)
    if options.list:
        print("\n".join(names))
        return
    if not options.data:
        parser.error("set EDGEKIT_DATA or give --data")
    rows = Rows(options.work / ROWS)
    if not options.report:
        with progress_bar() as progress:
            campaign(names, experiments, Workplace(Path(options.data), options.work, sets(), progress), rows)
    report(experiments, rows)


if __name__ == "__main__":
    main()
