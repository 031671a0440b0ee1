"""``edgekit diff`` as a user meets it: counts side by side, changed layers, bounds, budgets, folders."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgekit.cli.main import main
from edgekit.report.schemas import json_schema


def save(path: Path, channels: int = 8, extra: bool = False, frames: int | str = 20) -> Path:
    """Conv 3×3, 4 → channels over 10×20 with padding, Relu; with ``extra`` a depthwise Conv 3×3 in front."""
    nodes, weights, x = [], {"w": np.zeros((channels, 4, 3, 3), np.float32)}, "x"
    if extra:
        nodes.append(helper.make_node("Conv", ["x", "d"], ["e"], name="front", group=4, pads=[1, 1, 1, 1]))
        weights["d"], x = np.zeros((4, 1, 3, 3), np.float32), "e"
    nodes.append(helper.make_node("Conv", [x, "w"], ["c"], name="main", pads=[1, 1, 1, 1]))
    nodes.append(helper.make_node("Relu", ["c"], ["y"], name="act"))
    graph = helper.make_graph(
        nodes,
        "hand",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 10, frames])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, channels, 10, frames])],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["diff", *map(str, arguments)])
    captured = capsys.readouterr()
    assert "internal error" not in captured.err
    return code, captured.out, captured.err


def compare(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, dict[str, object]], dict]:
    code, out, _ = run(capsys, *arguments, "--format", "json")
    document = json.loads(out)
    jsonschema.validate(document, json_schema("diff"))
    model = document["models"][0]
    return code, {change["key"]: change for change in model["changes"]}, model


def test_counts_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, head = save(tmp_path / "a.onnx", 8), save(tmp_path / "b.onnx", 10)
    code, changes, model = compare(capsys, base, head)
    assert code == 0 and model["status"] == "changed"
    # 36 MACs an output value: 10·20·36·8 and 10·20·36·10
    assert changes["macs_true"]["base"]["value"] == 57_600
    assert changes["macs_true"]["delta"] == 14_400
    assert changes["macs_true"]["ratio"] == pytest.approx(0.25)
    assert changes["parameters"]["delta"] == 72
    assert [(layer["kind"], layer["head"]["name"]) for layer in model["layers"]] == [
        ("changed", "main"),
        ("changed", "act"),
    ]


def test_a_model_against_itself_is_unchanged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save(tmp_path / "a.onnx")
    code, changes, diff = compare(capsys, model, model, "--max-increase", "macs=0%")
    assert code == 0 and diff["status"] == "unchanged" and diff["layers"] == []
    assert {change["delta"] for change in changes.values()} <= {0, None}


def test_a_layer_put_in_leaves_the_others_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, head = save(tmp_path / "a.onnx"), save(tmp_path / "b.onnx", extra=True)
    _, _, model = compare(capsys, base, head)
    assert [(layer["kind"], layer["head"]["name"]) for layer in model["layers"]] == [("added", "front")]
    _, _, model = compare(capsys, head, base)
    assert [(layer["kind"], layer["base"]["name"]) for layer in model["layers"]] == [("removed", "front")]


@pytest.mark.parametrize(
    "bound,code",
    [
        ("macs=25%", 0),
        ("macs=24.9%", 1),
        ("macs=14.4k", 0),
        ("macs=14399", 1),
        ("parameters=72", 0),
        ("parameters=71", 1),
        ("parameter_bytes=288 B,macs=30%", 0),
        ("float_ops=0", 0),
    ],
)
def test_a_bound_on_an_increase(bound: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, head = save(tmp_path / "a.onnx", 8), save(tmp_path / "b.onnx", 10)
    assert run(capsys, base, head, "--max-increase", bound)[0] == code
    assert run(capsys, head, base, "--max-increase", bound)[0] == 0, "a model may always become smaller"


def test_what_is_undecided_never_keeps_a_bound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, head = save(tmp_path / "a.onnx"), save(tmp_path / "b.onnx", frames="time")
    assert run(capsys, base, head)[0] == 0, "nothing was demanded"
    code, out, _ = run(capsys, base, head, "--max-increase", "macs=1000%")
    assert code == 2 and "undecided max_increase.macs" in out
    assert run(capsys, base, head, "--max-increase", "macs=0%", "--dim", "time=20")[0] == 0


def test_the_head_is_judged_against_a_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    budget = tmp_path / "mine.toml"
    budget.write_text('source = "a test"\n[limits]\nmacs = 60_000\n')
    small, large = save(tmp_path / "a.onnx", 8), save(tmp_path / "b.onnx", 10)
    assert run(capsys, large, small, "--budget", budget)[0] == 0
    code, out, _ = run(capsys, small, large, "--budget", budget)
    assert code == 1 and "fail mine: macs: 72,000 MAC (true) exceed 60,000 MAC" in out


def test_folders_are_compared_by_file_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, head = tmp_path / "base", tmp_path / "head"
    save(base / "kept.onnx"), save(head / "kept.onnx")
    save(base / "gone.onnx"), save(head / "new.onnx")
    code, out, _ = run(capsys, base, head, "--format", "json", "--max-increase", "macs=0%")
    document = json.loads(out)
    jsonschema.validate(document, json_schema("diff"))
    assert code == 0
    assert {model["name"]: model["status"] for model in document["models"]} == {
        "gone.onnx": "removed",
        "kept.onnx": "unchanged",
        "new.onnx": "added",
    }


def test_a_broken_head_is_undecided_and_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, head = tmp_path / "base", tmp_path / "head"
    for folder in (base, head):
        save(folder / "a.onnx"), save(folder / "b.onnx")
    (head / "a.onnx").write_bytes(b"nothing")
    code, out, _ = run(capsys, base, head, "--format", "json")
    assert code == 2
    assert [model["status"] for model in json.loads(out)["models"]] == ["unreadable", "unchanged"]


@pytest.mark.parametrize(
    "options,expected",
    [
        (("--max-increase", "mac=5%"), "did you mean 'macs'?"),
        (("--max-increase", "macs=5 kB"), "is no unit"),
        (("--max-increase", "macs=-5%"), "0 or more"),
        (("--max-increase", "macs=many%"), "is not a share"),
        (("--max-increase", "macs"), "COUNT=BOUND"),
        (("--budget", "dcase2024-task"), "did you mean 'dcase2024-task1'?"),
    ],
)
def test_a_wrong_option_is_one_line_with_a_suggestion(
    options: tuple[str, str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save(tmp_path / "m.onnx")
    code, out, err = run(capsys, model, model, *options)
    assert (code, out) == (2, "") and expected in err and len(err.splitlines()) == 1


def test_a_file_against_a_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, save(tmp_path / "m.onnx"), tmp_path)
    assert code == 2 and "name two files or two folders" in err


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_the_tables_show_what_changed(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, head = save(tmp_path / "a.onnx", 8), save(tmp_path / "b.onnx", 10)
    code, out, _ = run(capsys, base, head, "--format", form, "--max-increase", "macs=5%")
    assert code == 1
    for text in ("57,600", "72,000", "+14,400", "+25.00%", "288 → 360"):
        assert text in out
