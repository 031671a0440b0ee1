"""Five models with their front-ends, from PCM to a label, on emulated M4, M7 and M55.

    python benchmarks/pcm.py [--clips 10] [--profile]

Weights are random and the ranges calibrated (pcm_models.py): instructions, flash and RAM are those of trained weights,
labels mean nothing. Each model hears clips of synthetic sounds; its label from PCM is compared with that of the integer
interpreter on the reference front-end's features, its scores on those features byte by byte. Instructions are counted
in unicorn (M4, M7) and QEMU (M55), exactly; they are no cycles. ``unfused`` figures are those of the same model with
layer norms, response norms and chains of element-wise operators as operators by themselves (graph/fused_group.py).
``--profile`` prints each layer's share on the M4.
Exits 1 where a byte or a label differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
from layer_profile import profile
from pcm_models import MODELS, PcmModel, make_model
from results_file import write_results

from edgekit.bench.cortex_m import CPU_MODELS
from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import Emulation, Kind, emulate
from edgekit.bench.qemu import run_in_qemu
from edgekit.bench.sizes import image_sizes
from edgekit.bench.stack import stack_bound
from edgekit.budget.counting import count
from edgekit.deploy.generate import generate
from edgekit.deploy.project import Image, build
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import ENTRY
from edgekit.report.text import render_table

CORES = ("cortex-m4", "cortex-m7", "cortex-m55")
PURPOSES = ("balanced",)
COUNTED = 2
"""Clips whose instructions are counted; the median is taken."""


def main() -> int:
    """Run all builds and write ``benchmarks/results/pcm.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    rows = []
    for name in MODELS:
        model = make_model(name, options.clips)
        rows += [_row(name, model, core, purpose) for core in CORES for purpose in PURPOSES]
        if options.profile:
            _print_profile(name, model)
    write_results("pcm", rows, about="random weights, calibrated ranges; instructions of a whole clip, from PCM")
    return 0 if all(row["bytes_differ"] == 0 and row["labels_equal"] == row["clips"] for row in rows) else 1


def _row(name: str, model: PcmModel, core: str, purpose: str) -> dict[str, Any]:
    target = find_target(core)
    sources = generate(model.graph, model.spec, target, "model", purpose)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        image = build(sources, target, Path(folder) / "image")
        elf = read_elf(image.path)
        scores = _run(image, model.inputs, "features", model).scores
        heard = _run(image, model.pcm, "pcm", model)
        sizes, bound = image_sizes(elf), stack_bound(elf, ENTRY)
    apart, unfused_arena = _unfused(model, core, purpose)
    inside = int(median(count.model for count in heard.counts))
    front = int(median(count.frontend or 0 for count in heard.counts))
    macs = sum(layer.work.true for layer in count(model.graph).layers if layer.work is not None)
    row = {
        "model": name,
        "target": core,
        "optimize": purpose,
        "macs": macs,
        "model_instructions": inside,
        "per_mac": inside / macs,
        "unfused_instructions": apart,
        "arena": sources.manifest["arena_bytes"],
        "unfused_arena": unfused_arena,
        "frontend_instructions": front,
        "instructions_a_hop": front / model.spec.frames,
        "frontend_precision": sources.manifest["frontend_precision"],
        "frontend_share": front / (front + inside),
        "flash": sizes.flash,
        "static_ram": sizes.ram,
        "stack": heard.stack,
        "stack_bound": bound,
        "clips": len(model.pcm),
        "labels_equal": int(np.sum(heard.labels == model.scores.argmax(axis=1))),
        "labels": len(set(heard.labels.tolist())),
        "bytes_differ": int(np.sum(scores != model.scores)),
    }
    print(name, core, purpose, f"{inside:,} + {front:,}", f"{sizes.flash:,}", f"{sizes.ram:,}", flush=True)
    return row


def _unfused(model: PcmModel, core: str, purpose: str) -> tuple[int, int]:
    """Instructions of the model and bytes of its arena where no operators are fused but attention."""
    target = find_target(core)
    with mock.patch("edgekit.graph.firmware.fused_groups", lambda graph: ()):
        sources = generate(model.graph, None, target, "model", purpose)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        image = build(sources, target, Path(folder) / "image")
        if core in CPU_MODELS:
            run = emulate(image, model.inputs[:1], counted=1)
        else:
            run = run_in_qemu(image, model.inputs[:1], model.scores.shape[1], counted=True)
    return int(median(count.model for count in run.counts)), int(sources.manifest["arena_bytes"])


def _run(image: Image, clips: np.ndarray, kind: Kind, model: PcmModel) -> Emulation:
    """All clips; counts of the first ones."""
    if image.target.name in CPU_MODELS:
        return emulate(image, clips, kind, counted=COUNTED if kind == "pcm" else 0)
    return run_in_qemu(image, clips, model.scores.shape[1], kind, counted=kind == "pcm")


def _print_profile(name: str, model: PcmModel) -> None:
    costs = sorted(profile(model.graph, "cortex-m4"), key=lambda cost: -cost.instructions)[:12]
    total = sum(cost.instructions for cost in costs)
    cells = [
        [cost.name, cost.kernel, f"{cost.instructions:,}", f"{cost.instructions / total:.1%}",
         f"{cost.instructions / cost.macs:.2f}" if cost.macs else "–"]
        for cost in costs
    ]  # fmt: skip
    print(render_table(["layer", "kernel", ">instructions", ">share", ">per MAC"], cells, name), end="")


if __name__ == "__main__":
    sys.exit(main())
