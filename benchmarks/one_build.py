"""One model built for one emulated core: what it takes, and whether it gives the expected bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from edgekit.bench.cortex_m import CPU_MODELS
from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import emulate
from edgekit.bench.qemu import run_in_qemu
from edgekit.bench.sizes import image_sizes
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph


def measured(graph: Graph, core: str, clips: np.ndarray, expected: np.ndarray) -> dict[str, int]:
    """Instructions of an inference, arena and flash in bytes, and output bytes that are not the expected ones.

    Args:
        graph: integer edge graph.
        core: target name of an emulated Cortex-M.
        clips: int8 [N, …], the model's inputs.
        expected: int8 [N, outputs], from the integer interpreter.
    """
    target = find_target(core)
    sources = generate(graph, None, target, "model", "balanced")
    with tempfile.TemporaryDirectory() as folder:
        image = build(sources, target, Path(folder) / "image")
        if core in CPU_MODELS:
            run = emulate(image, clips, counted=1)
        else:
            run = run_in_qemu(image, clips, expected.shape[1], counted=True)
        flash = image_sizes(read_elf(image.path)).flash
    return {
        "instructions": int(run.counts[0].model),
        "arena": int(sources.manifest["arena_bytes"]),
        "flash": flash,
        "bytes_differ": int(np.sum(run.scores != expected)),
    }
