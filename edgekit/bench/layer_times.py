"""Time of each layer of the generated C on this machine: a clock is read between the calls of a host build."""

from __future__ import annotations

import ctypes
import dataclasses
import re

import numpy as np

from edgekit.bench.host import host_model
from edgekit.core.errors import TargetError
from edgekit.deploy.c.identifiers import comment_text
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph

WARM_UP, RUNS = 5, 50

_STEP = re.compile(r"^    /\* (?P<title>[^\n]*) \*/\n(?:    (?P<call>(?!memcpy\(out)[^\n]*;)\n)?", re.MULTILINE)
_CLOCK = """\
#define _POSIX_C_SOURCE 199309L
#include <stdint.h>
#include <time.h>

__attribute__((visibility("default"))) uint64_t edgekit_step_ns[@steps@];

static uint64_t edgekit_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

"""


def layer_times(graph: Graph, runs: int = RUNS) -> dict[str, float]:
    """Median microseconds of each layer; layers that run together by rows count under the last of them.

    Args:
        graph: integer edge graph, as :func:`edgekit.deploy.generate.generate` takes it.
        runs: inferences that are timed, each of one random input.

    Raises:
        UnsupportedOpError: an operator without a kernel, a float model.
        MissingDependencyError: there is no host compiler.
        TargetError: it failed.
    """
    plain = generate(graph, None, find_target("cpu"))
    timed, titles = _with_clock(plain)
    inputs = np.random.default_rng(0).integers(-128, 128, (runs, plain.input_size), dtype=np.int8)
    with host_model(timed) as model:
        spent = (ctypes.c_uint64 * len(titles)).in_dll(model.library, "edgekit_step_ns")
        model.invoke(inputs[:WARM_UP])
        rows = []
        for one in inputs:
            model.invoke(one[None])
            rows.append(list(spent))
    medians = np.median(np.array(rows, np.float64), axis=0) / 1e3
    names = {comment_text(node.name): node.name for node in graph.nodes}
    last = [title.rpartition(", ")[2].partition(" ")[2] for title in titles]
    return {names.get(name, name): round(float(time), 3) for name, time in zip(last, medians, strict=True)}


def _with_clock(sources: Sources) -> tuple[Sources, list[str]]:
    """The sources with a clock read behind every step of the model, and what the generator wrote above each step."""
    name = f"{sources.name}_model.c"
    text = sources.files[name]
    start = text.rindex(f"int {sources.name}_invoke(")
    titles: list[str] = []

    def timed(step: re.Match[str]) -> str:
        index = len(titles)
        titles.append(step["title"])
        begin = "    uint64_t edgekit_last = edgekit_now();\n    uint64_t edgekit_next;\n" if index == 0 else ""
        spent = f"    edgekit_step_ns[{index}] = edgekit_next - edgekit_last;\n    edgekit_last = edgekit_next;\n"
        return f"{begin}{step[0]}    edgekit_next = edgekit_now();\n{spent}"

    body = _STEP.sub(timed, text[start:])
    if not titles:
        raise TargetError("the generated source names no layer", where=name, mend="generate it with this version")
    clock = _CLOCK.replace("@steps@", str(len(titles)))
    return dataclasses.replace(sources, files={**sources.files, name: clock + text[:start] + body}), titles
