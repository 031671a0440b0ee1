"""Three models on every target from one command: what each costs, how each number was obtained, do the labels agree.

    EDGEKIT_DATA=… python benchmarks/targets.py [--clips 200] [--keep DIR]

Models: the DCASE 2024 baseline (CP-Mobile, 61 k), BC-ResNet-1 and Tiny-AST from the registry with random weights and
norms that have seen data, quantized on recordings of ESC-10, front-ends embedded. Each gets the features of ``--clips``
recordings, on each target as on the integer interpreter. Ends with status 1 where generated C differs in any byte.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from results_file import write_results

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "deploy"))
from test_students_on_chip import settled_model

from edgekit.api.calibration import calibration_clips
from edgekit.export.tflite_writer import write_tflite
from edgekit.features.presets import PRESETS
from edgekit.graph.ops import FRONTEND_DIGEST_KEY, FRONTEND_KEY
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize.ptq import quantize_graph
from edgekit.train.onnx_export import export_module

MODELS = {
    # file name: registry name, preset
    "dcase-baseline": ("cp-mobile", "dcase2024-baseline"),
    "bc-resnet-1": ("bc-resnet-1", "kws-logmel-40"),
    "tiny-ast": ("tiny-ast", "thesis-128x100"),
}
TARGETS = ("cpu", "rpi4", "cortex-m0", "cortex-m4", "cortex-m7", "cortex-m55")
CALIBRATION_CLIPS = 64
COLUMNS = (
    "model", "target", "runner", "outputs_equal", "label_agreement", "clips", "instructions", "flash_bytes", "ram_bytes",
    "stack_bytes", "latency_ms", "methods", "problem",
)  # fmt: skip


def main() -> int:
    """Make the models, run the command, write ``benchmarks/results/targets.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("EDGEKIT_DATA"), help="folder that holds esc10")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="folder for the models, to run the command by hand")
    options = parser.parse_args()
    if options.data is None:
        parser.error("give --data, or set EDGEKIT_DATA to the folder that holds esc10")
    recordings = Path(options.data) / "esc10"
    with tempfile.TemporaryDirectory() as folder:
        kept = options.keep or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        paths = [_make(name, kept, recordings) for name in MODELS]
        arguments = [*map(str, paths), *(word for target in TARGETS for word in ("--target", target))]
        arguments += ["--data", str(recordings), "--clips", str(options.clips), "--format", "json"]
        command = [sys.executable, "-m", "edgekit", "bench", *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    rows = json.loads(done.stdout)["results"] if done.stdout else []
    shown = f"edgekit bench {' '.join(path.name for path in paths)} {' '.join(f'--target {t}' for t in TARGETS)}"
    write_results(
        "targets", [_row(row) for row in rows], command=f"{shown} --data esc10 --clips {options.clips}", full=rows
    )
    ours = [row for row in rows if row["latency_ms"] is None or row["runner"].startswith("generated C")]
    return done.returncode if done.returncode else int(not all(row["outputs_equal"] for row in ours))


def _make(name: str, folder: Path, recordings: Path) -> Path:
    model, preset = MODELS[name]
    spec = PRESETS[preset]
    path = folder / f"{name}.tflite"
    metadata = {FRONTEND_KEY: spec.canonical(), FRONTEND_DIGEST_KEY: spec.digest}
    export_module(settled_model(model, {}, spec.feature_shape), spec.feature_shape, path.with_suffix(".onnx"), metadata)
    graph = lower(load_graph(path.with_suffix(".onnx")))
    write_tflite(quantize_graph(graph, calibration_clips(graph, recordings, clips=CALIBRATION_CLIPS)), path)
    return path


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of the table; of the latency the median."""
    kept = {key: row[key] for key in COLUMNS}
    latency = kept.pop("latency_ms")
    return kept | {"p50_ms": latency["p50"] if latency else None}


if __name__ == "__main__":
    sys.exit(main())
