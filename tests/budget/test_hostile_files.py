"""The malformed corpus and a sample of the mutation campaign (the whole of both is in benchmarks/)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

from cases import ROOMY, judge  # noqa: E402 - helpers of the benchmarks
from fuzz_budget import run_bytes, run_case  # noqa: E402
from fuzz_files import good_files  # noqa: E402
from malformed_files import MAKERS, model_bytes, node, put, write_good  # noqa: E402

HARDEST = [
    "ONNX with a length that becomes a rank",
    "ONNX Concat that doubles 60 times",
    "ONNX with a million empty nodes",
    "ONNX protobuf nested 5,000 deep",
    "TFLite subgraphs that multiply",
    ".pt2 deflate bomb",
    ".pt2 with ten million empty lists",
    "safetensors nested 100,000 deep",
]
"""Cases that ask for most, run in processes of their own."""


@pytest.fixture
def budget(tmp_path: Path) -> Path:
    path = tmp_path / "roomy.toml"
    path.write_text(ROOMY)
    return path


@pytest.mark.parametrize("name", MAKERS)
def test_a_malformed_file_is_never_passed(
    name: str, tmp_path: Path, budget: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgekit.cli.main import main

    folder = tmp_path / "case"
    folder.mkdir()
    path = MAKERS[name](folder)
    code = main(["check-budget", str(path), "--budget", str(budget)])
    err = capsys.readouterr().err
    assert code in (1, 2)
    assert "Traceback" not in err and "internal error" not in err


@pytest.mark.parametrize("name", HARDEST)
def test_the_hardest_are_answered_in_bounded_time_and_memory(name: str, tmp_path: Path, budget: Path) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    outcome = judge(MAKERS[name](folder), budget)
    assert outcome.code == 2
    assert outcome.cpu_seconds < 2
    assert outcome.megabytes < 500


def test_the_good_files_pass(tmp_path: Path, budget: Path) -> None:
    """Otherwise the corpus and the mutations would show nothing."""
    pytest.importorskip("torch")  # writes one of them
    for name, path in write_good(tmp_path / "good"):
        assert judge(path, budget).code == 0, name
    for name, (suffix, data) in good_files().items():
        assert run_bytes(suffix, data, tmp_path)[0] == 0, name


def test_a_sample_of_mutations_is_answered_without_trouble(tmp_path: Path, budget: Path) -> None:
    """Whether those that pass are still good is judged by the campaign, with the formats' own software."""
    pytest.importorskip("torch")
    for name, (suffix, data) in good_files().items():
        for seed in range(40):
            case = run_case(name, suffix, data, seed, tmp_path)
            assert case["trouble"] == "", case
            assert case["code"] in (0, 1, 2), case
            assert case["seconds"] < 2, case


@pytest.mark.parametrize("name", ["malformed", "fuzz_budget", "budget_corpus"])
def test_the_committed_results_show_nothing_wrong(name: str) -> None:
    result = json.loads((BENCHMARKS / "results" / f"{name}.json").read_text())
    wrong = result.get("wrong", result.get("failed"))
    assert not (any(wrong.values()) if isinstance(wrong, dict) else wrong)
    least = {"malformed": ("cases", 100), "fuzz_budget": ("cases", 20_000), "budget_corpus": ("models", 2_024)}
    key, number = least[name]
    assert result[key] >= number


@pytest.mark.slow
def test_half_a_gigabyte_of_external_weights_is_not_read(tmp_path: Path, budget: Path) -> None:
    """A sparse file of 512 MB beside a model of a few bytes: judged in under 3 s, with little of it in memory."""
    from onnx import TensorProto

    with (tmp_path / "weights.bin").open("wb") as stream:
        stream.truncate(512 * 2**20)
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[8192, 16384])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", str(512 * 2**20))):
        weight.external_data.add(key=key, value=value)
    path = put(tmp_path, model_bytes([node("MatMul", ["x", "w"], ["y"])], [1, 8192], initializers=(weight,)))
    outcome = judge(path, budget)
    assert outcome.code == 0
    assert outcome.seconds < 3
    assert outcome.megabytes < 200
