"""Element-wise operators in Helium vectors, int8 and int16: on QEMU's Cortex-M55 and as twins under sanitizers."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_programs import SanitizedProgram
from edge_graphs import Builder, quant
from int8_oracles import random_int8

from edgekit.bench.qemu import PROGRAM, run_in_qemu
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.tensor import Tensor

TWIN = replace(find_target("cpu"), dsp=True, mve=True)
SHAPE = (1, 5, 7, 9)


def _graph(seed: int, wide: bool) -> Graph:
    """add, sub, mul and quantize in a chain, with constants that broadcast along every kind of axis."""
    rng = np.random.default_rng(seed)
    builder = Builder(rng, SHAPE)
    kind, ends = ("int16", 0) if wide else ("int8", None)

    def activation(name: str, scale: float) -> Tensor:
        zero = int(rng.integers(-128, 128)) if ends is None else 0
        return builder.keep(Tensor(name, SHAPE, kind, quant(scale, zero)))

    def constant(name: str, shape: tuple[int, ...], scale: float) -> str:
        limit = 32768 if wide else 128
        values = rng.integers(-limit, limit, shape).astype(kind)
        zero = 0 if wide else int(rng.integers(-128, 128))
        builder.keep(Tensor(name, shape, kind, quant(scale, zero), values))
        return name

    unit = 1e-4 if wide else 0.03
    builder.append("quantize", ("input",), activation("first", unit))
    for index, shape in enumerate([SHAPE, (9,), (1, 1, 7, 1), (1, 5, 1, 9), (1,)]):
        op = ("add", "sub", "mul")[(index + seed) % 3]
        scale = unit * float(rng.uniform(0.3, 3)) * (0.4 if op == "mul" else 1.0)
        other = constant(f"constant{index}", shape, 0.5 / (32768 if wide else 128) if op == "mul" else unit * 0.7)
        names = (builder.x.name, other)
        attrs = {"activation": "relu" if index == 3 and not wide else "none"}
        builder.append(op, names, activation(f"y{index}", scale), attrs)
    builder.append("quantize", (builder.x.name,), builder.activation("output", SHAPE, scale=0.02))
    return builder.graph()


GRAPHS = [(seed, wide) for seed in range(3) for wide in (False, True)]


def _case(seed: int, wide: bool) -> tuple[Graph, np.ndarray, np.ndarray]:
    graph = _graph(seed, wide)
    clips = random_int8(np.random.default_rng(seed), (8, *SHAPE[1:]))
    clips[0], clips[1] = -128, 127
    return graph, clips, run_integer(graph, clips).reshape(len(clips), -1)


def test_twins_under_sanitizers(tmp_path: Path) -> None:
    cases = [_case(*case) for case in GRAPHS]
    made = [generate(graph, None, TWIN, f"m{i}") for i, (graph, _, _) in enumerate(cases)]
    program = SanitizedProgram(made, tmp_path)
    for i, (_, clips, expected) in enumerate(cases):
        np.testing.assert_array_equal(program.run(i, clips), expected, err_msg=str(GRAPHS[i]))


@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="install qemu-system-arm (Debian package)")
@pytest.mark.parametrize("wide", [False, True])
def test_vectors_on_the_core(wide: bool, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    graph, clips, expected = _case(1, wide)
    target = find_target("cortex-m55")
    sources = generate(graph, None, target, "model")
    kernels = [layer["kernel"] for layer in sources.manifest["layers"]]
    assert all(kernel.startswith("mve") for kernel in kernels), kernels
    image = build(sources, target, tmp_path / "image")
    assert image.warnings == ""
    np.testing.assert_array_equal(run_in_qemu(image, clips, expected.shape[1]).scores, expected)
