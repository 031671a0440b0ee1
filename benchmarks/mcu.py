"""What generated C costs on emulated Cortex-M cores: instructions, flash, RAM, stack, and the front-end's share.

    EDGEKIT_MODELS=… python benchmarks/mcu.py [--inputs 3]

Models: MLPerf Tiny's keyword spotter and anomaly detector from their files; CP-Mobile (61 k) and BC-ResNet-1 from the
registry with random weights, quantized after training on random features, from PCM. Every output is compared with the
integer interpreter's (and that one with TFLM's in the tests); the run ends with status 1 when any byte differs.
Instructions are counted in unicorn, exactly; they are no cycles. Published figures of other runtimes were measured
elsewhere, not here; bakenn is compiled here, with the CMSIS-NN that its package brings, where it takes the model.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bakenn_on_m4 import bakenn_row
from results_file import write_results

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "deploy"))
from test_students_on_chip import features, settled_model

from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import emulate
from edgekit.bench.sizes import image_sizes
from edgekit.bench.stack import stack_bound
from edgekit.budget.counting import count
from edgekit.core.errors import TargetError
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import CROSS_GCC, ENTRY, find_toolchain
from edgekit.features.presets import PRESETS
from edgekit.features.spec import FrontendSpec
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize.ptq import quantize_graph
from edgekit.report.text import render_table
from edgekit.train.onnx_export import export_module

Case = tuple[Graph, FrontendSpec | None]

BUILDS = (
    ("cortex-m4", "zig", "balanced"),
    ("cortex-m4", "zig", "size"),
    ("cortex-m4", "zig", "speed"),
    ("cortex-m4", CROSS_GCC, "balanced"),
    ("cortex-m7", "zig", "balanced"),
    ("cortex-m33", "zig", "balanced"),
    ("cortex-m0", "zig", "balanced"),
)
PUBLISHED = [
    # Counted elsewhere with QEMU 7.2 and gcc 12.2; only cited here.
    {"model": "kws_ref_model", "target": "cortex-m4", "runtime": "TFLM + CMSIS-NN, published",
     "instructions": 7_697_227, "flash": 108_076, "static_ram": 23_536, "stack": 844},
    {"model": "kws_ref_model", "target": "cortex-m4", "runtime": "bakenn 1.0 + CMSIS-NN, published",
     "instructions": 22_101_922, "flash": 45_140, "static_ram": 17_664, "stack": 516},
    {"model": "ad01_int8", "target": "cortex-m4", "runtime": "TFLM + CMSIS-NN, published", "instructions": 582_825,
     "flash": 306_064, "static_ram": None, "stack": None},
]  # fmt: skip
COLUMNS = (
    "model", "target", "runtime", "instructions", "per_mac", "flash", "static_ram", "stack", "stack_bound",
    "frontend_instructions", "frontend_share", "instructions_a_hop", "bytes_differ",
)  # fmt: skip


def main() -> int:
    """Run all builds and write ``benchmarks/results/mcu.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=os.environ.get("EDGEKIT_MODELS"), required=False)
    parser.add_argument("--inputs", type=int, default=3)
    options = parser.parse_args()
    if options.models is None:
        parser.error("give --models, or set EDGEKIT_MODELS to the folder of kws_ref_model.tflite and ad01_int8.tflite")
    rows = [dict.fromkeys(COLUMNS) | row for row in PUBLISHED]
    rows.append(bakenn_row(options.models / "kws_ref_model.tflite"))
    for name, make in _cases(options.models).items():
        graph, spec = make()
        rows += [_row_or_reason(name, graph, spec, build, options.inputs) for build in BUILDS]
    ratios = list(_ratios(rows))
    write_results("mcu", [dict.fromkeys(COLUMNS) | row for row in rows], ratios=ratios)
    cells = [
        [f"{value:.2f}" if isinstance(value, float) else str(value or "–") for value in r.values()] for r in ratios
    ]
    print(render_table(list(ratios[0]), cells, "edgekit on Cortex-M4 as a share of the others"), end="")
    return 0 if not any(row.get("bytes_differ") for row in rows) else 1


def _cases(models: Path) -> dict[str, Callable[[], Case]]:
    return {
        "kws_ref_model": lambda: (lower(load_graph(models / "kws_ref_model.tflite")), None),
        "ad01_int8": lambda: (lower(load_graph(models / "ad01_int8.tflite")), None),
        "cp-mobile 61 k": lambda: _student("cp-mobile", "dcase2024-baseline"),
        "bc-resnet-1": lambda: _student("bc-resnet-1", "kws-logmel-40"),
    }


def _student(name: str, preset: str) -> Case:
    """A registry model with random weights on a preset's features, calibrated with random features."""
    spec = PRESETS[preset]
    shape = spec.feature_shape
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_module(settled_model(name, {}, shape), shape, path, {})
        graph = lower(load_graph(path))
    return quantize_graph(graph, features(16, shape, 100).transpose(0, 2, 3, 1)), spec


def _row_or_reason(
    name: str, graph: Graph, spec: FrontendSpec | None, how: tuple[str, str, str], inputs: int
) -> dict[str, Any]:
    """The figures of one build; where it does not fit the target's board, that instead."""
    try:
        return _row(name, graph, spec, how, inputs)
    except TargetError as error:
        if "does not fit" not in str(error):
            raise
        return {"model": name, "target": how[0], "runtime": f"edgekit: {error.what}"}


def _row(name: str, graph: Graph, spec: FrontendSpec | None, how: tuple[str, str, str], inputs: int) -> dict[str, Any]:
    target, optimize = find_target(how[0]), how[2]
    sources = generate(graph, spec, target, "model", optimize)  # type: ignore[arg-type]
    dims = graph.tensor(graph.inputs[0]).dims[1:]
    clips = np.random.default_rng(20).integers(-128, 128, (inputs, *dims), dtype=np.int8)
    expected = run_integer(graph, clips).reshape(inputs, -1)
    with tempfile.TemporaryDirectory() as folder:
        image = build(sources, target, Path(folder) / "image", toolchain=find_toolchain(target, how[1]))
        elf = read_elf(image.path)
        run = emulate(image, clips, counted=1)
        audio = emulate(image, _pcm(spec), "pcm", counted=1) if spec is not None else None
    macs = sum(layer.work.true for layer in count(graph).layers if layer.work is not None)
    sizes, instructions = image_sizes(elf), run.counts[0].model
    front = audio.counts[0].frontend if audio is not None else None
    print(name, how, f"{instructions:,}", f"{sizes.flash:,}", flush=True)
    return {
        "model": name,
        "target": target.name,
        "runtime": f"edgekit --optimize {optimize}, {how[1]}",
        "instructions": instructions,
        "per_mac": instructions / macs,
        "flash": sizes.flash,
        "static_ram": sizes.ram,
        "stack": max(run.stack, audio.stack if audio is not None else 0),
        "stack_bound": stack_bound(elf, ENTRY),
        "frontend_instructions": front,
        "frontend_share": front / (front + instructions) if front else None,
        "instructions_a_hop": front / spec.frames if front and spec is not None else None,
        "bytes_differ": int(np.sum(run.scores != expected)),
    }


def _pcm(spec: FrontendSpec) -> np.ndarray:
    """One clip of noise at a quarter of full scale, int16 [1, samples]."""
    noise = np.random.default_rng(3).normal(0, 2_000, (1, spec.clip_samples))
    return np.clip(np.rint(noise), -32768, 32767).astype(np.int16)


def _ratios(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The figures of edgekit on M4, balanced, as shares of the other runtimes'."""
    own_runtime = "edgekit --optimize balanced, zig"
    mine = {row["model"]: row for row in rows if (row["runtime"], row["target"]) == (own_runtime, "cortex-m4")}
    for row in rows:
        if row["runtime"].startswith("edgekit") or row["model"] not in mine or not row.get("instructions"):
            continue
        own = mine[row["model"]]
        keys = ("instructions", "flash", "static_ram", "stack")
        shares = {key: own[key] / row[key] if row.get(key) else None for key in keys}
        yield {"model": row["model"], "against": row["runtime"], **shares}


if __name__ == "__main__":
    sys.exit(main())
