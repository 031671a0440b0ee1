"""The harness's times beside ONNX Runtime's own, and pairs of models whose order is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.bench.inputs import Inputs, make_inputs
from edgekit.bench.model_process import ModelProcess
from edgekit.bench.on_cpu import generated_c
from edgekit.bench.pair import Pair, compare_pair
from edgekit.bench.runtimes import Runtime, integer_model
from edgekit.bench.server import Server
from edgekit.graph.graph import Graph


def _deep(layers: int, side: int = 24, channels: int = 16) -> Graph:
    builder = Builder(np.random.default_rng(0), (1, side, side, channels))
    for _ in range(layers):
        builder.conv2d(channels, (3, 3), activation="relu")
    flat = builder.same("flat", (1, builder.x.elements))
    builder.append("reshape", (builder.x.name,), flat)
    builder.fully_connected(3)
    return builder.graph()


def _inputs(graph: Graph) -> Inputs:
    return make_inputs("deep", graph, None, "balanced", clips=2, seed=0)


def test_p50_is_within_5_percent_of_onnx_runtimes_own_timing_of_the_same_runs(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    graph = _deep(4, side=48, channels=32)
    model, ends = integer_model(graph, "onnxruntime", None)
    options = {**Runtime("onnxruntime", profile=str(tmp_path / "ort")).options(), **ends}
    server = Server(model, options)
    server.give(_inputs(graph).features[0].tobytes())
    wall = server.times(10, 200)[:, 0]
    events = json.loads(Path(server.runtime.session.end_profiling()).read_text())
    own = [event["dur"] * 1e3 for event in events if event["name"] == "model_run"][-200:]
    assert len(own) == 200
    assert np.median(wall) == pytest.approx(np.median(own), rel=0.05)
    assert np.median(wall) > 300_000, "too short a model: Python's part of a call would show"


@contextmanager
def _pair(first: Graph, second: Graph) -> Iterator[tuple[ModelProcess, ModelProcess]]:
    with ExitStack() as stack:
        one, other = (stack.enter_context(generated_c(_inputs(graph)))[0] for graph in (first, second))
        yield one, other


def _compare(one: ModelProcess, other: ModelProcess, times: int) -> list[Pair]:
    return [compare_pair(one, other, rounds=10) for _ in range(times)]


def test_a_twice_as_deep_model_is_told_apart_in_20_of_20_runs() -> None:
    with _pair(_deep(2), _deep(4)) as (shallow, deep):
        pairs = _compare(shallow, deep, 20)
    assert [pair.verdict for pair in pairs] == ["slower"] * 20
    assert np.median([pair.ratio for pair in pairs]) == pytest.approx(2.0, rel=0.15)


def test_the_shallower_of_two_is_called_faster_and_a_model_beside_itself_neither_by_much() -> None:
    with _pair(_deep(4), _deep(2)) as (deep, shallow):
        assert {pair.verdict for pair in _compare(deep, shallow, 3)} == {"faster"}
    with _pair(_deep(2), _deep(2)) as (one, other):
        pairs = _compare(one, other, 5)
    assert np.median([pair.ratio for pair in pairs]) == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([1.2] * 10, "slower"),
        ([0.8] * 10, "faster"),
        ([0.9, 1.1] * 5, "not told apart"),
        ([1.0] * 10, "not told apart"),
    ],
)
def test_the_verdict_follows_the_order_of_the_turns(ratios: list[float], verdict: str) -> None:
    class Fake:
        """Processor times from a script: the first model always takes 1 ms."""

        def __init__(self, factors: list[float]) -> None:
            self.factors = iter([1.0, *factors])

        def times(self, what: str, warmup: int, runs: int, seconds: float) -> object:
            cpu = np.full(runs, 1e6 * next(self.factors))
            return type("Times", (), {"cpu": cpu, "wall": cpu})

    first, second = Fake([1.0] * 10), Fake(ratios)
    assert compare_pair(first, second, rounds=10).verdict == verdict  # type: ignore[arg-type]
