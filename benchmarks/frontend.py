"""The three front-ends on every clip of real data sets: torch and generated C against the numpy reference.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/frontend.py

Differences are in natural-log units before normalisation; int8 inputs are quantized with the clips' own range.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from results_file import write_results

from edgekit.api.verify_features import verify_features
from edgekit.cli.progress import progress_bar
from edgekit.features.presets import PRESETS

DATASETS = ("dspspeech", "fsdd", "esc10")


def main() -> None:
    """Compare every preset on every data set that is there."""
    root = Path(os.environ.get("EDGEKIT_DATA", ""))
    present = [name for name in DATASETS if (root / name).is_dir()]
    if not os.environ.get("EDGEKIT_DATA") or not present:
        sys.exit("set EDGEKIT_DATA to the folder of the data sets")
    rows = []
    for preset in PRESETS:
        for dataset in present:
            with progress_bar() as progress:
                report = verify_features(preset, root / dataset, progress=progress)
            for found in report.comparisons:
                rows.append(
                    {
                        "preset": preset,
                        "dataset": dataset,
                        "implementation": found.implementation,
                        "clips": found.clips,
                        "max_difference": found.max_difference,
                        "int8_equal": found.int8_equal,
                        "int8_steps": found.int8_steps,
                    }
                )
            write_results("frontend", rows)


if __name__ == "__main__":
    main()
