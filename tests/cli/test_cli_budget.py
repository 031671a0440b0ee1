"""``edgekit budget`` as a user meets it: list, show, new, rank, schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli_check_budget import save_conv

from edgekit.budget.toml import budget_names, read_budget
from edgekit.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["budget", *map(str, arguments)])
    captured = capsys.readouterr()
    assert "internal error" not in captured.err
    return code, captured.out, captured.err


def test_list_names_every_budget(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "list")
    assert code == 0 and all(name in out for name in budget_names())
    _, out, _ = run(capsys, "list", "--format", "json")
    rows = json.loads(out)["budgets"]
    assert [row["name"] for row in rows] == list(budget_names())


def test_show_prints_limits_rules_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "show", "nucleo-h743zi")
    assert code == 0
    assert "524,288 B" in out and "DS12110" in out and "The activation arena" in out
    _, out, _ = run(capsys, "show", "dcase2024-task1", "--format", "json")
    budget = json.loads(out)["budget"]
    assert budget["limits"]["macs"] == 30_000_000 and budget["counting"] == "dcase"
    assert budget["rules"]["macs"].startswith("The multiply-accumulates")


def test_show_suggests_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "show", "dcase2024-task")
    assert (code, out) == (2, "") and "did you mean 'dcase2024-task1'?" in err


def test_new_writes_a_commented_budget_that_reads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    limits = ("--limit", "macs=10 M", "--limit", "float_ops=0", "--limit", "latency.cortex-m4=20 ms")
    code, _, _ = run(capsys, "new", path, *limits, "--source", 'a "decision"\n', "--counting", "dcase")
    assert code == 0
    budget = read_budget(path)
    assert dict(budget.limits) == {"macs": 10_000_000, "float_ops": 0}
    assert dict(budget.latency) == {"cortex-m4": 20.0}
    assert (budget.counting, budget.source) == ("dcase", 'a "decision"\n')
    text = path.read_text()
    assert "# The learned weights of the model" in text and "# parameters =" in text


def test_new_keeps_a_file_that_exists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    options = ("--limit", "macs=1 M", "--source", "a test")
    assert run(capsys, "new", path, *options)[0] == 0
    code, _, err = run(capsys, "new", path, "--limit", "macs=2 M", "--source", "a test")
    assert code == 2 and "--force" in err and read_budget(path).limits["macs"] == 1_000_000
    assert run(capsys, "new", path, "--limit", "macs=2 M", "--source", "a test", "--force")[0] == 0
    assert read_budget(path).limits["macs"] == 2_000_000


@pytest.mark.parametrize(
    "limits,expected",
    [
        (("mac=1 M",), "did you mean 'macs'?"),
        (("macs=1 MB",), "is no unit"),
        (("macs=-1",), "not negative"),
        (("macs",), "KEY=VALUE"),
        (("latency.cortex-m44=1 ms",), "did you mean 'cortex-m4'?"),
        (("latency=1 ms",), "latency"),
        ((), "limits nothing"),
    ],
)
def test_new_refuses_what_a_budget_refuses_and_writes_nothing(
    limits: tuple[str, ...], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    options = [word for limit in limits for word in ("--limit", limit)]
    code, out, err = run(capsys, "new", path, *options, "--source", "a test")
    assert (code, out) == (2, "") and expected in err and len(err.splitlines()) == 1
    assert not path.exists()


def test_rank_is_the_formula_of_2023(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By hand: ranks a (2, 3, 3), b (3, 1, 2), c (1, 2, 1); scores 2.5, 2.25, 1.25."""
    table = tmp_path / "t.csv"
    table.write_text("name,accuracy,memory,macs\na,57 %,128 kB,29.4 M\nb,0.55,60000,10 M\nc,0.59,92720,2657932\n")
    code, out, _ = run(capsys, "rank", table, "--format", "json")
    rows = json.loads(out)["submissions"]
    assert code == 0
    assert [(row["place"], row["name"], row["score"]) for row in rows] == [
        (1, "c", 1.25),
        (2, "b", 2.25),
        (3, "a", 2.5),
    ]
    assert rows[1]["memory_bytes"] == {"value": 60_000, "rank": 1}


def test_equal_systems_share_the_best_rank(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.json"
    systems = [("a", 0.5, 1000, 10), ("b", 0.5, 1000, 10), ("c", 0.4, 2000, 10)]
    rows = [dict(zip(("name", "accuracy", "memory", "macs"), system, strict=True)) for system in systems]
    table.write_text(json.dumps(rows))
    _, out, _ = run(capsys, "rank", table, "--format", "json")
    ranks = {
        row["name"]: (row["accuracy"]["rank"], row["memory_bytes"]["rank"], row["macs"]["rank"], row["score"])
        for row in json.loads(out)["submissions"]
    }
    assert ranks == {"a": (1, 1, 1, 1.0), "b": (1, 1, 1, 1.0), "c": (3, 3, 1, 2.5)}


def test_a_model_file_stands_for_its_memory_and_macs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_conv(tmp_path / "m.onnx")  # 288 float32 weights over 200 positions
    table = tmp_path / "t.csv"
    table.write_text("name,accuracy,memory,macs,model\na,0.5,1 kB,1 M,\nb,0.6,,,m.onnx\n")
    code, out, _ = run(capsys, "rank", table, "--format", "json")
    first = json.loads(out)["submissions"][0]
    assert code == 0 and first["name"] == "b"
    assert (first["memory_bytes"]["value"], first["macs"]["value"]) == (4 * 288, 288 * 200)


@pytest.mark.parametrize(
    "text,expected",
    [
        ("name,accuracy,memory,macs\na,0.5,1 kB,1 M\n", "two submissions or more"),
        ("name,accuracy,memory,macs\na,0.5,1 kB,1 M\na,0.5,1 kB,1 M\n", "are called 'a'"),
        ("name,accuracy,memory,macs\na,57,1 kB,1 M\nb,0.5,1 kB,1 M\n", "is not a share"),
        ("name,accuracy,memory,macs\na,0.5,,1 M\nb,0.5,1 kB,1 M\n", "has no memory"),
        ("name,accuracy,memory,mac\na,0.5,1 kB,1 M\nb,0.5,1 kB,1 M\n", "unknown column 'mac'"),
        ("name,accuracy,model\na,0.5,no.onnx\nb,0.5,no.onnx\n", "no.onnx"),
    ],
)
def test_a_wrong_table_is_one_line(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t.csv"
    table.write_text(text)
    code, out, err = run(capsys, "rank", table)
    assert (code, out) == (2, "") and expected in err and len(err.splitlines()) == 1


def test_schema_prints_the_published_schema(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "schema", "diff")
    assert code == 0 and json.loads(out)["title"] == "edgekit diff --format json"
