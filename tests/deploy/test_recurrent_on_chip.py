"""svdf and lstm in C: on this machine under sanitizers and on an emulated M4, state kept from clip to clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_batches import run_on_core, run_on_host
from c_programs import SanitizedProgram
from edge_graphs import quant
from int8_oracles import random_int8
from random_chain import Chain
from random_recurrent import lstm, svdf

from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.target import Target, find_target
from edgekit.graph.firmware import firmware_plan
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.planner import overlaps


def graphs() -> list[Graph]:
    made = []
    for seed in range(12):
        chain = Chain(np.random.default_rng(seed), (1, 24))
        if seed % 3 == 0:
            lstm(chain)
        else:
            svdf(chain, "int16" if seed % 3 == 1 else "int8")
        chain.append("reshape", (chain.x.name,), chain.same("flat", (1, chain.x.elements)))
        chain.fully_connected(5)
        made.append(chain.graph())
    return made


def models(target: Target) -> tuple[list[Sources], list[np.ndarray], list[np.ndarray]]:
    clips = [random_int8(np.random.default_rng(seed), (5, 24)) for seed in range(12)]
    expected = [run_integer(graph, own).reshape(5, -1) for graph, own in zip(graphs(), clips, strict=True)]
    return [generate(graph, None, target, f"m{i}") for i, graph in enumerate(graphs())], clips, expected


def test_the_host_computes_the_same_bytes(tmp_path: Path) -> None:
    sources, clips, expected = models(find_target("cpu"))
    answers = run_on_host(sources, clips, tmp_path)
    for answer, outputs in zip(answers, expected, strict=True):
        assert answer.outputs is not None, answer.trouble
        np.testing.assert_array_equal(answer.outputs, outputs)


def test_an_m4_computes_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    target = find_target("cortex-m4")
    sources, clips, expected = models(target)
    answers = run_on_core(sources, clips, target, tmp_path, "zig")
    for answer, outputs in zip(answers, expected, strict=True):
        assert answer.outputs is not None, answer.trouble
        np.testing.assert_array_equal(answer.outputs, outputs)


def test_variables_share_no_byte_with_anything() -> None:
    for graph in graphs():
        plan = firmware_plan(graph)
        assert overlaps(plan) == []
        last = len(graph.nodes) - 1
        assert all(plan.lifetimes[name] == (0, last) for name in graph.variables)


def test_init_empties_a_memory_whose_zero_is_another_byte(tmp_path: Path) -> None:
    """A carried hidden state with a zero point, in a struct that a caller fills with garbage before."""
    rng = np.random.default_rng(5)
    chain = Chain(rng, (1, 7))
    while not chain.nodes or not chain.nodes[-1].attrs.get("carried"):
        chain = Chain(rng, (1, 7))
        lstm(chain)
    graph = chain.graph()
    node = graph.nodes[-1]
    moved = [graph.tensor(name) for name in (node.inputs[13], node.outputs[0])]
    scale = moved[0].scale_zero()[0]
    tensors = {**graph.tensors, **{tensor.name: tensor.replace(quant=quant(scale, 33)) for tensor in moved}}
    graph = replace(graph, tensors=tensors)
    clips = random_int8(rng, (6, 7))
    program = SanitizedProgram([generate(graph, None, find_target("cpu"), "m")], tmp_path)
    np.testing.assert_array_equal(program.run(0, clips), run_integer(graph, clips).reshape(6, -1))
