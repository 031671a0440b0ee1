"""Distil a student from a teacher on a folder of recordings, and say what the teacher was worth.

    python examples/distil_on_a_folder.py recordings -o runs

``recordings`` has one folder a class (``recordings/train/yes/1.wav``, …, or a manifest.csv with splits). Three
trainings: the teacher, the student alone, the student under the teacher's logits, which are stored once. Given again
after an interruption, it goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import edgekit


def main() -> None:
    """Train, distil and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--teacher", default="kws-teacher", help="recipe of the teacher")
    parser.add_argument("--student", default="kws-dscnn", help="recipe of the student")
    parser.add_argument("--views", type=int, default=2, help="augmented views of each clip that the teacher hears")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="KEY=VALUE of all recipes")
    parser.add_argument("-o", "--out", type=Path, default=Path("runs"))
    given = parser.parse_args()
    teacher, alone, taught, logits = (given.out / name for name in ("teacher", "alone", "taught", "logits"))

    edgekit.train(given.teacher, given.recordings, teacher, overrides=given.settings)
    edgekit.train(given.student, given.recordings, alone, overrides=given.settings)
    # The teacher hears every clip once, whatever students come later and however often.
    edgekit.store_logits(given.student, [teacher], given.recordings, logits, views=given.views)
    edgekit.distill(given.student, [logits], given.recordings, taught, overrides=given.settings)

    for name, run in (("teacher", teacher), ("student alone", alone), ("student taught", taught)):
        found = edgekit.evaluate(run, given.recordings)
        print(f"{name:16} {100 * found.scores.accuracy:.1f} % of {len(found.clips)} test clips")
    compared = edgekit.evaluate_models([], given.recordings, compare=[(alone, taught)]).comparisons[0]
    gain = compared.accuracy["clip"]
    print(f"taught − alone   {100 * gain.value:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})")


if __name__ == "__main__":
    main()
