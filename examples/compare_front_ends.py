"""Compare two front-ends: the same student behind each, what the features cost, and whether the difference is real.

    python examples/compare_front_ends.py words kws-logmel-40 kws-mfcc-49x10 -o compared

The students are trained alike. The difference of their accuracy comes with an interval over the same test clips: if it
holds 0, these clips do not tell the front-ends apart.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import edgekit


def main() -> None:
    """Train behind both, count and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("front_ends", nargs=2, help="names of presets, or frontend.json files")
    parser.add_argument("--recipe", default="kws-dscnn")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="KEY=VALUE of the recipe")
    parser.add_argument("-o", "--out", type=Path, default=Path("compared"))
    given = parser.parse_args()

    runs = []
    for preset in given.front_ends:
        run = given.out / Path(preset).stem
        # A preset in place of the recipe's own front-end leaves out what the recipe changed of that one.
        edgekit.train(given.recipe, given.recordings, run, overrides=[f"frontend.preset={preset}", *given.settings])
        exported = edgekit.export(run, run / "exported")
        counts = edgekit.check_budget(exported.model).models[0].quantities
        for key in ("frontend_macs", "macs_true", "parameters"):
            count = counts[key]
            print(f"{preset:20} {key.replace('_', ' '):16} {f'{count.value:,}' if count else '?':>12}")
        runs.append(run)
    compared = edgekit.evaluate_models([], given.recordings, compare=[(runs[0], runs[1])]).comparisons[0]
    gain = compared.accuracy["clip"]
    print(f"{given.front_ends[1]} − {given.front_ends[0]}: {100 * gain.value:+.1f} points of accuracy", end="")
    print(f" (95 % interval {100 * gain.low:+.1f} to {100 * gain.high:+.1f}, {compared.clips} clips)")


if __name__ == "__main__":
    main()
