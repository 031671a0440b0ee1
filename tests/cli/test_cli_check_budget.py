"""``edgekit check-budget`` as a user meets it: exit codes, one-line errors, JSON, start-up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgekit.cli.main import main

ONE_LINE = 'source = "a test"\n'


def save_conv(
    path: Path, batch: int | str = 1, frames: int | str = 20, op: str = "Relu", metadata: dict[str, str] | None = None
) -> Path:
    """Conv 3×3, 4 → 8 channels over 10 × ``frames``: 57,600 MACs at batch 1 and 20 frames; then ``op``."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv1", pads=[1, 1, 1, 1]),
        helper.make_node(op, ["c"], ["y"], name="second"),
    ]
    graph = helper.make_graph(
        nodes,
        "hand",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 4, 10, frames])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 8, 10, frames])],
        [helper.make_tensor("w", TensorProto.FLOAT, [8, 4, 3, 3], np.zeros(288, np.float32))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


@pytest.fixture
def budget(tmp_path: Path) -> str:
    path = tmp_path / "roomy.toml"
    path.write_text(ONE_LINE + '[limits]\nmacs = "1 M"\nparameters = "1 k"\npeak_ram = "1 MB"\n')
    return str(path)


@pytest.fixture
def tight(tmp_path: Path) -> str:
    path = tmp_path / "tight.toml"
    path.write_text(ONE_LINE + "[limits]\nmacs = 100\n")
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["check-budget", *map(str, arguments)])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert "internal error" not in captured.err
    return code, captured.out, captured.err


def test_exit_codes_and_verdict(tmp_path: Path, budget: str, tight: str, capsys: pytest.CaptureFixture[str]) -> None:
    model = save_conv(tmp_path / "m.onnx")
    code, out, _ = run(capsys, model, "--budget", budget)
    assert code == 0 and "verdict: PASS" in out
    code, out, _ = run(capsys, model, "--budget", tight)
    assert code == 1 and "verdict: FAIL" in out
    assert "fail macs: 57,600 MAC (true) exceed 100 MAC by 57,500" in out
    code, out, _ = run(capsys, model, "--budget", budget, "--budget", tight)
    assert code == 1 and "against roomy: PASS" in out and "against tight: FAIL" in out


def test_json_has_the_published_shape(tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]) -> None:
    model = save_conv(tmp_path / "m.onnx")
    code, out, _ = run(capsys, model, "--budget", budget, "--format", "json")
    answer = json.loads(out)
    assert code == 0
    assert answer["schema_version"] == 1
    assert answer["verdict"] == "pass"
    (row,) = answer["models"]
    keys = {"path", "verdict", "parameters", "parameter_bytes", "macs", "peak_ram_bytes", "float_ops", "findings"}
    assert keys <= row.keys()
    assert row["path"] == str(model)
    assert row["macs"] == {"true": 57_600, "dcase": 57_600}
    assert row["parameters"] == 288
    assert row["parameter_bytes"] == 1_152
    assert row["peak_ram_bytes"] >= 4 * 10 * 20 * (4 + 8)
    assert row["float_ops"] == 2
    assert [layer["name"] for layer in row["float_layers"]] == ["conv1", "second"]
    assert row["findings"][0]["actual"]["convention"] == "true"
    assert "layers" not in row
    _, out, _ = run(capsys, model, "--budget", budget, "--format", "json", "--why")
    assert [layer["name"] for layer in json.loads(out)["models"][0]["layers"]] == ["conv1", "second"]


def test_why_shows_the_layers(tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, save_conv(tmp_path / "m.onnx"), "--budget", budget, "--why")
    assert any(line.split()[:4] == ["conv1", "Conv", "1×8×10×20", "288"] for line in out.splitlines())


def test_without_a_budget_the_default_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, save_conv(tmp_path / "m.onnx"))
    assert code == 0
    assert "thesis-128kB-30MMAC" in err
    assert "thesis-128kB-30MMAC: PASS" in out


def bad_models(folder: Path) -> dict[str, Path]:
    good = save_conv(folder / "good.onnx").read_bytes()
    files = {
        "text.onnx": b"this is not a model\n" * 20,
        "empty.onnx": b"",
        "truncated.onnx": good[: len(good) // 2],
        "eight.tflite": b"\x00\x00\x00\x00TFL3",
        "text.tflite": b"hello, I am text",
        "zeros.tflite": b"\x1c\x00\x00\x00TFL3" + b"\x00" * 64,
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "none").mkdir()
    paths = {name: folder / name for name in files}
    return {**paths, "missing": folder / "missing.onnx", "empty folder": folder / "none", "no suffix": folder / "model"}


@pytest.mark.parametrize(
    "case",
    ["text.onnx", "empty.onnx", "truncated.onnx", "eight.tflite", "text.tflite", "zeros.tflite", "missing",
     "empty folder", "no suffix"],
)  # fmt: skip
def test_a_bad_file_is_one_line_that_says_how_to_mend_it(
    case: str, tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bad_models(tmp_path)[case]
    code, out, err = run(capsys, path, "--budget", budget)
    assert code == 2
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith(f"edgekit: {path}: ")
    assert line.endswith(")") and "(" in line  # the mend
    code, out, _ = run(capsys, path, "--budget", budget, "--format", "json")
    answer = json.loads(out)
    assert code == 2
    assert answer["verdict"] == answer["models"][0]["verdict"] == "undecided"
    assert answer["models"][0]["findings"][0]["mend"]


def test_a_truncated_tflite_model(
    models_root: Path, tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (models_root / "kws_ref_model.tflite").read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        path = tmp_path / f"{share}.tflite"
        path.write_bytes(whole[: int(len(whole) * share)])
        code, _, err = run(capsys, path, "--budget", budget)
        assert code == 2
        assert len(err.splitlines()) == 1


def test_one_unreadable_model_does_not_hide_the_others(
    tmp_path: Path, budget: str, tight: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = bad_models(tmp_path)["text.onnx"]
    good = tmp_path / "good.onnx"
    code, out, err = run(capsys, bad, good, "--budget", budget)
    assert code == 2 and f"{good} against roomy: PASS" in out and str(bad) in err
    code, out, _ = run(capsys, bad, good, "--budget", tight)
    assert code == 1  # fail beats undecided


def test_a_folder_stands_for_its_models(tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("b.onnx", "a.onnx"):
        save_conv(folder / name)
    (folder / "notes.txt").write_text("no model")
    code, out, _ = run(capsys, folder, "--budget", budget, "--format", "json")
    assert code == 0
    assert [Path(row["path"]).name for row in json.loads(out)["models"]] == ["a.onnx", "b.onnx"]


def test_an_unknown_operator_is_undecided_with_its_name_and_layer(
    tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, save_conv(tmp_path / "m.onnx", op="Mystery"), "--budget", budget, "--format", "json")
    row = json.loads(out)["models"][0]
    assert code == 2
    assert row["verdict"] == "undecided"
    assert row["macs"] == {"true": None, "dcase": None}
    assert row["parameters"] is None and row["peak_ram_bytes"] is None and row["float_ops"] is None
    for finding in row["findings"]:
        assert finding["outcome"] == "undecided"
        assert "Mystery" in finding["message"] and finding["where"] == "second"


def test_dynamic_axes_are_asked_for_by_name(tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]) -> None:
    model = save_conv(tmp_path / "m.onnx", batch="batch", frames="time")
    code, out, _ = run(capsys, model, "--budget", budget)
    assert code == 2
    assert "--dim batch=…,time=…" in out
    assert "verdict: UNDECIDED" in out
    code, out, _ = run(capsys, model, "--budget", budget, "--dim", "batch=1", "--format", "json")
    assert code == 2 and "--dim time=…" in json.loads(out)["models"][0]["findings"][0]["mend"]
    for options in (("--dim", "batch=1,time=20"), ("--dim", "batch=1", "--dim", "time=20")):
        code, out, _ = run(capsys, model, "--budget", budget, *options, "--format", "json")
        assert code == 0 and json.loads(out)["models"][0]["macs"]["true"] == 57_600


def test_a_dimension_may_belong_to_one_of_several_models(
    tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]
) -> None:
    static, dynamic = save_conv(tmp_path / "s.onnx"), save_conv(tmp_path / "d.onnx", frames="time")
    code, _, _ = run(capsys, static, dynamic, "--budget", budget, "--dim", "time=20")
    assert code == 0


@pytest.mark.parametrize(
    "options,expected",
    [
        (("--dim", "tme=20"), "did you mean 'time'?"),
        (("--dim", "time"), "--dim batch=1"),
        (("--dim", "time=0"), "is not NAME=INT"),
        (("--dim", "time=-3"), "is not NAME=INT"),
        (("--budget", "dcase2024-task"), "did you mean 'dcase2024-task1'?"),
        (("--budget", "no/such.toml"), "cannot read"),
        (("--frontend", "kws-mfcc-49x1"), "kws-mfcc-49x10"),
        (("--measured", "acuracy=0.9"), "did you mean 'accuracy'?"),
        (("--measured", "accuracy=high"), "is not a share"),
        (("--counting", "dacse"), "dcase"),
    ],
)
def test_a_wrong_option_is_one_line_with_a_suggestion(
    options: tuple[str, str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, save_conv(tmp_path / "m.onnx", frames="time"), *options)
    assert (code, out) == (2, "")
    assert expected in err


@pytest.mark.parametrize(
    "text,expected",
    [
        ('[limits]\nmac = "30 M"', "did you mean 'macs'?"),
        ('[limits]\nmacs = "30 MB"', "macs"),
        ('[limits]\nmacs = "-1 M"', "not negative"),
        ('counting = "thop"\n[limits]\nmacs = 1', "unknown counting convention 'thop'"),
        ("[limits]", "limits nothing"),
        ("[limits", "is not TOML"),
    ],
)
def test_a_wrong_budget_file_is_one_line(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(ONE_LINE + text)
    code, out, err = run(capsys, save_conv(tmp_path / "m.onnx"), "--budget", path)
    assert (code, out) == (2, "")
    assert expected in err and len(err.splitlines()) == 1


def test_counting_overrides_the_budgets_convention(
    tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(
        capsys, save_conv(tmp_path / "m.onnx"), "--budget", budget, "--counting", "dcase", "--format", "json"
    )
    assert json.loads(out)["models"][0]["findings"][0]["actual"]["convention"] == "dcase"


def test_a_measurement_decides_what_a_file_cannot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(ONE_LINE + '[limits]\naccuracy = "90 %"\n[limits.latency]\ncortex-m4 = "20 ms"\n')
    model = save_conv(tmp_path / "m.onnx")
    assert run(capsys, model, "--budget", path)[0] == 2
    both = ("--measured", "accuracy=91 %,latency.cortex-m4=0.018 s")
    assert run(capsys, model, "--budget", path, *both)[0] == 0
    assert run(capsys, model, "--budget", path, *both, "--measured", "accuracy=0.89")[0] == 1


def test_the_front_end_that_is_given_or_embedded_is_counted(
    tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgekit.features.presets import PRESETS

    spec = PRESETS["kws-mfcc-49x10"]
    metadata = {"edgekit.frontend": spec.canonical(), "edgekit.frontend_digest": spec.digest}
    plain, carrying = save_conv(tmp_path / "p.onnx"), save_conv(tmp_path / "c.onnx", metadata=metadata)
    _, out, _ = run(capsys, plain, carrying, "--budget", budget, "--format", "json")
    first, second = (row["frontend_macs"] for row in json.loads(out)["models"])
    assert first is None and second > 49 * 512 * 9
    _, out, _ = run(capsys, plain, "--budget", budget, "--frontend", "kws-mfcc-49x10", "--format", "json")
    assert json.loads(out)["models"][0]["frontend_macs"] == second
    code, _, err = run(capsys, carrying, "--budget", budget, "--frontend", "dcase2023")
    assert code == 2 and "made for front-end" in err


def test_a_damaged_embedded_front_end_is_one_line(
    tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_conv(tmp_path / "m.onnx", metadata={"edgekit.frontend": "{broken"})
    code, _, err = run(capsys, model, "--budget", budget)
    assert code == 2 and len(err.splitlines()) == 1


def test_the_python_function_gives_the_same_answer(tmp_path: Path, tight: str) -> None:
    import edgekit

    verdict = edgekit.check_budget(save_conv(tmp_path / "m.onnx"), tight)
    assert (verdict.outcome, verdict.exit_code) == ("fail", 1)
    with pytest.raises(edgekit.EdgekitError, match="no model is named"):
        edgekit.check_budget([], tight)


HEAVY = (
    "torch",
    "tensorflow",
    "onnxruntime",
    "matplotlib",
    "scipy",
    "lightning",
    "ai_edge_litert",
    "librosa",
    "soundfile",
)


def test_neither_torch_nor_a_runtime_is_imported(tmp_path: Path, budget: str, models_root: Path) -> None:
    onnx_model, tflite_model = save_conv(tmp_path / "m.onnx"), models_root / "kws_ref_model.tflite"
    options = ["--budget", budget, "--budget", "nucleo-l4r5zi", "--frontend", "kws-mfcc-49x10"]
    for model, form, unused in ((onnx_model, "json", ("rich", "tflite")), (tflite_model, "text", ("onnx",))):
        script = (
            "import sys; from edgekit.cli.main import main;"
            f"main({['check-budget', str(model), *options, '--format', form]!r});"
            f"sys.stderr.write(','.join(name for name in {HEAVY + unused!r} if name in sys.modules))"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert "frontend" in done.stdout or "front-end" in done.stdout


@pytest.mark.slow
def test_cold_start_is_a_few_imports_of_onnx(tmp_path: Path, budget: str) -> None:
    """Processor time of a verdict on an ONNX model of about 128 kB, beside ``python -c "import onnx"``, run in turns.

    Wall time is in benchmarks/cold_start.py; processor time says the same on a machine that other tests keep busy.
    Both run from byte code written once, as an installed package does: compiling a hundred files is not its cold start.
    """
    import os

    weights = np.zeros((128, 250), np.float32)
    nodes = [helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 250])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 128])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    model = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
    assert 120_000 < model.stat().st_size < 136_000

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path / "bytecode")

    def seconds(*command: str) -> float:
        child = subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        usage = os.wait4(child.pid, 0)[2]
        return usage.ru_utime + usage.ru_stime

    pairs = [
        (seconds("-m", "edgekit", "check-budget", str(model), "--budget", budget), seconds("-c", "import onnx"))
        for _ in range(7)
    ]
    ours, theirs = (min(values) for values in zip(*pairs, strict=True))
    assert ours <= 2.5 * theirs, f"{ours:.3f} s against {theirs:.3f} s"


@pytest.mark.parametrize("form", ["text", "json", "github", "junit", "sarif", "markdown"])
def test_every_format_has_the_same_exit_codes(
    form: str, tmp_path: Path, budget: str, tight: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_conv(tmp_path / "m.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x00" * 40)
    for limits, path, expected in ((budget, model, 0), (tight, model, 1), (budget, broken, 2)):
        code, out, _ = run(capsys, path, "--budget", limits, "--format", form)
        assert code == expected
        assert out or (form, expected) == ("text", 2), "a file that cannot be read is said on stderr in text"


def test_reports_are_written_beside_what_is_printed(
    tmp_path: Path, tight: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {form: tmp_path / "out" / f"budget.{form}" for form in ("json", "junit", "sarif", "markdown")}
    options = [word for form, path in files.items() for word in ("--report", f"{form}={path}")]
    code, out, _ = run(capsys, save_conv(tmp_path / "m.onnx"), "--budget", tight, *options)
    assert code == 1 and "verdict: FAIL" in out
    assert json.loads(files["json"].read_text())["verdict"] == "fail"
    assert json.loads(files["sarif"].read_text())["version"] == "2.1.0"
    assert files["junit"].read_text().startswith("<?xml")
    assert files["markdown"].read_text().startswith("## Budget: ❌ fail")


@pytest.mark.parametrize("report", ["sarif", "=x", "yaml=x"])
def test_a_wrong_report_is_one_line(
    report: str, tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, save_conv(tmp_path / "m.onnx"), "--budget", budget, "--report", report)
    assert (code, out) == (2, "") and "FORMAT=FILE" in err and len(err.splitlines()) == 1


def test_a_hostile_layer_name_starts_no_workflow_command(
    tmp_path: Path, tight: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(save_conv(tmp_path / "m.onnx"))
    model.graph.node[0].name = "a\n::set-output name=verdict::pass\r\x1b[2J%0A"
    onnx.save(model, tmp_path / "m.onnx")
    for form in ("text", "github", "markdown"):
        _, out, err = run(capsys, tmp_path / "m.onnx", "--budget", tight, "--format", form, "--why")
        assert not [line for line in (out + err).splitlines() if line.lstrip().startswith("::set-output")]
        assert "\x1b" not in out + err and "\r" not in out + err


def test_the_json_follows_the_published_schema(tmp_path: Path, tight: str, capsys: pytest.CaptureFixture[str]) -> None:
    import jsonschema

    from edgekit.report.schemas import json_schema

    model = save_conv(tmp_path / "m.onnx", frames="time")
    for options in ((), ("--why",), ("--dim", "time=20", "--why")):
        _, out, _ = run(capsys, model, "--budget", tight, "--format", "json", *options)
        jsonschema.validate(json.loads(out), json_schema("check-budget"))
