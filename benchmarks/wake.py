"""Wake words from text, judged on voices that were never synthesised in training and on real recordings.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/wake.py --work runs/wake --words "hey lantern,computer" [--hours 5]

Training has as negatives ESC-10's fold 1, two FSDD speakers and twelve DSPSpeech speakers; the detector is chosen on
fold 2 and other speakers: at most one false accept an hour as the upper end of the 95 % interval. The test has folds 3
and 4 and the speakers that are left. Two rows a word, its model alone and behind the first stage; "read" is the lowest
threshold with at most one false accept an hour on the test streams themselves, which nobody has beforehand. Finished
words are found again. All words share one folder of general speech; the figures are in each word's folder.
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
        "firmware": made.firmware,
        **took,
    }  # fmt: skip
    (folder / JUDGED).write_text(json.dumps(result))
    return result


def flat(result: dict[str, Any], form: str) -> dict[str, Any]:
    """A row of the table: a detector at the threshold of development, and what another would have given (``read_``)."""
    part = result[form]
    test, read = part["test"], part["read_on_test"] or {}
    groups = {name: round(1 - item["hits"] / item["words"], 4) for name, item in test["groups"].items()}
    return {
        "word": result["word"],
        "detector": form,
        "negative_hours": round(test["hours"], 2),
        "false_accepts": test["false_accepts"],
        "false_accepts_per_hour": round(test["false_accepts_per_hour"], 3),
        "false_accepts_per_hour_95": [round(end, 3) for end in test["false_accepts_per_hour_95"]],
        "words": test["words"],
        "miss_rate": round(test["miss_rate"], 4),
        "miss_rate_95": [round(end, 4) for end in test["miss_rate_95"]],
        "miss_rate_by_snr": groups,
        "latency_s_5_50_95": [round(value, 3) for value in test["latency_s_5_50_95"] or []],
        "read_false_accepts": read.get("false_accepts"),
        "read_miss_rate": round(read["miss_rate"], 4) if read else None,
        "read_miss_rate_95": [round(end, 4) for end in read["miss_rate_95"]] if read else None,
        "first_stage_open": part["first_stage_open"],
    }


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
    results = [row(word.strip(), arguments.voices, arguments.hours, root, arguments.work) for word in words]
    rows = [flat(result, form) for result in results for form in ("one_model", "two_stages")]
    write_results("wake", rows, words=results)


if __name__ == "__main__":
    main()
