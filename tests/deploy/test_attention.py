"""Attention without its matrix of scores: found, planned, and the bytes of the three operators it stands for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from kernel_bytes import CORTEX_M, TWINS, check_core, check_twins, clips_of, outputs_of

from edgekit.graph.attention import ATTENTION, fused_attention
from edgekit.graph.firmware import firmware, grouped
from edgekit.graph.graph import Graph

CASES = ((3, 40, 5, 5, True), (2, 33, 8, 12, False), (4, 48, 10, 7, True))
"""(heads, tokens, width of queries and keys, of values, values transposed)."""


def _attention(seed: int, case: tuple[int, int, int, int, bool]) -> Graph:
    """Queries, keys and values cut from the input."""
    heads, tokens, depth, width, transposed = case
    builder = Builder(np.random.default_rng(seed), (1, heads, tokens, 2 * depth + width), zero_point=seed - 3)
    source, scale = builder.x, builder.x.scale_zero()[0]

    def cut(name: str, first: int, count: int) -> str:
        part = builder.same(name, (1, heads, tokens, count))
        attrs = {"begin": (0, 0, 0, first), "size": part.dims, "stride": (1, 1, 1, 1)}
        builder.append("slice", (source.name,), part, attrs)
        return name

    query, key, value = cut("query", 0, depth), cut("key", depth, depth), cut("value", 2 * depth, width)
    if transposed:
        turned = builder.same("turned", (1, heads, width, tokens))
        builder.append("transpose", (value,), turned, {"perm": (0, 1, 3, 2)})
        value = "turned"
    square = (1, heads, tokens, tokens)
    scores = builder.activation("scores", square, scale=scale * scale * 60, zero_point=4)
    builder.append("batch_matmul", (query, key), scores, {"adj_x": False, "adj_y": True})
    shares = builder.activation("p", square, scale=1 / 256, zero_point=-128)
    builder.append("softmax", ("scores",), shares, {"beta": 1.0})
    mixed = builder.activation("mixed", (1, heads, tokens, width), scale=scale * 0.6)
    builder.append("batch_matmul", ("p", value), mixed, {"adj_x": False, "adj_y": transposed})
    return builder.graph()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_found_and_means_the_same(case: tuple[int, int, int, int, bool]) -> None:
    graph = _attention(1, case)
    fused = fused_attention(graph)
    assert [node.op for node in fused.nodes if node.op in (ATTENTION, "softmax", "batch_matmul")] == [ATTENTION]
    clips = clips_of(graph, 0)
    np.testing.assert_array_equal(outputs_of(fused, clips), outputs_of(graph, clips))


def test_the_arena_holds_no_scores() -> None:
    graph, scores = _attention(1, (4, 100, 5, 5, True)), 4 * 100 * 100
    assert grouped(graph, ()).plan.arena_bytes >= scores
    assert firmware(graph).plan.arena_bytes < scores // 2


def test_scores_that_something_else_reads_stay() -> None:
    graph = _attention(1, CASES[0])
    assert fused_attention(graph.replace(outputs=("p",))).nodes == graph.nodes


def test_a_few_tokens_stay_three_operators() -> None:
    """The working memory of one attention would take more than the scores."""
    graph = _attention(1, (1, 8, 8, 8, True))
    assert fused_attention(graph) is graph


@pytest.mark.parametrize("name", CORTEX_M)
def test_bytes_under_sanitizers(name: str, tmp_path: Path) -> None:
    made = check_twins([_attention(seed, case) for seed, case in enumerate(CASES)], TWINS[name], tmp_path)
    kernels = [sources.manifest["layers"][-1]["kernel"] for sources in made]
    start = "" if name == "portable" else f"{name} "
    assert all(kernel.startswith(f"{start}attention_") for kernel in kernels), kernels


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
def test_instructions_on_the_core(core: str, tmp_path: Path) -> None:
    check_core(_attention(2, CASES[1]), core, tmp_path / "image")
