"""Pruning and clustering seen through to flash: accuracy, file and image of a Cortex-M4 before and after.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/shrink.py --out runs/shrink --run ds-cnn=RUN [--epochs 8]

``RUN`` is a float run of benchmarks/quantization.py on DSPSpeech (spk00–17 train, spk21–25 test). Channels are removed
by magnitude, what is left is trained on as the fake-quantized twin with the float model as teacher. ``weight_bits`` is
what an entropy coder would need for the weights: TFLite and the generated C store zeros and repeated values like any
others. ``flash_bytes`` is the whole image, built for size, without front-end.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from quantization_cases import SETS
from results_file import write_results

from edgekit.api.compile import compile as compile_model
from edgekit.api.export import export
from edgekit.api.quantize import HeldOut, QatOptions, quantize
from edgekit.cli.progress import progress_bar
from edgekit.core.files import write_json
from edgekit.graph.graph import Graph
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize.ptq import PtqOptions


@dataclass(frozen=True)
class Variant:
    """A way to make a model smaller.

    Attributes:
        name: in the table.
        ptq: options.
        trained: whether it is trained on.
    """

    name: str
    ptq: PtqOptions
    trained: bool


VARIANTS = (
    Variant("int8", PtqOptions(), False),
    Variant("16 values a layer", PtqOptions(cluster=16), False),
    Variant("16 values a layer, trained on", PtqOptions(cluster=16), True),
    Variant("a quarter of the channels removed, trained on", PtqOptions(prune=0.25), True),
    Variant("half of the channels removed, trained on", PtqOptions(prune=0.5), True),
    Variant("a quarter removed and 16 values, trained on", PtqOptions(prune=0.25, cluster=16), True),
)


def measure(name: str, variant: Variant, run: Path, data: Path, folder: Path, epochs: int) -> dict[str, Any]:
    """The row of one variant of one model, read back where it is finished."""
    held = SETS[0]
    kept = folder / "row.json"
    if kept.is_file():
        row: dict[str, Any] = json.loads(kept.read_text("utf-8"))
        return row
    chosen = {"run": run, "folder": folder / "qat", "data": data, "train": held.train, "valid": "none"}
    qat = QatOptions(**chosen, epochs=epochs, device="cpu") if variant.trained else None  # type: ignore[arg-type]
    with progress_bar() as progress:
        made = quantize(
            export(run, folder / "export").model,
            data,
            folder / "model.tflite",
            select=held.train,
            ptq=variant.ptq,
            qat=qat,
            test=HeldOut(data, held.test),
            progress=progress,
        )
    if made.accuracy is None:
        raise SystemExit("no test clips")
    built = compile_model(made.tflite, "cortex-m4", out=folder / "m4", frontend="none", optimize="size")
    if built.sizes is None:
        raise SystemExit("no compiler for the Cortex-M4")
    graph = lower(load_graph(made.tflite))
    row = {
        "model": name,
        "variant": variant.name,
        "float_accuracy": made.accuracy.before.scores.accuracy,
        "accuracy": made.accuracy.after.scores.accuracy,
        "weights": sum(len(values) for values in _weights(graph)),
        "weight_bits": sum(_entropy_bits(values) for values in _weights(graph)),
        "zeros": float(np.mean(np.concatenate(_weights(graph)) == 0)),
        "tflite_bytes": made.tflite.stat().st_size,
        "flash_bytes": built.sizes.flash,
        "ram_bytes": built.sizes.ram,
        "epochs": epochs if variant.trained else 0,
    }
    write_json(kept, row)
    return row


def _weights(graph: Graph) -> list[np.ndarray]:
    return [np.asarray(graph.tensor(node.inputs[1]).data).ravel() for node in graph.nodes if node.op in WEIGHTED]


def _entropy_bits(values: np.ndarray) -> float:
    """Values times the entropy of their distribution, in bits."""
    counts = np.unique(values, return_counts=True)[1] / values.size
    return float(-np.sum(counts * np.log2(counts)) * values.size)


def main() -> None:
    """Every variant of the runs given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("EDGEKIT_DATA"), help="folder with dspspeech")
    parser.add_argument("--out", type=Path, default=Path("runs/shrink"))
    parser.add_argument("--run", action="append", required=True, metavar="NAME=FOLDER", help="a float run")
    parser.add_argument("--epochs", type=int, default=8, help="of training what is left")
    options = parser.parse_args()
    if not options.data:
        parser.error("set EDGEKIT_DATA or give --data")
    rows = []
    for name, folder in (item.split("=", 1) for item in options.run):
        for place, variant in enumerate(VARIANTS):
            out = options.out / f"{name}-{place}"
            rows.append(measure(name, variant, Path(folder), Path(options.data) / "dspspeech", out, options.epochs))
            write_results("shrink", rows)


if __name__ == "__main__":
    main()
