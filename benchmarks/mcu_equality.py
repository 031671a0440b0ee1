"""The public int8 models in C against LiteRT's reference kernels and TFLM, and what they cost on Cortex-M4 and M55.

    python benchmarks/mcu_equality.py --models DIR [--host-inputs 1000] [--m4-inputs 20]

Compares output bytes on random inputs: the host build on many, the emulated Cortex-M4 on some. LiteRT rounds a fully
connected layer once, TFLM twice (tests/graph/integer/test_integer_disagreements.py shows a case); edgekit follows TFLM.
``litert_unexplained`` counts inputs on which LiteRT still differs when that one rounding is changed to LiteRT's way.
Exits 1 when the C differs from TFLM anywhere, or anything about LiteRT is unexplained.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from results_file import write_results

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from int8_oracles import litert_outputs, round_once, tflm_outputs

from edgekit.bench.cortex_m import CPU_MODELS
from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import emulate
from edgekit.bench.host import host_model
from edgekit.bench.qemu import qemu_version, run_in_qemu
from edgekit.bench.sizes import image_sizes
from edgekit.budget.counting import count
from edgekit.core.progress import silent
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph
from edgekit.graph.integer import fully_connected
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

MODELS = ("kws_ref_model", "ad01_int8")
PUBLISHED = {
    # TFLM with CMSIS-NN on a Cortex-M4, counted in QEMU: instructions, flash of the whole image, static RAM.
    "kws_ref_model": {"instructions": 7_697_227, "flash": 108_076, "static_ram": 23_536},
    "ad01_int8": {"instructions": 582_825, "flash": 306_064, "static_ram": None},
}


def main() -> int:
    """Run the comparison and write ``benchmarks/results/mcu_equality.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=os.environ.get("EDGEKIT_MODELS"), required=False)
    parser.add_argument("--host-inputs", type=int, default=1000)
    parser.add_argument("--m4-inputs", type=int, default=20)
    options = parser.parse_args()
    if options.models is None:
        parser.error("give --models, or set EDGEKIT_MODELS to the folder of kws_ref_model.tflite and ad01_int8.tflite")
    rows = [row for name in MODELS for row in _compare(options.models / f"{name}.tflite", options)]
    write_results("mcu_equality", rows, tflm_with_cmsis_nn_on_cortex_m4=PUBLISHED)
    return 0 if all(row["differ_from_tflm"] == 0 and row["litert_unexplained"] == 0 for row in rows) else 1


def _compare(path: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    graph = lower(load_graph(path))
    dims = graph.tensor(graph.inputs[0]).dims[1:]
    inputs = np.random.default_rng(20).integers(-128, 128, (options.host_inputs, *dims), dtype=np.int8)
    data = path.read_bytes()
    litert, tflm = (oracle(data, inputs).reshape(len(inputs), -1) for oracle in (litert_outputs, tflm_outputs))
    with mock.patch.object(fully_connected, "requantize", round_once):
        once = run_integer(graph, inputs).reshape(len(inputs), -1)
    oracles = _Oracles(litert, tflm, once)
    with host_model(generate(graph, None, find_target("cpu"), path.stem)) as model:
        host = model.invoke(inputs)
    row = {"model": path.name, "build": "host", **oracles.differences(host)}
    cost: dict[str, Any] = dict.fromkeys(("instructions", "per_mac", "flash", "static_ram", "stack"))
    few = inputs[: options.m4_inputs]
    return [{**row, **cost}, *(_on_core(path, graph, few, oracles, core) for core in ("cortex-m4", "cortex-m55"))]


def _on_core(path: Path, graph: Graph, inputs: np.ndarray, oracles: _Oracles, core: str) -> dict[str, Any]:
    target = find_target(core)
    with tempfile.TemporaryDirectory() as folder:
        image = build(generate(graph, None, target, path.stem), target, Path(folder) / "image")
        if core in CPU_MODELS:
            run, emulator = emulate(image, inputs, progress=silent), "unicorn"
        else:
            run, emulator = run_in_qemu(image, inputs, oracles.tflm.shape[1], counted=True), qemu_version()
        sizes = image_sizes(read_elf(image.path))
    instructions = int(np.median([clip.model for clip in run.counts]))
    macs = sum(layer.work.true for layer in count(graph).layers if layer.work is not None)
    return {
        "model": path.name,
        "build": f"{core} in {emulator}, {image.toolchain}",
        **oracles.differences(run.scores),
        "instructions": instructions,
        "per_mac": instructions / macs,
        "flash": sizes.flash,
        "static_ram": sizes.ram,
        "stack": run.stack,
    }


@dataclass(frozen=True)
class _Oracles:
    """Outputs [N, K] of the two runtimes, and of the integer interpreter with LiteRT's rounding of dense layers."""

    litert: np.ndarray
    tflm: np.ndarray
    once: np.ndarray

    def differences(self, ours: np.ndarray) -> dict[str, int]:
        """Inputs, and how many of them have any output byte that differs."""
        n = len(ours)
        return {
            "inputs": n,
            "differ_from_tflm": _differ(ours, self.tflm[:n]),
            "differ_from_litert": _differ(ours, self.litert[:n]),
            "litert_differs_from_tflm": _differ(self.litert[:n], self.tflm[:n]),
            "litert_unexplained": _differ(self.once[:n], self.litert[:n]),
        }


def _differ(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.any(a != b, axis=1).sum())


if __name__ == "__main__":
    sys.exit(main())
