"""Generated C against the integer interpreter: as twins under sanitizers, as instructions on emulated processors."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_programs import SanitizedProgram
from int8_oracles import random_int8

from edgekit.bench import qemu, qemu_user
from edgekit.bench.emulate import emulate
from edgekit.deploy.c.choice import Optimize
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.project import Image, build
from edgekit.deploy.target import Target, find_target
from edgekit.deploy.toolchain import LINUX_GCC, find_toolchain
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer

_HOST = find_target("cpu")
TWINS = {
    "portable": _HOST,
    "dsp": replace(_HOST, dsp=True),
    "mve": replace(_HOST, dsp=True, mve=True),
    "neon": replace(_HOST, neon=True),
}
"""This machine with the sources of other cores: every instruction is its C twin."""
CORTEX_M = ("portable", "dsp", "mve")
_GCC_PACKAGES = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi (Debian package)",
    LINUX_GCC: "gcc-aarch64-linux-gnu and libc6-dev-arm64-cross (Debian packages)",
}


def clips_of(graph: Graph, seed: int, count: int = 12) -> np.ndarray:
    """Inputs int8 [count, …]: one of the lowest values, one of the highest, random ones."""
    dims = graph.tensor(graph.inputs[0]).dims
    clips = random_int8(np.random.default_rng(seed), (count, *(dims[1:] if dims[0] == 1 else dims)))
    clips[:1], clips[1:2] = -128, 127
    return clips


def outputs_of(graph: Graph, clips: np.ndarray) -> np.ndarray:
    """What the interpreter computes, int8 [N, outputs]."""
    return run_integer(graph, clips).reshape(len(clips), -1)


def kernels_of(made: Sequence[Sources]) -> list[str]:
    """The kernels that were chosen, layer by layer."""
    return [layer["kernel"] for sources in made for layer in sources.manifest["layers"]]


def check_twins(graphs: Sequence[Graph], twin: Target, folder: Path, optimize: Optimize = "balanced") -> list[Sources]:
    """Bytes are the interpreter's, no access is bad; returns what was generated."""
    made = [generate(graph, None, twin, f"m{i}", optimize) for i, graph in enumerate(graphs)]
    program = SanitizedProgram(made, folder)
    for i, graph in enumerate(graphs):
        clips = clips_of(graph, i)
        np.testing.assert_array_equal(program.run(i, clips), outputs_of(graph, clips), err_msg=f"graph {i}")
    return made


def check_core(
    graph: Graph, core: str, folder: Path, optimize: Optimize = "balanced", compiler: str = "zig", count: int = 8
) -> Sources:
    """The same of instructions: a Cortex-M in unicorn, a Cortex-M55 in QEMU, a Raspberry Pi's in qemu-user."""
    target = find_target(core)
    _need(target, compiler)
    sources = generate(graph, None, target, "branches", optimize)
    project = "process" if target.kind == "linux" else "cortex-m-bare"
    image = build(sources, target, folder, toolchain=find_toolchain(target, compiler), project=project)
    assert image.warnings == ""
    clips = clips_of(graph, 3, count)
    expected = outputs_of(graph, clips)
    np.testing.assert_array_equal(_scores(image, target, clips, expected.shape[1]), expected)
    return sources


def _scores(image: Image, target: Target, clips: np.ndarray, outputs: int) -> np.ndarray:
    if target.kind == "linux":
        return qemu_user.run_in_qemu_user(image, clips, outputs).scores
    return qemu.run_in_qemu(image, clips, outputs).scores if target.mve else emulate(image, clips, counted=0).scores


def _need(target: Target, compiler: str) -> None:
    """Skip where the compiler or the emulator is not installed."""
    if compiler == "zig":
        pytest.importorskip("ziglang")
    elif shutil.which(compiler) is None:
        pytest.skip(f"install {_GCC_PACKAGES[compiler]}")
    if target.kind == "linux" and shutil.which(qemu_user.PROGRAM) is None:
        pytest.skip("install qemu-user (Debian package)")
    if target.mve and shutil.which(qemu.PROGRAM) is None:
        pytest.skip("install qemu-system-arm (Debian package)")
    if target.kind == "mcu" and not target.mve:
        pytest.importorskip("unicorn")
