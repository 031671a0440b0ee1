"""Memory of activations: edgekit's plan for each purpose beside what TFLM takes for the same file.

    EDGEKIT_MODELS=… python benchmarks/memory.py

MLPerf Tiny's int8 models from their files; the DCASE baseline (CP-Mobile) and BC-ResNet-1 from the registry with random
weights, whose memory does not depend on them. TFLM's arena is what the package tflite-micro reports, activations and
what its interpreter keeps. ``in_order`` is edgekit's plan with every output in a buffer of its own. The instructions
that rows add to an inference are the cost model's and those counted on an emulated Cortex-M4.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from mcu import _student
from results_file import write_results

from edgekit.bench.emulate import emulate
from edgekit.budget.tflm_arena import tflm_arena
from edgekit.core.progress import silent
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import find_toolchain
from edgekit.export.tflite_writer import write_tflite
from edgekit.graph.firmware import Purpose, firmware, firmware_plan
from edgekit.graph.graph import Graph
from edgekit.graph.passes.integer_core import integer_core
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.row_group import RowGroup

PURPOSES: tuple[Purpose, ...] = ("speed", "balanced", "size")
STUDENTS = {"DCASE baseline (cp-mobile 61 k)": ("cp-mobile", "dcase2024-baseline"),
            "bc-resnet-1": ("bc-resnet-1", "kws-logmel-40")}  # fmt: skip


def main() -> int:
    """Plan all models and write ``benchmarks/results/memory.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=os.environ.get("EDGEKIT_MODELS"), required=False)
    options = parser.parse_args()
    if options.models is None:
        parser.error("give --models, or set EDGEKIT_MODELS to the folder of kws_ref_model.tflite and ad01_int8.tflite")
    rows = [_row(name, options.models / f"{name}.tflite") for name in ("kws_ref_model", "ad01_int8")]
    with tempfile.TemporaryDirectory() as folder:
        for name, (model, preset) in STUDENTS.items():
            path = Path(folder) / f"{model}.tflite"
            write_tflite(_student(model, preset)[0], path)
            rows.append(_row(name, path))
    write_results("memory", rows)
    return 0


def _row(name: str, path: Path) -> dict[str, Any]:
    core = integer_core(lower(load_graph(path)))
    plans = {purpose: firmware(core, purpose) for purpose in PURPOSES}
    tflm, balanced = int(tflm_arena(path).value), plans["balanced"].plan
    return {
        "model": name,
        "tflm": tflm,
        "in_order": firmware_plan(core, in_place=False).arena_bytes,
        **{purpose: plan.plan.arena_bytes for purpose, plan in plans.items()},
        "balanced_bound": balanced.lower_bound,
        "balanced_row_groups": sum(isinstance(group, RowGroup) for group in plans["balanced"].groups),
        "balanced_of_tflm": round(balanced.arena_bytes / tflm, 3),
        "rows_instructions_estimated": round(plans["balanced"].cost),
        "rows_instructions_counted": _instructions(core) - _instructions(core, "speed"),
    }


def _instructions(core: Graph, planned: Purpose = "balanced") -> int:
    """Of an inference on Cortex-M4 with balanced kernels, under the memory plan of a purpose."""
    target = find_target("cortex-m4")
    with tempfile.TemporaryDirectory() as folder:
        with mock.patch("edgekit.deploy.c.model.firmware", lambda graph, *_: firmware(graph, planned)):
            sources = generate(core, None, target, "model")
        image = build(sources, target, Path(folder) / "image", toolchain=find_toolchain(target, "zig"))
        clip = np.zeros((1, *core.tensor(core.inputs[0]).dims[1:]), np.int8)
        return emulate(image, clip, counted=1, progress=silent).counts[0].model


if __name__ == "__main__":
    sys.exit(main())
