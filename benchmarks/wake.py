"""Wake words from text, judged on voices that were never synthesised in training and on real recordings.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/wake.py --work runs/wake --words "hey lantern,computer" [--hours 5]

Training has as negatives ESC-10's fold 1, two FSDD speakers and twelve DSPSpeech speakers; the detector is chosen on
fold 2 and other speakers: at most one false accept an hour as the upper end of the 95 % interval. The test has folds 3
and 4 and the speakers that are left. One row a word; finished words are found again. All words share one folder of
general speech. The whole curves and the figures are in each word's folder.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from results_file import write_results

from edgekit.api.wake import WakeConfig, wake
from edgekit.api.wake_data import WakeSet
from edgekit.api.wake_judge import Verdict, evaluate_wake
from edgekit.cli.progress import progress_bar

TRAIN = ("esc10?fold=1", "fsdd?speaker=george,jackson", "dspspeech?speaker=spk00..spk11")
DEVELOPMENT = ("esc10?fold=2", "fsdd?speaker=nicolas", "dspspeech?speaker=spk12..spk17")
TEST = ("esc10?fold=3,4", "fsdd?speaker=lucas,theo,yweweler", "dspspeech?speaker=spk18..spk25")
JUDGED = "judged.json"


def row(phrase: str, voices: int, hours: float, root: Path, work: Path) -> dict[str, Any]:
    """One word: made, then judged on ``hours`` of negatives and on words at three signal-to-noise ratios."""
    folder = work / phrase.replace(" ", "_")
    if (folder / JUDGED).is_file():
        found: dict[str, Any] = json.loads((folder / JUDGED).read_text())
        return found
    config = WakeConfig(
        set=WakeSet(phrase=phrase, voices=voices),
        negatives=tuple(f"{root / text}" for text in TRAIN),
        development=tuple(f"{root / text}" for text in DEVELOPMENT),
        talk=work / "talk",
    )
    begun, used = time.monotonic(), time.process_time()
    with progress_bar() as progress:
        made = wake(config, folder, progress=progress)
        took = {"made_s": round(time.monotonic() - begun), "made_cpu_s": round(time.process_time() - used)}
        test = evaluate_wake(folder, config, [f"{root / text}" for text in TEST], hours=hours, progress=progress)
    result = {
        "word": phrase,
        "voices": voices,
        "one_model": told(test.single),
        "two_stages": told(test.staged),
        "development": {
            name: {"false_accepts": item.point.outcome.false_accepts, "hours": item.point.outcome.hours,
                   "miss_rate": item.point.outcome.miss_rate}
            for name, item in (("one_model", made.single), ("two_stages", made.staged))
        },
        "mistaken": [list(item) for item in test.mistaken],
        **{f"{name}_bytes": size for name, size in made.firmware.items()},
        **took,
    }  # fmt: skip
    (folder / "test.json").write_text(
        json.dumps({"one_model": test.single.to_json(), "two_stages": test.staged.to_json()})
    )
    (folder / JUDGED).write_text(json.dumps(result))
    return result


def told(verdict: Verdict) -> dict[str, Any]:
    """A detector's row: at the threshold of development, and read off the test curve; the curve near one an hour."""
    plain = verdict.to_json()
    near = [item for item in plain["curve"] if item["false_accepts_per_hour"] <= 20]
    return {
        "smoothing": plain["detector"]["smoothing"],
        "threshold": plain["detector"]["thresholds"][0] / 32768,
        "test": plain["test"],
        "read_on_test": plain["read_on_test"],
        "first_stage_open": round(plain["open_share"], 4),
        "curve": [[item["threshold"], item["false_accepts_per_hour"], item["miss_rate"]] for item in near[::3]],
    }


def main() -> None:
    """Make and judge the words, print and write ``benchmarks/results/wake.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--words", required=True, help="separated by commas")
    parser.add_argument("--voices", type=int, default=400)
    parser.add_argument("--hours", type=float, default=5.0)
    arguments = parser.parse_args()
    root = Path(os.environ["EDGEKIT_DATA"])
    words = arguments.words.split(",")
    rows = [row(word.strip(), arguments.voices, arguments.hours, root, arguments.work) for word in words]
    write_results("wake", rows)


if __name__ == "__main__":
    main()
