"""Modelled cycles of MLPerf Tiny's keyword spotter beside what others published on silicon.

    python benchmarks/cycles.py [--models DIR]

The model adds up what Arm's manuals say of each instruction that the emulated core executes (edgekit/bench/cycles); its
interval is that of the manuals' ranges. Published are milliseconds of other people's software for the same model on
real parts (MLPerf Tiny closed division, v1.1 and v1.3), here as cycles. The ratio is no error of the model: it
says where the modelled firmware would stand, and whether the model is plausible. Nothing here was measured on silicon.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from results_file import write_results

from edgekit.bench.cycles.estimate import estimate_cycles
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

MACS = 2_656_768
PUBLISHED = {
    # target: (part, MHz, fastest ms, slowest ms)
    "nucleo-l4r5zi": ("L4R5ZI", 120, 43.4, 99.8),
    "cortex-m7": ("F746 and H7A3", 216, 17.7, 17.7),
    "cortex-m33": ("U575", 160, 29.0, 38.6),
    "cortex-m0": ("G0B1", 64, 679.0, 679.0),
}


def main() -> int:
    """Prints the table and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=os.environ.get("EDGEKIT_MODELS"))
    models = parser.parse_args().models
    if models is None:
        parser.error("give --models, or set EDGEKIT_MODELS")
    write_results("cycles", [_row(Path(models) / "kws_ref_model.tflite", name) for name in PUBLISHED])
    return 0


def _row(path: Path, name: str) -> dict[str, Any]:
    graph, target = lower(load_graph(path)), find_target(name)
    shape = graph.tensor(graph.inputs[0]).dims[1:]
    features = np.random.default_rng(0).integers(-128, 128, shape, dtype=np.int8)
    clock = target.memory.clock
    with tempfile.TemporaryDirectory() as folder:
        image = build(generate(graph, None, target, "kws"), target, Path(folder) / "image")
        found = estimate_cycles(image, features, clock.flash if clock else None)
    part, megahertz, fastest, slowest = PUBLISHED[name]
    return {
        "target": name,
        "instructions": found.instructions,
        "cycles": round(found.cycles.typical),
        "cycles_low": round(found.cycles.low),
        "cycles_high": round(found.cycles.high),
        "per_mac": round(found.cycles.typical / MACS, 2),
        "published_part": part,
        "published_per_mac": f"{fastest * megahertz * 1e3 / MACS:.2f} to {slowest * megahertz * 1e3 / MACS:.2f}",
        "to_fastest_published": round(found.cycles.typical / (fastest * megahertz * 1e3), 2),
        "milliseconds": round(found.milliseconds(clock).typical, 1) if clock else None,
        "costs_from": found.source,
    }


if __name__ == "__main__":
    sys.exit(main())
