"""How often to listen to a clip of ESC-10, chosen without the fold that is tested.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/accuracy_hop.py --work runs/accuracy

The hop of the windows is a choice of evaluation. Here each of the folds 1 to 4 gets the hop that does best on another
fold, with a model that heard neither of the two; the final model of the campaign (``accuracy.py``, step "final", which
must have run in the same folder) is then scored with that hop. Of equal hops the longest, which costs least, counts.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accuracy import digests, table
from accuracy_esc import FOLDS
from accuracy_run import FLOAT_RUN, INT8_FILE, Workplace
from results_file import write_results

from edgekit.api.evaluate import evaluate
from edgekit.api.train import train
from edgekit.data.manifest import Manifest

HOPS_MS = (1000, 500, 250, 125)
RECIPE = "sounds-dscnn"


def inner_scores(place: Workplace, data: Manifest, tested: int, chosen_on: int) -> dict[int, float]:
    """Accuracy on ``chosen_on`` by hop, of a model that heard neither it nor ``tested``."""
    run = place.work / "runs" / f"esc10-hop-{tested}-{chosen_on}"
    train(RECIPE, data, run, train_select=f"fold!={tested},{chosen_on}", valid_select="none", device="cpu")
    return {hop: evaluate(run, data, select=f"fold={chosen_on}", hop_ms=hop).scores.accuracy for hop in HOPS_MS}


def best_hop(scores: Mapping[int, float]) -> int:
    """The hop with the highest accuracy, the longest of equals."""
    return max(scores, key=lambda hop: (scores[hop], hop))


def rows_of(place: Workplace, data: Manifest) -> list[dict[str, Any]]:
    """One row a fold."""
    experiments = table()
    digest = digests(experiments)
    rows: list[dict[str, Any]] = []
    for tested in FOLDS:
        chosen_on = tested % len(FOLDS) + 1
        scores = inner_scores(place, data, tested, chosen_on)
        hop = best_hop(scores)
        name = f"esc10/final/{tested}"
        final = place.folder(name, digest[name])
        models = {"float": final / FLOAT_RUN, "int8": final / INT8_FILE}
        heard = {key: evaluate(model, data, select=f"fold={tested}", hop_ms=hop) for key, model in models.items()}
        rows.append(
            {
                "fold": tested,
                "chosen_on": chosen_on,
                **{f"inner_{key}_ms": scores[key] for key in HOPS_MS},
                "hop_ms": hop,
                **{f"{key}_accuracy": item.scores.accuracy for key, item in heard.items()},
            }
        )
    return rows


def main() -> None:
    """Choose, score and write ``results/accuracy_hop.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("EDGEKIT_DATA"), help="folder with the real data sets")
    parser.add_argument("--work", type=Path, default=Path("runs/accuracy"), help="folder of the campaign")
    options = parser.parse_args()
    if not options.data:
        parser.error("set EDGEKIT_DATA or give --data")
    place = Workplace(Path(options.data), options.work)
    rows = rows_of(place, place.manifest("esc10"))
    means = {key: sum(row[key] for row in rows) / len(rows) for key in ("float_accuracy", "int8_accuracy")}
    write_results("accuracy_hop", rows, mean=means)


if __name__ == "__main__":
    main()
