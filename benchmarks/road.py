"""The whole road on real recordings: train, int8, budget, C, and every test clip as PCM on an emulated Cortex-M4.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/road.py --out runs/road [--only dspspeech]

DSPSpeech is split by speaker (spk00–17 train, spk18–20 validation, spk21–25 test); FSDD leaves one speaker out, six
times. Runs that are finished in ``--out`` are not trained again. The whole campaign takes hours on two cores.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results_file import write_results

from edgekit.api.road import RoadConfig, RoadResult, travel
from edgekit.cli.progress import progress_bar
from edgekit.data.datasets import read_manifest

FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


@dataclass(frozen=True)
class Case:
    """One training run and its test set."""

    dataset: str
    held_out: str
    config: RoadConfig


def cases() -> list[Case]:
    """The protocol: DSPSpeech by speaker, FSDD leave-one-speaker-out."""
    dspspeech = RoadConfig(
        recipe="kws-dscnn-robust",
        train="speaker=spk00..spk17",
        valid="speaker=spk18..spk20",
        test="speaker=spk21..spk25",
    )
    out = [Case("dspspeech", "spk21..spk25", dspspeech)]
    for speaker in FSDD_SPEAKERS:
        config = RoadConfig(
            recipe="kws-dscnn-8khz", train=f"speaker!={speaker}", valid="none", test=f"speaker={speaker}"
        )
        out.append(Case("fsdd", speaker, config))
    return out


def row(case: Case, result: RoadResult) -> dict[str, Any]:
    """One line of the table."""
    quantities = result.verdict.models[0].quantities
    value = lambda name: q.value if (q := quantities.get(name)) else None  # noqa: E731
    measured = result.measurement
    return {
        "dataset": case.dataset,
        "held_out": case.held_out,
        "recipe": case.config.recipe,
        "clips": result.int8_model.scores.clips,
        "float_accuracy": result.float_model.scores.accuracy,
        "int8_accuracy": result.int8_model.scores.accuracy,
        "chip_accuracy": result.chip.accuracy,
        "chip_clips": len(result.chip.labels),
        "chip_labels_equal_to_int8": result.chip.equal,
        "verdict": result.verdict.outcome,
        "parameters": value("parameters"),
        "parameter_bytes": value("parameter_bytes"),
        "macs_true": value("macs_true"),
        "frontend_macs": value("frontend_macs"),
        "flash_bytes": measured.flash.value if measured.flash else None,
        "ram_bytes": measured.ram.value if measured.ram else None,
        "stack_bytes": measured.stack.value if measured.stack else None,
        "instructions": measured.instructions.value if measured.instructions else None,
        "frontend_instructions": measured.details["frontend_instructions"].value if measured.details else None,
    }


def main() -> None:
    """Run the cases asked for and write the result file with all rows so far."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("EDGEKIT_DATA"), help="folder with dspspeech and fsdd")
    parser.add_argument("--out", type=Path, default=Path("runs/road"))
    parser.add_argument("--only", help="one data set, or DATASET/HELD_OUT")
    options = parser.parse_args()
    if not options.data:
        parser.error("set EDGEKIT_DATA or give --data")
    rows = []
    for case in cases():
        if options.only and options.only not in (case.dataset, f"{case.dataset}/{case.held_out}"):
            continue
        folder = options.out / f"{case.dataset}-{case.held_out.replace('..', '-')}"
        with progress_bar() as progress:
            result = travel(read_manifest(Path(options.data) / case.dataset), case.config, folder, progress)
        rows.append(row(case, result))
        write_results("road", rows)


if __name__ == "__main__":
    main()
