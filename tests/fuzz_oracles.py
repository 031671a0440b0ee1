"""Random graphs held against every implementation of them, with a tally by operator."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from c_batches import Answer, run_on_core, run_on_host
from int8_oracles import tflm_outputs
from node_oracles import known_difference, node_again, tensors_of_litert
from random_graphs import operator, operators, random_graph
from random_recurrent import resets

from edgekit.core.errors import TargetError, UnsupportedOpError
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.target import Target, find_target
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer

VERDICTS = ("agree", "known", "refused", "disagree")
"""Equal bytes; another value for a cause in docs/litert-tflm.md; a form the implementation does not take; neither."""


@dataclass(frozen=True, eq=False)
class Case:
    """A graph, its int8 clips and the interpreter's outputs [clips, outputs]."""

    seed: int
    graph: Graph
    clips: np.ndarray
    expected: np.ndarray


@dataclass
class Tally:
    """What came of many graphs.

    Attributes:
        graphs: verdict to graphs.
        operators: operator to verdict to nodes.
        causes: why nodes differ that are known to, and why graphs were refused.
        disagreements: (seed, what was seen).
    """

    graphs: Counter[str] = field(default_factory=Counter)
    operators: dict[str, Counter[str]] = field(default_factory=dict)
    causes: Counter[str] = field(default_factory=Counter)
    disagreements: list[tuple[int, str]] = field(default_factory=list)

    def node(self, name: str, verdict: str) -> None:
        """Count one node."""
        self.operators.setdefault(name, Counter())[verdict] += 1

    def graph(self, case: Case, verdict: str, said: str = "") -> None:
        """Count one graph."""
        self.graphs[verdict] += 1
        if verdict == "disagree":
            self.disagreements.append((case.seed, said))
        elif said:
            self.causes[said] += 1

    def whole(self, case: Case, verdict: str, said: str = "") -> None:
        """Count one graph and, alike, each of its nodes."""
        self.graph(case, verdict, said)
        for name in operators(case.graph):
            self.node(name, verdict)


def cases(first: int, count: int) -> list[Case]:
    """Cases of the seeds from ``first`` on."""
    made = []
    for seed in range(first, first + count):
        graph, clips = random_graph(seed)
        made.append(Case(seed, graph, clips, run_integer(graph, clips).reshape(len(clips), -1)))
    return made


def against_litert(batch: Sequence[Case]) -> Tally:
    """Each node for the very inputs that LiteRT's own node had, so that one known difference hides no other."""
    tally = Tally()
    for case in batch:
        try:
            values = tensors_of_litert(case.graph, case.clips)
        except (RuntimeError, ValueError) as error:
            tally.whole(case, "disagree", f"LiteRT: {error}")
            continue
        seen, said = "agree", []
        for node in case.graph.nodes:
            theirs, name = values[node.outputs[0]], operator(case.graph, node)
            verdict = "agree"
            if not np.array_equal(node_again(case.graph, node, values), theirs):
                known = known_difference(case.graph, node)
                way = known and known.litert
                explained = known is not None and (
                    way is None or np.array_equal(node_again(case.graph, node, values, way), theirs)
                )
                verdict = "known" if explained else "disagree"
                if explained and known is not None:
                    tally.causes[f"{name}: {known.cause}"] += 1
                else:
                    said.append(f"{name} ({node.name})")
            tally.node(name, verdict)
            seen = max(seen, verdict, key=VERDICTS.index)
        tally.graph(case, seen, ", ".join(said))
    return tally


def against_tflm(batch: Sequence[Case]) -> Tally:
    """The written file, whole."""
    tally = Tally()
    for case in batch:
        try:
            theirs = tflm_outputs(tflite_bytes(case.graph), case.clips, reset=resets(case.graph))
            theirs = theirs.reshape(len(case.clips), -1)
        except (RuntimeError, ValueError) as error:
            tally.whole(case, "disagree", f"TFLM: {error}")
            continue
        equal = np.array_equal(theirs, case.expected)
        tally.whole(case, "agree" if equal else "disagree", "" if equal else "other bytes")
    return tally


def against_c(batch: Sequence[Case], target: Target, compiler: str | None = None) -> Tally:
    """Generated C of all cases in one program: on this machine sanitized, else in an emulator."""
    tally = Tally()
    sources: list[Sources] = []
    taken: list[Case] = []
    for case in batch:
        try:
            sources.append(generate(case.graph, None, target, f"g{case.seed}"))
            taken.append(case)
        except UnsupportedOpError as error:
            tally.whole(case, "refused", error.what)
    for case, answer in zip(taken, _answers(sources, taken, target, compiler), strict=True):
        if answer.outputs is None:
            tally.whole(case, "disagree", answer.trouble)
        else:
            equal = np.array_equal(answer.outputs, case.expected)
            tally.whole(case, "agree" if equal else "disagree", "" if equal else "other bytes")
    return tally


def _answers(models: Sequence[Sources], taken: Sequence[Case], target: Target, compiler: str | None) -> list[Answer]:
    """All answers; a program that is not built, or that ends early, is taken apart until the culprit is alone."""
    if not models:
        return []
    clips = [case.clips for case in taken]
    try:
        with tempfile.TemporaryDirectory(prefix="edgekit-fuzz-") as folder:
            if target.kind == "host":
                return run_on_host(models, clips, Path(folder))
            answers = run_on_core(models, clips, target, Path(folder), compiler)
            if len(models) == 1 or all(answer.outputs is not None for answer in answers):
                return answers
    except TargetError as error:
        if len(models) == 1:
            return [Answer(None, str(error))]
    half = len(models) // 2
    return [
        *_answers(models[:half], taken[:half], target, compiler),
        *_answers(models[half:], taken[half:], target, compiler),
    ]


_HOST = find_target("cpu")
ORACLES: dict[str, Callable[[Sequence[Case]], Tally]] = {
    "litert": against_litert,
    "tflm": against_tflm,
    "host": lambda batch: against_c(batch, _HOST),
    "dsp-twin": lambda batch: against_c(batch, replace(_HOST, dsp=True)),
    "mve-twin": lambda batch: against_c(batch, replace(_HOST, dsp=True, mve=True)),
    "neon-twin": lambda batch: against_c(batch, replace(_HOST, neon=True)),
    "cortex-m4": lambda batch: against_c(batch, find_target("cortex-m4"), "arm-none-eabi-gcc"),
    "cortex-m55": lambda batch: against_c(batch, find_target("cortex-m55"), "zig"),
}
"""Implementation to what holds a batch of graphs against it."""
