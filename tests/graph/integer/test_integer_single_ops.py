"""Every integer operator alone, with random shapes and quantization, against TFLM and LiteRT byte for byte."""

from __future__ import annotations

import numpy as np
import pytest
from edge_ops import OPS
from int8_oracles import litert_outputs, random_int8, tflm_outputs

from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.integer.interpreter import run_integer

SEEDS = range(24)
CLIPS = 12


LITERT_DIFFERS = ("fully_connected", "sum")
"""Operators whose LiteRT kernels compute otherwise than TFLM's (test_integer_disagreements.py shows how)."""


@pytest.mark.parametrize("op", OPS)
def test_operator_equals_tflm(op: str) -> None:
    for seed in SEEDS:
        graph = OPS[op](np.random.default_rng(seed)).graph()
        clips = random_int8(np.random.default_rng(seed + 1000), (CLIPS, *_clip_shape(graph)))
        expected = tflm_outputs(tflite_bytes(graph), clips)
        np.testing.assert_array_equal(_ours(graph, clips), expected.reshape(CLIPS, -1), err_msg=f"{op}, seed {seed}")


@pytest.mark.parametrize("op", [op for op in OPS if op not in LITERT_DIFFERS])
def test_operator_equals_litert(op: str) -> None:
    for seed in SEEDS:
        graph = OPS[op](np.random.default_rng(seed)).graph()
        clips = random_int8(np.random.default_rng(seed + 1000), (CLIPS, *_clip_shape(graph)))
        expected = litert_outputs(tflite_bytes(graph), clips)
        np.testing.assert_array_equal(_ours(graph, clips), expected.reshape(CLIPS, -1), err_msg=f"{op}, seed {seed}")


def _clip_shape(graph) -> tuple[int, ...]:  # type: ignore[no-untyped-def]
    dims = graph.tensor(graph.inputs[0]).dims
    return dims[1:] if dims[0] == 1 else dims


def _ours(graph, clips: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    return run_integer(graph, clips).reshape(len(clips), -1)
