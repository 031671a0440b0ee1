"""Graphs that round once: every operator against real numbers, exact rational arithmetic, and what carries the word."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import tiny_graph
from edge_ops import OPS
from hypothesis import given
from hypothesis import strategies as st
from int8_oracles import random_int8

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.core.model_metadata import ROUNDING_KEY
from edgekit.export.qdq_writer import qdq_model
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.integer import fixed_point as fp
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.integer.params_rescale import Rescale, multiplier_of
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.rounding import ONCE, TWICE, rounding_of, with_rounding

RESCALING = (
    "conv2d", "conv2d with groups", "depthwise_conv2d", "fully_connected", "batch_matmul", "mean", "sum", "add", "sub",
    "mul", "relu", "leaky_relu", "quantize",
)  # fmt: skip
"""Operators of which a byte is one real number, rounded."""
SEEDS = range(500, 512)
NEAR_A_HALF = 2e-3
"""Steps from a half within which float32 may fall on the other side."""


@given(st.integers(fp.INT32_MIN, fp.INT32_MAX), st.integers(1 << 30, fp.INT32_MAX), st.integers(-31, 30))
def test_the_product_is_rounded_once_halves_up(x: int, multiplier: int, shift: int) -> None:
    expected = floor(Fraction(x * multiplier) / Fraction(2) ** (31 - shift) + Fraction(1, 2))
    if fp.INT32_MIN <= expected <= fp.INT32_MAX:
        assert int(fp.multiply_rounding_once(np.int64(x), multiplier, shift)) == expected
        assert int(Rescale(multiplier, shift, ONCE)(np.int64(x))) == expected


def test_a_value_that_two_roundings_move() -> None:
    # Just below one half: rounded at its 31st bit it is one half, and that goes up.
    multiplier, shift = (1 << 31) - 1, -1
    assert Fraction(multiplier, 1 << 32) < Fraction(1, 2)
    assert int(Rescale(multiplier, shift, ONCE)(np.int64(1))) == 0
    assert int(Rescale(multiplier, shift, TWICE)(np.int64(1))) == 1


def test_factors_too_large_for_one_rounding_are_the_largest_that_it_has() -> None:
    assert multiplier_of(1.5 * 2.0**30, TWICE) == (3 << 29, 31)
    assert multiplier_of(1.5 * 2.0**30, ONCE) == ((1 << 31) - 1, 30)


def _real_steps(graph: Graph, clips: np.ndarray) -> np.ndarray:
    """The output in steps, not rounded, of the graph with its integers as the real numbers that they stand for."""
    tensors = {}
    for name, tensor in graph.tensors.items():
        data = None
        if tensor.data is not None:
            assert tensor.quant is not None
            shape = [1] * tensor.data.ndim
            shape[tensor.quant.axis or 0] = -1
            scale, zero = (np.asarray(part, np.float64) for part in (tensor.quant.scale, tensor.quant.zero_point))
            data = ((tensor.data - zero.reshape(shape)) * scale.reshape(shape)).astype(np.float32)
        tensors[name] = tensor.replace(dtype="float32", quant=None, data=data)
    nodes = [node.replace(op="reshape") if node.op == "quantize" else node for node in graph.nodes]
    scale, zero = graph.tensor(graph.inputs[0]).scale_zero()
    real = run_float(graph.replace(tensors=tensors, nodes=tuple(nodes)), (clips.astype(np.float32) - zero) * scale)
    scale, zero = graph.tensor(graph.outputs[0]).scale_zero()
    return np.asarray(real, np.float64) / scale + zero


@pytest.mark.parametrize("op", RESCALING)
def test_every_byte_is_the_real_number_rounded_once(op: str) -> None:
    compared = 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        graph = OPS[op](rng).graph()
        dims = graph.tensor(graph.inputs[0]).dims
        clips = random_int8(rng, (6, *(dims[1:] if dims[0] == 1 else dims)))
        steps = _real_steps(graph, clips)
        made = run_integer(with_rounding(graph, ONCE), clips)
        clear = np.abs(steps - np.floor(steps) - 0.5) > NEAR_A_HALF
        compared += int(clear.sum())
        expected = np.clip(np.floor(steps + 0.5), -128, 127)
        np.testing.assert_array_equal(made[clear], expected[clear], err_msg=f"{op}, seed {seed}")
    assert compared > 500


def test_two_roundings_give_other_bytes_somewhere() -> None:
    other = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        graph = OPS["quantize"](rng).graph()
        clips = random_int8(rng, (4, *graph.tensor(graph.inputs[0]).dims[1:]))
        other += not np.array_equal(run_integer(graph, clips), run_integer(with_rounding(graph, ONCE), clips))
    assert other > 0


def test_files_carry_the_word_and_say_nothing_of_the_default(tmp_path: Path) -> None:
    graph = tiny_graph()
    once = with_rounding(graph, ONCE)
    (tmp_path / "once.tflite").write_bytes(tflite_bytes(once))
    (tmp_path / "once.onnx").write_bytes(qdq_model(once).SerializeToString())
    for file in ("once.tflite", "once.onnx"):
        assert rounding_of(lower(load_graph(tmp_path / file))) == ONCE
    assert tflite_bytes(with_rounding(once, TWICE)) == tflite_bytes(graph)
    assert ROUNDING_KEY not in with_rounding(once, TWICE).metadata
    assert with_rounding(once, None) is once


def test_a_read_file_computes_what_was_written(tmp_path: Path) -> None:
    once = with_rounding(tiny_graph(), ONCE)
    (tmp_path / "once.tflite").write_bytes(tflite_bytes(once))
    clips = random_int8(np.random.default_rng(0), (20, *once.tensor(once.inputs[0]).dims[1:]))
    np.testing.assert_array_equal(
        run_integer(lower(load_graph(tmp_path / "once.tflite")), clips), run_integer(once, clips)
    )


def test_an_unknown_word_is_refused_wherever_it_comes_from(tmp_path: Path) -> None:
    graph = tiny_graph()
    with pytest.raises(BadConfigError, match="unknown rounding 'thrice'"):
        with_rounding(graph, "thrice")
    damaged = graph.replace(metadata={ROUNDING_KEY: "thrice"})
    (tmp_path / "damaged.tflite").write_bytes(tflite_bytes(damaged))
    read = lower(load_graph(tmp_path / "damaged.tflite"))
    with pytest.raises(BadFileError, match="rounding 'thrice'"):
        run_integer(read, np.zeros((1, *graph.tensor(graph.inputs[0]).dims[1:]), np.int8))
