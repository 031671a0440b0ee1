"""Pruning, clustering and four bits seen through to flash: accuracy, file and images of Cortex-M before and after.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/shrink.py --out runs/shrink --run ds-cnn=RUN [--epochs 8] [--models DIR]

``RUN`` is a float run of benchmarks/quantization.py on DSPSpeech (spk00–17 train, spk21–25 test). Channels are removed
by magnitude, what is left is trained on as the fake-quantized twin with the float model as teacher. ``weight_bits`` is
what an entropy coder would need for the weights. Images are built for size, without front-end; instructions are counted
in unicorn (M0, M4) and QEMU (M55), and every image's bytes are held against the integer interpreter.

``--models`` adds MLPerf Tiny's keyword spotter (kws_ref_model.tflite) as it is and with its int8 weights moved to
sixteen values a layer. Nobody trained those on, and no recordings of its task are here: its rows say what packing
costs, and how often random inputs keep their label, not how well it hears. What is finished in the folder is not
quantized again, only compiled.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from quantization_cases import SETS
from results_file import write_results

from edgekit.api.export import export
from edgekit.api.quantize import HeldOut, QatOptions, quantize
from edgekit.bench.cortex_m import CPU_MODELS
from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import emulate
from edgekit.bench.qemu import run_in_qemu
from edgekit.bench.sizes import image_sizes
from edgekit.cli.progress import progress_bar
from edgekit.core.files import write_json
from edgekit.core.progress import silent
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize.cluster import LEAST_WEIGHTS, codebook, nearest
from edgekit.quantize.ptq import PtqOptions

CORES = ("cortex-m4", "cortex-m55", "cortex-m0")
VALUES = 16
CHECKED = 3
"""Random inputs on which images are held against the interpreter."""
COMPARED = 200
"""Random inputs whose labels are compared before and after."""


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
    Variant("int4", PtqOptions(weights="int4"), False),
    Variant("half of the channels removed, trained on", PtqOptions(prune=0.5), True),
    Variant("a quarter removed and 16 values, trained on", PtqOptions(prune=0.25, cluster=16), True),
    Variant("int4, trained on", PtqOptions(weights="int4"), True),
    Variant("a quarter of the channels removed, trained on", PtqOptions(prune=0.25), True),
)


def measure(name: str, variant: Variant, run: Path, data: Path, folder: Path, epochs: int) -> dict[str, Any]:
    """The row of one variant of one model; quantized and trained only where that is not finished in ``folder``."""
    kept, tflite = folder / "row.json", folder / "model.tflite"
    if not kept.is_file():
        write_json(kept, _quantized(variant, run, data, tflite, epochs))
    found: dict[str, Any] = json.loads(kept.read_text("utf-8"))
    graph = lower(load_graph(tflite))
    row = {"model": name, "variant": variant.name, **{key: found[key] for key in ("float_accuracy", "accuracy")}}
    return {**row, "labels_kept": None, **_size(graph), "tflite_bytes": tflite.stat().st_size,
            "epochs": found["epochs"], **_images(graph)}  # fmt: skip


def _quantized(variant: Variant, run: Path, data: Path, tflite: Path, epochs: int) -> dict[str, Any]:
    """Quantize, train where the variant is trained, and measure on the test speakers."""
    held, folder = SETS[0], tflite.parent
    chosen = {"run": run, "folder": folder / "qat", "data": data, "train": held.train, "valid": "none"}
    qat = QatOptions(**chosen, epochs=epochs, device="cpu") if variant.trained else None  # type: ignore[arg-type]
    with progress_bar() as progress:
        made = quantize(
            export(run, folder / "export").model,
            data,
            tflite,
            select=held.train,
            ptq=variant.ptq,
            qat=qat,
            test=HeldOut(data, held.test),
            progress=progress,
        )
    if made.accuracy is None:
        raise SystemExit("no test clips")
    return {
        "float_accuracy": made.accuracy.before.scores.accuracy,
        "accuracy": made.accuracy.after.scores.accuracy,
        "epochs": epochs if variant.trained else 0,
    }


def public_rows(path: Path) -> list[dict[str, Any]]:
    """The public model, and the same with few-valued weights."""
    graph = lower(load_graph(path))
    few = _few_valued(graph)
    clips = _random_inputs(graph, COMPARED)
    labels = [run_integer(one, clips).reshape(COMPARED, -1).argmax(axis=1) for one in (graph, few)]
    rows = []
    for name, one, own in (
        ("as published", graph, labels[0]),
        (f"{VALUES} values a layer, not trained on", few, labels[1]),
    ):
        row = {"model": path.stem, "variant": name, "float_accuracy": None, "accuracy": None}
        kept = float(np.mean(own == labels[0]))
        rows.append({**row, "labels_kept": kept, **_size(one), "tflite_bytes": path.stat().st_size, "epochs": 0,
                     **_images(one)})  # fmt: skip
    return rows


def _few_valued(graph: Graph) -> Graph:
    """int8 weights of large layers at the nearest of sixteen values (k-means over the layer)."""
    tensors = dict(graph.tensors)
    for node in graph.nodes:
        weights = tensors[node.inputs[1]] if node.op in WEIGHTED else None
        if weights is not None and weights.elements >= LEAST_WEIGHTS:
            steps = np.asarray(weights.data, np.float64)
            tensors[weights.name] = weights.replace(data=nearest(steps, codebook(steps, VALUES)).astype(np.int8))
    return graph.replace(tensors=tensors)


def _size(graph: Graph) -> dict[str, Any]:
    weights = _weights(graph)
    return {
        "weights": sum(len(values) for values in weights),
        "weight_bits": sum(_entropy_bits(values) for values in weights),
        "zeros": float(np.mean(np.concatenate(weights) == 0)),
    }


def _images(graph: Graph) -> dict[str, Any]:
    """Flash, static RAM and instructions by core, and the layers packed; bytes must equal the interpreter's."""
    clips, found = _random_inputs(graph, CHECKED), {}
    expected = run_integer(graph, clips).reshape(CHECKED, -1)
    for core in CORES:
        target = find_target(core)
        sources = generate(graph, None, target, "model", "size")
        with tempfile.TemporaryDirectory() as folder:
            image = build(sources, target, Path(folder) / "image")
            if core in CPU_MODELS:
                run = emulate(image, clips, counted=1, progress=silent)
            else:
                run = run_in_qemu(image, clips, expected.shape[1], counted=True)
            sizes = image_sizes(read_elf(image.path))
        if not np.array_equal(run.scores, expected):
            raise SystemExit(f"{core}: bytes differ from the interpreter's")
        short = core.removeprefix("cortex-")
        found[f"{short}_flash"], found[f"{short}_ram"] = sizes.flash, sizes.ram
        found[f"{short}_instructions"] = int(np.median([clip.model for clip in run.counts]))
        found["packed_layers"] = sum("packed" in layer["kernel"] for layer in sources.manifest["layers"])
    return found


def _random_inputs(graph: Graph, count: int) -> np.ndarray:
    dims = graph.tensor(graph.inputs[0]).dims[1:]
    return np.random.default_rng(0).integers(-128, 128, (count, *dims), dtype=np.int8)


def _weights(graph: Graph) -> list[np.ndarray]:
    return [np.asarray(graph.tensor(node.inputs[1]).data).ravel() for node in graph.nodes if node.op in WEIGHTED]


def _entropy_bits(values: np.ndarray) -> float:
    """Values times the entropy of their distribution, in bits."""
    counts = np.unique(values, return_counts=True)[1] / values.size
    return float(-np.sum(counts * np.log2(counts)) * values.size)


def _models() -> Path | None:
    folder = os.environ.get("EDGEKIT_MODELS")
    return Path(folder) if folder else None


def main() -> None:
    """The public model, and every variant of the runs given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("EDGEKIT_DATA"), help="folder with dspspeech")
    parser.add_argument("--out", type=Path, default=Path("runs/shrink"))
    parser.add_argument("--run", action="append", required=True, metavar="NAME=FOLDER", help="a float run")
    parser.add_argument("--models", type=Path, default=_models(), help="folder of kws_ref_model")
    parser.add_argument("--epochs", type=int, default=8, help="of training what is left")
    options = parser.parse_args()
    if not options.data:
        parser.error("set EDGEKIT_DATA or give --data")
    rows = public_rows(options.models / "kws_ref_model.tflite") if options.models else []
    for name, folder in (item.split("=", 1) for item in options.run):
        for place, variant in enumerate(VARIANTS):
            out = options.out / f"{name}-{place}"
            rows.append(measure(name, variant, Path(folder), Path(options.data) / "dspspeech", out, options.epochs))
            write_results("shrink", rows)


if __name__ == "__main__":
    main()
