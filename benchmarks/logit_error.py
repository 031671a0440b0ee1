"""How far integer logits are from float ones, one step of post-training quantization after the other.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/logit_error.py --model ds-cnn=model.onnx [--tflite ds-cnn=other.tflite]

Float models of benchmarks/quantization.py on DSPSpeech: 256 clips of spk00–17 calibrate, the clips of spk18–25 are
measured on. ``--tflite`` adds the int8 file that another converter made of the same weights, with its own calibration.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from results_file import write_results

from edgekit.api.calibration import calibration_clips
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize import calibrate
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
    """

    name: str
    options: PtqOptions
    headroom: float = calibrate.HEADROOM


def steps() -> tuple[Step, ...]:
    """From the plainest to the widest."""
    plain = {"compensate": False, "bias_correction": False}
    return (
        Step("minmax", PtqOptions(observer="minmax", **plain), 0.0),
        Step("mse", PtqOptions(observer="mse", **plain), 0.0),
        Step("mse, biases corrected", PtqOptions(observer="mse", compensate=False), 0.0),
        Step("and headroom", PtqOptions(observer="mse", compensate=False)),
        Step("and compensation", PtqOptions(observer="mse")),
        Step("and the observer chosen", PtqOptions()),
        Step("and int16 activations", PtqOptions(widths="all")),
    )


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


def measured(model: str, path: Path, others: Mapping[str, Path], data: Path) -> list[dict[str, Any]]:
    """All rows of a float model."""
    graph = lower(load_graph(path))
    seen = calibration_clips(graph, data, select=CALIBRATION, clips=256)
    clips = calibration_clips(graph, data, select=MEASURED, clips=10_000)
    rows = []
    for step in steps():
        calibrate.HEADROOM = step.headroom
        rows.append(row(model, step.name, graph, quantize_graph(graph, seen, step.options), clips))
    if model in others:
        rows.append(row(model, others[model].name, graph, lower(load_graph(others[model])), clips))
    return rows


def main() -> None:
    """Rows of every model given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("EDGEKIT_DATA"), help="folder with dspspeech")
    parser.add_argument("--model", action="append", required=True, metavar="NAME=ONNX", help="a float model")
    parser.add_argument("--tflite", action="append", default=[], metavar="NAME=TFLITE", help="of another converter")
    options = parser.parse_args()
    if not options.data:
        parser.error("set EDGEKIT_DATA or give --data")
    models, others = (
        {name: Path(path) for name, path in (item.split("=", 1) for item in items)}
        for items in (options.model, options.tflite)
    )
    rows = [
        found
        for name, path in models.items()
        for found in measured(name, path, others, Path(options.data) / "dspspeech")
    ]
    write_results("logit_error", rows)


if __name__ == "__main__":
    main()
