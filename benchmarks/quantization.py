"""Float, post-training integers and quantization-aware integers on the same held-out recordings.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/quantization.py --out runs/quantization [--only dspspeech] [--epochs 0]

Six architectures on three sets (benchmarks/quantization_cases.py): DSPSpeech by speaker (spk00–17 train, spk21–25
test), FSDD without jackson and george (the float models hear synthetic digits as well, rendered into ``--out``), ESC-10
fold 4. Every case trains the float model, quantizes it with training clips as ``edgekit quantize`` does without options
(and, where that chooses int16, in int8 with int16 norms alone beside it), and trains the fake-quantized twins of both
on with the real clips, unless ``--epochs 0``. What is finished in ``--out`` is not done again; a float run that lies
elsewhere is taken with ``--run CASE=FOLDER``.

A drop is float minus integer, in points; its 95 % interval is a paired bootstrap over the test clips. ``float_ops``
counts the operators of the written TFLite that read or write a float. The files are run in TFLM's interpreter (its
bytes must be edgekit's) and in LiteRT's reference kernels (``litert_steps``: how far the logits are apart at most).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_kws import SETS
from accuracy_run import Workplace
from quantization_cases import Case, cases
from results_file import write_results

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from int8_oracles import litert_outputs, tflm_outputs

from edgekit.api.calibration import calibration_clips
from edgekit.api.export import export
from edgekit.api.qat import QatOptions, fine_tuned
from edgekit.api.train import train
from edgekit.cli.progress import progress_bar
from edgekit.core.digest import digest_file
from edgekit.core.files import write_bytes, write_json
from edgekit.core.model_metadata import FRONTEND_KEY
from edgekit.core.progress import Progress
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.data.selector import select_clips
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.features.quantized import quantize_features
from edgekit.features.spec import from_json
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize.choose_widths import with_widths
from edgekit.quantize.compare import compare as difference
from edgekit.quantize.ptq import PtqOptions, prepared, quantize_prepared
from edgekit.train.checkpoint import load_checkpoint
from edgekit.train.evaluation.comparison import compare
from edgekit.train.evaluation.evaluation import Evaluation, evaluate_clips
from edgekit.train.predictors import graph_predictor

RUN_ELSEWHERE = 48
"""Test clips that other interpreters are asked, too."""
BARS = {"ptq_cnn_points": 0.5, "ptq_attention_points": 1.0, "qat_points": 0.2}


@dataclass(frozen=True)
class Bench:
    """Where a case is measured.

    Attributes:
        case: what.
        data: its data set.
        folder: what is finished.
        given: a float run to take, None to train it.
        progress: told about long steps.
    """

    case: Case
    data: Path
    folder: Path
    given: Path | None
    progress: Progress

    @property
    def run(self) -> Path:
        """Of the float model."""
        return self.given or self.folder / "run"

    def float_model(self) -> Graph:
        """The trained model, lowered."""
        held = self.case.held
        if self.given is None:
            chosen = {"train_select": held.train, "valid_select": "none"}
            place = Workplace(self.data.parent, self.folder.parent, SETS, self.progress)
            clips = [place.manifest(held.dataset), *(place.share(name) for name in held.mixed)]
            train(self.case.recipe(), clips, self.run, device="cpu", progress=self.progress, **chosen)
        return lower(load_graph(export(self.run, self.folder / "export").model))

    def row(self, epochs: int) -> dict[str, Any]:
        """The row of the table; what is finished of it is read back."""
        kept = self.folder / "row.json"
        row: dict[str, Any] = json.loads(kept.read_text("utf-8")) if kept.is_file() else {}
        if row and row["float_digest"] != self._float_digest():
            row = {}
        if not row or row["qat_epochs"] < epochs or (epochs and "qat_accuracy" not in row):
            self._measure(row, epochs, kept)
        if "tflm_equal_bytes" not in row:
            row |= self._run_elsewhere("qat" if row["qat_epochs"] else "ptq")
            write_json(kept, row)
        return row

    def _measure(self, row: dict[str, Any], epochs: int, kept: Path) -> None:
        """Add what ``row`` does not have yet, and write it to ``kept``."""
        graph = self.float_model()
        features = calibration_clips(graph, self.data, select=self.case.held.train, progress=self.progress)
        before = self._evaluated(graph, "float")
        if not row:
            int8 = quantize_prepared(prepared(graph, PtqOptions()), features, PtqOptions(), self.progress)
            row |= self._after_training(graph, int8, features, before)
            write_json(kept, row)
        for kind, widths in (("int8_qat", PtqOptions().widths), ("qat", row["ptq_widths"])):
            if epochs and (row["qat_epochs"] < epochs or f"{kind}_accuracy" not in row):
                options = PtqOptions(widths=widths)
                trained = self._trained_on(graph, features, options, max(epochs, row["qat_epochs"]))
                row |= self._measured(kind, before, trained)
                row.pop("tflm_equal_bytes", None)
        row["qat_epochs"] = max(epochs, row["qat_epochs"])
        write_json(kept, row)

    def _float_digest(self) -> str | None:
        """Of the float run's weights, where it is finished: a row of other weights is done again."""
        weights = self.run / "checkpoint.safetensors"
        return digest_file(weights) if (self.run / "metrics.json").is_file() else None

    def _after_training(self, graph: Graph, int8: Graph, features: np.ndarray, before: Evaluation) -> dict[str, Any]:
        """Post-training quantization as it chooses, and in int8."""
        options = with_widths(graph, features, PtqOptions(widths="auto"), self.progress)
        narrow = options == PtqOptions()
        chosen = int8 if narrow else quantize_prepared(prepared(graph, options), features, options, self.progress)
        error = difference(graph, chosen, features)
        return {
            "model": self.case.architecture.name,
            "dataset": self.case.held.dataset,
            "held_out": self.case.held.held_out,
            "clips": len(before.clips),
            "float_accuracy": before.scores.accuracy,
            **self._measured("ptq", before, chosen),
            "ptq_widths": options.widths,
            "ptq_max_logit_error": error.max_error,
            "ptq_rms_logit_error": error.rms_error,
            "logit_range": error.output_range,
            **self._measured("int8_ptq", before, int8),
            "qat_epochs": 0,
            "float_epochs": load_checkpoint(self.run).recipe["schedule"]["epochs"],
            "float_digest": self._float_digest(),
            "recipe": self.case.held.recipe,
            "mixed": " ".join(self.case.held.mixed),
        }

    def _trained_on(self, graph: Graph, features: np.ndarray, ptq: PtqOptions, epochs: int) -> Graph:
        """Fine-tuned on the integer graph of these widths; two kinds of one width share the run."""
        base = prepared(graph, ptq)
        integer = quantize_prepared(base, features, ptq, self.progress)
        name = f"qat-{epochs}" if ptq == PtqOptions() else f"qat-{ptq.widths}-{epochs}"
        options = QatOptions(
            run=self.run,
            folder=self.folder / name,
            data=self.data,
            train=self.case.held.train,
            valid="none",
            epochs=epochs,
            device="cpu",
        )
        return fine_tuned(base, integer, options, progress=self.progress)

    def _evaluated(self, graph: Graph, name: str) -> Evaluation:
        clips = select_clips(read_manifest(self.data), self.case.held.test)
        rate = from_json(graph.metadata[FRONTEND_KEY]).sample_rate
        recordings = AudioCache(clips, rate, None, self.progress)
        return evaluate_clips(graph_predictor(graph, name), recordings, self.progress)

    def _measured(self, kind: str, before: Evaluation, integer: Graph) -> dict[str, Any]:
        """Accuracy and drop of the TFLite file, read back from the disk; "ptq", "int8_ptq" or "qat"."""
        path = self.folder / f"{kind}.tflite"
        write_bytes(path, tflite_bytes(integer))
        read = lower(load_graph(path))
        after = self._evaluated(read, kind)
        change = compare(before, after).accuracy["clip"]
        ends = {"": change.value, "_low": change.high, "_high": change.low}
        return {
            f"{kind}_accuracy": after.scores.accuracy,
            **{f"{kind}_drop_points{end}": 0.0 - 100.0 * value for end, value in ends.items()},
            f"{kind}_label_agreement": float((before.predictions == after.predictions).mean()),
            "float_ops": _float_operators(read),
            f"{kind}_bytes": path.stat().st_size,
        }

    def _run_elsewhere(self, kind: str) -> dict[str, Any]:
        """The int8 file and what ``--widths auto`` chose, in TFLM's and LiteRT's interpreters, on some test clips."""
        equal, steps, labels = [], [], []
        for name in dict.fromkeys(("ptq", kind)):
            path = self.folder / f"{name}.tflite"
            integer = lower(load_graph(path))
            clips = calibration_clips(integer, self.data, select=self.case.held.test, clips=RUN_ELSEWHERE)
            fed = quantize_features(clips, *integer.tensor(integer.inputs[0]).scale_zero())
            own = run_integer(integer, fed).reshape(len(fed), -1).astype(int)
            tflm, litert = (run(path.read_bytes(), fed).reshape(own.shape) for run in (tflm_outputs, litert_outputs))
            equal.append(bool(np.array_equal(own, tflm)))
            steps.append(int(np.abs(own - litert).max()))
            labels.append(float((own.argmax(axis=1) == litert.argmax(axis=1)).mean()))
        return {"tflm_equal_bytes": all(equal), "litert_steps": max(steps), "litert_equal_labels": min(labels)}


def _in_order(row: dict[str, Any]) -> dict[str, Any]:
    """The same columns in every row, those of the table first; None where a case was not trained on."""
    first = ("model", "dataset", "held_out", "clips", "float_accuracy", "ptq_accuracy", "qat_accuracy", "float_ops")
    last = [
        f"qat_{name}" for name in ("drop_points", "drop_points_low", "drop_points_high", "label_agreement", "bytes")
    ]
    row = {**dict.fromkeys(first), "bytes": row["ptq_bytes"], "mixed": "", **row}
    return {**{key: row[key] for key in (*first, "bytes")}, **row, **{key: row.get(key) for key in last}}


def _float_operators(graph: Graph) -> int:
    touched = ((*filter(None, graph.node_inputs(node)), *graph.node_outputs(node)) for node in graph.nodes)
    return sum(any(tensor.dtype.startswith("float") for tensor in tensors) for tensors in touched)


def main() -> None:
    """Run the cases asked for; the result file has every case that is finished in ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("EDGEKIT_DATA"), help="folder with dspspeech, fsdd and esc10")
    parser.add_argument("--out", type=Path, default=Path("runs/quantization"))
    parser.add_argument("--only", action="append", help="cases to run, by the start of their names; again for more")
    parser.add_argument("--run", action="append", default=[], metavar="CASE=FOLDER", help="a float run to take")
    parser.add_argument("--epochs", type=int, default=6, help="of quantization-aware training; 0 leaves it out")
    options = parser.parse_args()
    if not options.data:
        parser.error("set EDGEKIT_DATA or give --data")
    runs = {name: Path(folder) for name, folder in (item.split("=", 1) for item in options.run)}
    rows = []
    for case in cases():
        folder = options.out / case.name.replace("/", "-")
        wanted = not options.only or any(case.name.startswith(start) for start in options.only)
        if not wanted and not (folder / "row.json").is_file():
            continue
        with progress_bar() as progress:
            bench = Bench(case, Path(options.data) / case.held.dataset, folder, runs.get(case.name), progress)
            rows.append(_in_order(bench.row(options.epochs if wanted else 0)))
        write_results("quantization", rows, bars=BARS)


if __name__ == "__main__":
    main()
