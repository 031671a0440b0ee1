"""Three models on every target from one command: what each costs, how each number was obtained, do the labels agree.

    EDGEKIT_DATA=… python benchmarks/targets.py [--clips 200] [--parts DIR]

Models: the DCASE 2024 baseline (CP-Mobile, 61 k), BC-ResNet-1 and Tiny-AST from the registry with random weights and
norms that have seen data, quantized on recordings of ESC-10, front-ends embedded. Each gets the features of ``--clips``
recordings, on each target as on the integer interpreter. Ends with status 1 where a byte of the C differs, or a model
was not run on a target.

With ``--parts`` there is one command a model and target instead of one for all; what it says is kept in DIR, and a run
that was interrupted goes on from there. ``--kept`` runs nothing, writes what is there, and lists what is not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results_file import write_results

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "deploy"))
from test_students_on_chip import settled_model

from edgekit.api.calibration import calibration_clips
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY, FRONTEND_KEY
from edgekit.export.tflite_writer import write_tflite
from edgekit.features.presets import PRESETS
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize.ptq import quantize_graph
from edgekit.train.onnx_export import export_module

MODELS = {
    # file name: registry name, preset
    "bc-resnet-1": ("bc-resnet-1", "kws-logmel-40"),
    "dcase-baseline": ("cp-mobile", "dcase2024-baseline"),
    "tiny-ast": ("tiny-ast", "thesis-128x100"),
}
TARGETS = ("cpu", "rpi4", "cortex-m55", "cortex-m7", "cortex-m4", "cortex-m0")
CALIBRATION_CLIPS = 64
COLUMNS = (
    "model", "target", "runner", "outputs_equal", "label_agreement", "clips", "instructions", "flash_bytes",
    "ram_bytes", "stack_bytes", "problem",
)  # fmt: skip
DETAILS = ("model_instructions", "frontend_instructions", "model_ms", "frontend_ms", "clip_ms", "inferences_per_second",
           "processor_ms", "peak_memory", "largest_difference")  # fmt: skip


def main() -> int:
    """Make the models, run the command, write ``benchmarks/results/targets.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("EDGEKIT_DATA"), help="folder that holds esc10")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--parts", type=Path, help="one command a model and target, kept here")
    parser.add_argument("--kept", action="store_true", help="with --parts: run nothing")
    options = parser.parse_args()
    if options.data is None:
        parser.error("give --data, or set EDGEKIT_DATA to the folder that holds esc10")
    recordings = Path(options.data) / "esc10"
    with tempfile.TemporaryDirectory() as folder:
        kept = options.parts or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        paths = {name: kept / f"{name}.tflite" for name in MODELS}
        for name, path in paths.items():
            if not options.kept:
                _make(name, path, recordings)
        whole = [([*paths.values()], TARGETS)]
        parts = [([path], (target,)) for target in TARGETS for path in paths.values()]  # the slowest last
        jobs = parts if options.parts else whole
        there = [job for job in jobs if not options.kept or _answer(*job, options.clips, kept).is_file()]
        missing = [_answer(*job, options.clips, kept).stem for job in jobs if job not in there]
        rows = [row for job in there for row in _bench(*job, recordings, options.clips, kept)]
    rows.sort(key=lambda row: [f"{name}.tflite" for name in MODELS].index(row["model"]))
    files = " ".join(f"{name}.tflite" for name in MODELS)
    shown = f"edgekit bench {files} {' '.join(_words(TARGETS))} --data esc10 --clips {options.clips}"
    write_results("targets", [_row(row) for row in rows], command=shown, in_parts=bool(options.parts), missing=missing)
    ours = [row for row in rows if "generated C" in row["runner"] or row["target"] != "cpu"]
    return int(bool(missing) or any(row["outputs_equal"] is not True for row in ours))


def _words(targets: Sequence[str]) -> list[str]:
    return [word for target in targets for word in ("--target", target)]


def _bench(paths: list[Path], targets: Sequence[str], recordings: Path, clips: int, kept: Path) -> list[dict[str, Any]]:
    """The rows of one command, or those that it gave before."""
    answer = _answer(paths, targets, clips, kept)
    if not answer.is_file():
        arguments = [*map(str, paths), *_words(targets), "--data", str(recordings), "--clips", str(clips)]
        command = [sys.executable, "-m", "edgekit", "bench", *arguments, "--format", "json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        json.loads(done.stdout)  # whole, or not kept
        answer.write_text(done.stdout, "utf-8")
    rows: list[dict[str, Any]] = json.loads(answer.read_text("utf-8"))["results"]
    return rows


def _answer(paths: list[Path], targets: Sequence[str], clips: int, kept: Path) -> Path:
    """Where the answer of a command is kept."""
    return kept / f"{'-'.join([*(path.stem for path in paths), *targets])}-{clips}.json"


def _make(name: str, path: Path, recordings: Path) -> None:
    model, preset = MODELS[name]
    spec = PRESETS[preset]
    metadata = {FRONTEND_KEY: spec.canonical(), FRONTEND_DIGEST_KEY: spec.digest}
    export_module(settled_model(model, {}, spec.feature_shape), spec.feature_shape, path.with_suffix(".onnx"), metadata)
    graph = lower(load_graph(path.with_suffix(".onnx")))
    write_tflite(quantize_graph(graph, calibration_clips(graph, recordings, clips=CALIBRATION_CLIPS)), path)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of the table: each number with its method; of the latency the median."""
    kept = {key: row[key] for key in COLUMNS}
    latency, details = row["latency_ms"], row["details"]
    kept["p50_ms"] = latency["p50"] if latency else None
    for key in DETAILS:
        kept[key] = details[key]["value"] if key in details else None
    kept["methods"] = row["methods"] | {key: details[key]["method"] for key in DETAILS if key in details}
    return kept


if __name__ == "__main__":
    sys.exit(main())
