"""Wake words from text, judged on voices that were never synthesised in training and on real recordings.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/wake.py --work runs/wake --words "hey lantern,computer" [--hours 5]

Training has as negatives ESC-10's fold 1, two FSDD speakers and twelve DSPSpeech speakers; the threshold is chosen on
fold 2 and other speakers at one false accept an hour at most; the test has folds 3 and 4 and the speakers that are
left. One row a word; finished words are found again.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from results_file import write_results

from edgekit.api.wake import WakeConfig, evaluate_wake, outcome_json, wake
from edgekit.api.wake_data import WakeSet
from edgekit.cli.progress import progress_bar
from edgekit.train.evaluation.wilson import wilson_interval

TRAIN = ("esc10?fold=1", "fsdd?speaker=george,jackson", "dspspeech?speaker=spk00..spk11")
DEVELOPMENT = ("esc10?fold=2", "fsdd?speaker=nicolas", "dspspeech?speaker=spk12..spk17")
TEST = ("esc10?fold=3,4", "fsdd?speaker=lucas,theo,yweweler", "dspspeech?speaker=spk18..spk25")


def row(phrase: str, voices: int, hours: float, root: Path, work: Path) -> dict[str, Any]:
    """One word: made, then judged on ``hours`` of negatives and 200 words at three signal-to-noise ratios."""
    folder = work / phrase.replace(" ", "_")
    done = folder / "judged.json"
    if done.is_file():
        found: dict[str, Any] = json.loads(done.read_text())
        return found
    config = WakeConfig(
        set=WakeSet(phrase=phrase, voices=voices),
        negatives=tuple(f"{root / text}" for text in TRAIN),
        development=tuple(f"{root / text}" for text in DEVELOPMENT),
    )
    with progress_bar() as progress:
        made = wake(config, folder, progress=progress)
        test = evaluate_wake(folder, config, [f"{root / text}" for text in TEST], hours=hours, progress=progress)
    told = outcome_json(test)
    low, high = wilson_interval(test.words - test.hits, test.words)
    result = {
        "word": phrase,
        "voices": voices,
        "threshold": made.point.threshold / 32768,
        "development_miss_rate": made.point.outcome.miss_rate,
        "development_false_accepts_per_hour": made.point.outcome.false_accepts_per_hour,
        "negative_hours": told["hours"],
        "false_accepts": told["false_accepts"],
        "false_accepts_per_hour": told["false_accepts_per_hour"],
        "false_accepts_per_hour_95": told["false_accepts_per_hour_95"],
        "words": told["words"],
        "miss_rate": told["miss_rate"],
        "miss_rate_95": [low, high],
        "miss_rate_by_snr": {name: 1 - item["hits"] / item["words"] for name, item in told["groups"].items()},
        "latency_s_median": told["latency_s_median"],
        **{f"{name}_bytes": size for name, size in made.firmware.items()},
    }
    done.write_text(json.dumps(result))
    return result


def main() -> None:
    """Make and judge the words, print and write ``benchmarks/results/wake.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--words", required=True, help="separated by commas")
    parser.add_argument("--voices", type=int, default=200)
    parser.add_argument("--hours", type=float, default=5.0)
    arguments = parser.parse_args()
    root = Path(os.environ["EDGEKIT_DATA"])
    words = arguments.words.split(",")
    rows = [row(word.strip(), arguments.voices, arguments.hours, root, arguments.work) for word in words]
    write_results("wake", rows)


if __name__ == "__main__":
    main()
