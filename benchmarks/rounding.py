"""What rounding once costs on a chip, and what it saves: the same integers rescaled twice and once, on emulated cores.

    EDGEKIT_MODELS=… .venv/bin/python benchmarks/rounding.py

MLPerf Tiny's keyword spotter and anomaly detector from their files, three students with random weights and calibrated
ranges. A row is a model on a core: instructions of an inference and bytes of flash with either rounding. Outputs of all
clips are held against the integer interpreter's; ``bytes_moved`` says how many differ between the roundings.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from one_build import measured
from pcm_models import make_model
from results_file import write_results

from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.integer_core import integer_core
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.rounding import ROUNDINGS, with_rounding

CORES = ("cortex-m4", "cortex-m55", "cortex-m0")
FILES = ("kws_ref_model", "ad01_int8")
STUDENTS = ("CP-Mobile 61 k", "CP-Mobile with GRN", "BC-ResNet-1")
CLIPS = 4


def main() -> int:
    """Run all builds and write ``benchmarks/results/rounding.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=os.environ.get("EDGEKIT_MODELS"), help="folder of the files")
    options = parser.parse_args()
    if options.models is None:
        parser.error("set EDGEKIT_MODELS or give --models")
    graphs = {name: integer_core(lower(load_graph(options.models / f"{name}.tflite"))) for name in FILES}
    graphs |= {name: make_model(name, 1).graph for name in STUDENTS}
    rows = []
    for name, graph in graphs.items():
        clips = _clips(graph)
        expected = {rounding: _outputs(with_rounding(graph, rounding), clips) for rounding in ROUNDINGS}
        moved = int(np.sum(expected["once"] != expected["twice"]))
        for core in CORES:
            row: dict[str, Any] = {"model": name, "target": core, "bytes_moved": moved}
            for rounding in ROUNDINGS:
                found = measured(with_rounding(graph, rounding), core, clips, expected[rounding])
                row |= {f"{what}_{rounding}": value for what, value in found.items()}
            row["instructions_ratio"] = row["instructions_once"] / row["instructions_twice"]
            rows.append(row)
    write_results("rounding", rows, about="--optimize balanced, zig")
    return 0 if all(row[f"bytes_differ_{rounding}"] == 0 for row in rows for rounding in ROUNDINGS) else 1


def _clips(graph: Graph) -> np.ndarray:
    dims = graph.tensor(graph.inputs[0]).dims
    return np.random.default_rng(0).integers(-128, 128, (CLIPS, *(dims[1:] if dims[0] == 1 else dims)), dtype=np.int8)


def _outputs(graph: Graph, clips: np.ndarray) -> np.ndarray:
    return run_integer(graph, clips).reshape(len(clips), -1)


if __name__ == "__main__":
    sys.exit(main())
