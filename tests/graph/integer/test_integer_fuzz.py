"""Random graphs of many operators: the interpreter, LiteRT, TFLM and the generated C give the same bytes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_batches import run_on_host
from fuzz_oracles import ORACLES, Case, against_tflm, cases
from random_graphs import MOST_NODES, operators, random_graph

from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.ops import EDGE_OPS

SAMPLE = (5_000_000, 60)
"""First seed and number of the graphs here: others than in the committed campaign."""
RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"
SEEN = ("conv2d", "depthwise_conv2d", "fully_connected", "batch_matmul", "softmax", "add", "mul", "concat", "mean")
"""Operators that a campaign cannot do without; more come as the dialect grows."""
NEEDS = {
    "cortex-m4": ("arm-none-eabi-gcc",),
    "cortex-m55": ("qemu-system-arm",),
    **dict.fromkeys(("host", "dsp-twin", "mve-twin"), ("gcc",)),
}


@pytest.fixture(scope="module")
def sample() -> list[Case]:
    return cases(*SAMPLE)


@pytest.mark.slow
@pytest.mark.parametrize("oracle", ORACLES)
def test_random_graphs_agree(oracle: str, sample: list[Case]) -> None:
    for program in NEEDS.get(oracle, ()):
        if shutil.which(program) is None:
            pytest.skip(f"install {program}")
    if oracle.startswith("cortex"):
        pytest.importorskip("unicorn" if oracle == "cortex-m4" else "ziglang")
    tally = ORACLES[oracle](sample)
    assert tally.disagreements == []
    assert sum(tally.graphs.values()) == len(sample)
    assert tally.graphs["agree"] >= len(sample) // 2


def test_seed_gives_the_same_graph_again() -> None:
    for seed in (0, 7):
        (first, clips), (again, same) = random_graph(seed), random_graph(seed)
        assert tflite_bytes(first) == tflite_bytes(again)
        np.testing.assert_array_equal(clips, same)


def test_graphs_have_one_to_twelve_operators_of_every_kind() -> None:
    seen: set[str] = set()
    sizes = set()
    for seed in range(120):
        graph, _ = random_graph(seed)
        seen |= set(operators(graph))
        sizes.add(len(graph.nodes))
    assert min(sizes) == 1
    assert MOST_NODES - 2 <= max(sizes) <= MOST_NODES
    assert {name.removesuffix(" int16") for name in seen} == set(EDGE_OPS) - {"dequantize"}


def test_other_bytes_are_a_disagreement(sample: list[Case]) -> None:
    case = sample[0]
    wrong = Case(case.seed, case.graph, case.clips, case.expected + np.eye(*case.expected.shape, dtype=np.int8))
    tally = against_tflm([wrong, case])
    assert tally.disagreements == [(case.seed, "other bytes")]
    assert dict(tally.graphs) == {"disagree": 1, "agree": 1}


def test_bad_access_of_one_model_is_seen_and_the_others_answer(sample: list[Case], tmp_path: Path) -> None:
    models = [generate(case.graph, None, find_target("cpu"), f"g{i}") for i, case in enumerate(sample[:3])]
    header = models[1].files["g1.h"]
    arena = int(models[1].manifest["arena_bytes"])
    smaller = header.replace(f"#define G1_ARENA_BYTES {arena}", "#define G1_ARENA_BYTES 1")
    assert smaller != header
    models[1] = replace(models[1], files={**models[1].files, "g1.h": smaller})
    answers = run_on_host(models, [case.clips for case in sample[:3]], tmp_path)
    assert answers[1].outputs is None
    assert "Sanitizer" in answers[1].trouble or "runtime error" in answers[1].trouble
    for i in (0, 2):
        np.testing.assert_array_equal(answers[i].outputs, sample[i].expected)


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("fuzz_integer", {"litert": 10_000, "tflm": 10_000, "host": 10_000}),
        ("fuzz_cores", {"cortex-m4": 1000, "cortex-m55": 1000}),
    ],
)
def test_committed_campaigns_have_no_unexplained_disagreement(name: str, least: dict[str, int]) -> None:
    record = json.loads((RESULTS / f"{name}.json").read_text())
    assert record["disagreements"] == []
    for row in record["rows"]:
        assert row["disagree"] == 0, row
    whole = {row["oracle"]: row for row in record["rows"] if row["operator"] == "whole graphs"}
    for oracle, count in least.items():
        assert whole[oracle]["agree"] + whole[oracle]["known"] >= count


def test_committed_campaign_has_every_operator() -> None:
    record = json.loads((RESULTS / "fuzz_integer.json").read_text())
    names = {row["operator"] for row in record["rows"] if row["oracle"] == "host" and row["agree"] > 0}
    assert names >= {name for op in SEEN for name in (op, f"{op} int16")}
