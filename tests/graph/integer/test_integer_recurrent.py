"""svdf and lstm against TFLM and LiteRT, frame by frame and clip by clip."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from int8_oracles import litert_outputs, random_int8, tflm_outputs
from random_chain import Chain
from random_recurrent import lstm, resets, svdf

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.export.tflite_writer import tflite_bytes, write_tflite
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import prepare, run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.tflite_reader import read_tflite

CLIPS = 25


def svdf_graph(seed: int, memory: str = "int16") -> Graph:
    rng = np.random.default_rng(seed)
    chain = Chain(rng, (1, int(rng.integers(1, 40))))
    svdf(chain, memory)
    return chain.graph()


def lstm_graph(seed: int, steps: int | None = None) -> Graph:
    rng = np.random.default_rng(seed)
    steps = int(rng.integers(1, 13)) if steps is None else steps
    chain = Chain(rng, (1, int(rng.integers(1, 20)) * steps))
    while not chain.nodes or chain.tensors[chain.nodes[-1].outputs[0]].dims[1] != steps:
        chain = Chain(rng, chain.tensors["input"].dims)
        lstm(chain)
    return chain.graph()


def clips_for(graph: Graph, seed: int, count: int = CLIPS) -> np.ndarray:
    return random_int8(np.random.default_rng(seed), (count, *graph.tensor("input").dims[1:]))


@pytest.mark.parametrize("oracle", [tflm_outputs, litert_outputs])
def test_svdf_with_an_int16_memory_equals_both_runtimes_frame_by_frame(oracle: Callable[..., np.ndarray]) -> None:
    for seed in range(20):
        graph = svdf_graph(seed)
        clips = clips_for(graph, seed)
        np.testing.assert_array_equal(run_integer(graph, clips), oracle(tflite_bytes(graph), clips), str(seed))


def test_svdf_with_an_int8_memory_equals_tflm() -> None:
    """LiteRT has no such kernel and reads beyond the memory."""
    for seed in range(20):
        graph = svdf_graph(seed, "int8")
        clips = clips_for(graph, seed)
        np.testing.assert_array_equal(run_integer(graph, clips), tflm_outputs(tflite_bytes(graph), clips), str(seed))


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_lstm_equals_tflm(steps: int) -> None:
    """A single step goes on from clip to clip, several begin at zero."""
    for seed in range(12):
        graph = lstm_graph(seed, steps)
        assert resets(graph) is (steps > 1)
        clips = clips_for(graph, seed)
        theirs = tflm_outputs(tflite_bytes(graph), clips, reset=resets(graph))
        np.testing.assert_array_equal(run_integer(graph, clips), theirs.reshape(CLIPS, *theirs.shape[1:]), str(seed))


def test_lstm_of_litert_has_other_functions_of_gates() -> None:
    """gemmlowp's fixed point of 16 bits instead of TFLM's table: a few steps at most."""
    largest = 0
    for seed in range(12):
        graph = lstm_graph(seed, 6)
        clips = clips_for(graph, seed)
        theirs = litert_outputs(tflite_bytes(graph), clips, reset=True)
        largest = max(largest, int(np.abs(theirs.astype(int) - run_integer(graph, clips)).max()))
    assert 0 < largest <= 4


def test_a_carried_state_goes_on_through_chunks_of_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    for graph in (svdf_graph(3), lstm_graph(3, 1)):
        clips = clips_for(graph, 3)
        whole = run_integer(graph, clips)
        monkeypatch.setattr("edgekit.graph.integer.interpreter._CHUNK_ELEMENTS", 1)
        np.testing.assert_array_equal(run_integer(graph, clips), whole)
        monkeypatch.undo()
        assert not np.array_equal(run_integer(graph, clips[1:]), whole[1:])  # it does matter what came before


@pytest.mark.parametrize("make", [svdf_graph, partial(svdf_graph, memory="int8"), lstm_graph])
def test_files_are_read_back_as_they_were(make: Callable[[int], Graph], tmp_path: Path) -> None:
    for seed in range(4):
        graph = make(seed)
        write_tflite(graph, tmp_path / "model.tflite")
        again = lower(read_tflite(tmp_path / "model.tflite"))
        assert [node.op for node in again.nodes] == [node.op for node in graph.nodes]
        assert again.variables == graph.variables and again.inputs == graph.inputs and again.outputs == graph.outputs
        clips = clips_for(graph, seed)
        np.testing.assert_array_equal(run_integer(again, clips), run_integer(graph, clips))


def changed(graph: Graph, op: str, position: int, **fields: object) -> Graph:
    node = next(node for node in graph.nodes if node.op == op)
    tensor = graph.tensor(node.inputs[position]).replace(**fields)
    return graph.replace(tensors={**graph.tensors, tensor.name: tensor})


def test_forms_without_a_kernel_are_refused() -> None:
    from edge_graphs import quant

    with pytest.raises(UnsupportedOpError, match="memory whose zero point"):
        prepare(changed(svdf_graph(0), "svdf", 4, quant=quant(0.1, 3)))
    with pytest.raises(UnsupportedOpError, match=r"cell of int16 in steps of 0\.1"):
        prepare(changed(lstm_graph(0, 4), "lstm", 14, quant=quant(0.1, 0)))
    with pytest.raises(BadFileError, match="hidden state is not quantized as the output"):
        prepare(changed(lstm_graph(0, 4), "lstm", 13, quant=quant(0.5, 0)))
