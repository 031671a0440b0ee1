"""Instructions of every layer of a generated model on an emulated Cortex-M core.

Each layer's statement in the generated source is moved into a function of its own that no compiler inlines; the core
counts what happens inside. A few instructions a layer are the price of the calls.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekit.bench.cortex_m import CPU_MODELS, Core
from edgekit.bench.elf import read_elf
from edgekit.bench.protocol import features_request
from edgekit.bench.qemu import run_counted
from edgekit.budget.counting import count
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.project import Image, build
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph

_LAYER = re.compile(r"^    /\* (?P<title>[^\n]*) \*/\n    (?P<call>(?!memcpy\(out)[^\n]*;)\n", re.MULTILINE)
_INVOKE = re.compile(r"^int \w+_invoke\(", re.MULTILINE)
_WRAPPED = "__attribute__((noinline)) static void profiled_{index}(int8_t *arena) {{\n    {call}\n}}\n\n"


@dataclass(frozen=True)
class Cost:
    """A layer: its operator, its kernel, multiply-accumulates, elements of its output, instructions."""

    op: str
    name: str
    kernel: str
    macs: int
    elements: int
    instructions: int


def profile(graph: Graph, core: str, optimize: str = "balanced") -> list[Cost]:
    """Every layer that costs anything, in order; one inference on zeros.

    Args:
        graph: integer edge graph.
        core: one that unicorn or QEMU emulates.
        optimize: as in compile.
    """
    target = find_target(core)
    sources, calls = _wrapped(generate(graph, None, target, "model", optimize))  # type: ignore[arg-type]
    dims = graph.tensor(graph.inputs[0]).dims[1:]
    clip = np.zeros(dims, np.int8)
    spans = {title: f"profiled_{index}" for index, title in enumerate(calls)}
    with tempfile.TemporaryDirectory() as folder:
        found = _counted(build(sources, target, Path(folder) / "image"), clip, sources.output_size, spans)
    kernels = {layer["name"]: layer["kernel"] for layer in sources.manifest["layers"]}
    work = {layer.name: layer.work.true for layer in count(graph).layers if layer.work is not None}
    costs = []
    for title, instructions in found.items():
        members = [part.partition(" ") for part in title.split(", ")]
        op, name = "+".join(op for op, _, _ in members), members[-1][2]
        output = next((node.outputs[0] for node in graph.nodes if node.name == name), graph.outputs[0])
        macs = sum(work.get(member, 0) for _, _, member in members)
        costs.append(Cost(op, name, kernels.get(name, ""), macs, graph.tensor(output).elements, instructions))
    return costs


def _counted(image: Image, clip: np.ndarray, outputs: int, spans: dict[str, str]) -> dict[str, int]:
    """Instructions of one inference by name of ``spans``, whose values are functions of the image."""
    if image.target.name not in CPU_MODELS:
        return dict(run_counted(image, clip[None], outputs, spans)[1])
    emulated = Core(read_elf(image.path), image.target, spans)
    emulated.exchange(b"")
    emulated.exchange(features_request(clip), counted=True)
    return {title: emulated.span(title) or 0 for title in spans}


def _wrapped(sources: Sources) -> tuple[Sources, Sequence[str]]:
    """The sources with every layer's call in a function, and what each of these computes."""
    file = f"{sources.name}_model.c"
    text = sources.files[file]
    start = _INVOKE.search(text)
    if start is None:
        raise ValueError(f"{file} has no invoke")
    before, invoke = text[: start.start()], text[start.start() :]
    found = list(_LAYER.finditer(invoke))
    functions = "".join(_WRAPPED.format(index=i, call=match["call"]) for i, match in enumerate(found))
    numbers = iter(range(len(found)))
    invoke = _LAYER.sub(lambda match: f"    profiled_{next(numbers)}(arena);\n", invoke)
    files = {**sources.files, file: before + functions + invoke}
    return replace(sources, files=files), [match["title"] for match in found]
