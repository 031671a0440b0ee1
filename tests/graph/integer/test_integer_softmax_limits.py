"""Softmax of 512 and more nearly equal int8 values: TFLM and LiteRT end the process, edgekit answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from int8_oracles import litert_outputs, tflm_outputs

from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.ops import FIXED_OUTPUTS

ORACLES = {"litert": litert_outputs, "tflm": tflm_outputs}


def softmax(values: int) -> Graph:
    builder = Builder(np.random.default_rng(0), (1, values))
    scale, zero_point = FIXED_OUTPUTS["softmax"]
    output = builder.activation("output", (1, values), scale=scale, zero_point=zero_point)
    builder.append("softmax", ("input",), output, {"beta": 1.0})
    return builder.graph()


@pytest.mark.parametrize("oracle", ORACLES)
def test_400_equal_values_are_a_256th_each_to_the_nearest_step(oracle: str) -> None:
    graph, clip = softmax(400), np.full((1, 400), 5, np.int8)
    expected = np.full((1, 400), -128 + 1, np.int8)
    np.testing.assert_array_equal(run_integer(graph, clip), expected)
    np.testing.assert_array_equal(ORACLES[oracle](tflite_bytes(graph), clip), expected)


@pytest.mark.parametrize("oracle", ORACLES)
def test_more_equal_values_end_the_process_of_both_interpreters(oracle: str, tmp_path: Path) -> None:
    """RoundingDivideByPOT checks that it shifts by 31 at most; sums of exponentials from 512 on ask for 32."""
    graph, clip = softmax(600), np.full((1, 600), 5, np.int8)
    np.testing.assert_array_equal(run_integer(graph, clip), np.full((1, 600), -128, np.int8))  # 256 / 600 < 0.5
    (tmp_path / "m.tflite").write_bytes(tflite_bytes(graph))
    script = (
        "import sys, numpy as np; from pathlib import Path\n"
        f"from int8_oracles import {oracle}_outputs\n"
        f"{oracle}_outputs(Path(sys.argv[1]).read_bytes(), np.full((1, 600), 5, np.int8))\n"
    )
    tests = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "m.tflite")], env={"PYTHONPATH": tests}, capture_output=True
    )
    assert done.returncode == -6
