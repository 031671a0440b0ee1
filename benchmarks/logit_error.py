"""How far integer logits are from float ones: each step of post-training quantization, and TensorFlow's converter.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/logit_error.py --model ds-cnn=model.onnx [--brief] [--tensorflow]

Float models of benchmarks/quantization.py on DSPSpeech: 256 clips of spk00–17 calibrate, the clips of spk18–25 are
measured on. ``--brief`` leaves out the steps between the plainest quantizer and what ``edgekit quantize`` does without
options. ``--tensorflow`` makes the int8 file of TensorFlow's converter of the same weights with the same 256 clips (in
the Python of ``EDGEKIT_TENSORFLOW_PYTHON``); where it refuses a model, the row says so. Rows of models that are not
given stay in the result file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from foreign_files import Float, tensorflow_converter
from results_file import RESULTS, write_results

from edgekit.api.calibration import calibration_clips
from edgekit.core.errors import EdgekitError
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize import calibrate
from edgekit.quantize.choose_widths import with_widths
from edgekit.quantize.compare import dequantized_outputs
from edgekit.quantize.ptq import PtqOptions, quantize_graph

CALIBRATION, MEASURED = "speaker=spk00..spk17", "speaker=spk18..spk25"


@dataclass(frozen=True)
class Step:
    """A way to quantize.

    Attributes:
        name: in the table.
        options: how.
        headroom: of the outputs.
        brief: measured where few steps are asked for, too.
    """

    name: str
    options: PtqOptions
    headroom: float = calibrate.HEADROOM
    brief: bool = False


def steps() -> tuple[Step, ...]:
    """From the plainest to the widest."""
    plain = {"compensate": False, "bias_correction": False}
    return (
        Step("minmax", PtqOptions(observer="minmax", **plain), 0.0, brief=True),
        Step("mse", PtqOptions(observer="mse", **plain), 0.0),
        Step("mse, biases corrected", PtqOptions(observer="mse", compensate=False), 0.0),
        Step("and headroom", PtqOptions(observer="mse", compensate=False)),
        Step("and compensation", PtqOptions(observer="mse")),
        Step("and the observer chosen", PtqOptions()),
        Step("and int16 activations", PtqOptions(widths="all")),
        Step("without options", PtqOptions(widths="auto"), brief=True),
    )


COLUMNS = ("model", "quantizer", "clips", "largest", "rms", "labels_kept", "logits", "output_step")


def row(model: str, name: str, graph: Graph, integer: Graph, clips: np.ndarray) -> dict[str, Any]:
    """Errors of ``integer`` on ``clips``."""
    expected = run_float(graph, clips).reshape(len(clips), -1)
    actual = dequantized_outputs(integer, clips).reshape(expected.shape)
    error = np.abs(actual - expected)
    return {
        "model": model,
        "quantizer": name,
        "clips": len(clips),
        "largest": float(error.max()),
        "rms": float(np.sqrt(np.mean(np.square(error)))),
        "labels_kept": float((actual.argmax(axis=1) == expected.argmax(axis=1)).mean()),
        "logits": f"{expected.min():.2f} to {expected.max():.2f}",
        "output_step": integer.tensor(integer.outputs[0]).scale_zero()[0],
    }


def measured(model: str, path: Path, data: Path, *, brief: bool, tensorflow: bool) -> list[dict[str, Any]]:
    """All rows of a float model."""
    graph = lower(load_graph(path))
    seen = calibration_clips(graph, data, select=CALIBRATION, clips=256)
    clips = calibration_clips(graph, data, select=MEASURED, clips=10_000)
    rows = []
    for step in steps():
        if brief and not step.brief:
            continue
        calibrate.HEADROOM = step.headroom
        options = with_widths(graph, seen, step.options)
        name = f"{step.name} ({options.widths})" if step.options.widths == "auto" else step.name
        rows.append(row(model, name, graph, quantize_graph(graph, seen, options), clips))
    return [*rows, converted(model, path, graph, seen, clips)] if tensorflow else rows


def converted(model: str, path: Path, graph: Graph, seen: np.ndarray, clips: np.ndarray) -> dict[str, Any]:
    """The row of TensorFlow's converter."""
    float_model = Float(path, path, graph, np.ascontiguousarray(seen.transpose(0, 3, 1, 2)))
    name = "TensorFlow's converter"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "int8.tflite"
        try:
            tensorflow_converter(float_model, file)
            return row(model, name, graph, lower(load_graph(file)), clips)
        except EdgekitError as error:
            print(f"{model}: {name}: {error}", file=sys.stderr)
            return dict.fromkeys(COLUMNS) | {"model": model, "quantizer": f"{name}: refused", "clips": len(clips)}


def main() -> None:
    """Rows of every model given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("EDGEKIT_DATA"), help="folder with dspspeech")
    parser.add_argument("--model", action="append", required=True, metavar="NAME=ONNX", help="a float model")
    parser.add_argument("--brief", action="store_true", help="few steps")
    parser.add_argument("--tensorflow", action="store_true", help="TensorFlow's converter, too")
    options = parser.parse_args()
    if not options.data:
        parser.error("set EDGEKIT_DATA or give --data")
    models = {name: Path(path) for name, path in (item.split("=", 1) for item in options.model)}
    kept = RESULTS / "logit_error.json"
    rows = json.loads(kept.read_text("utf-8"))["rows"] if kept.is_file() else []
    how = {"brief": options.brief, "tensorflow": options.tensorflow}
    for name, path in models.items():
        found = measured(name, path, Path(options.data) / "dspspeech", **how)
        rows = [*(row for row in rows if row["model"] != name), *found]
        write_results("logit_error", rows)


if __name__ == "__main__":
    main()
