"""``edgekit compile`` from the outside: files, JSON, exit codes, one-line errors."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.cli.main import main
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY, ROUNDING_KEY
from edgekit.export.tflite_writer import tflite_bytes


def _model(path: Path, metadata: dict[str, str] | None = None) -> Path:
    builder = Builder(np.random.default_rng(0), (1, 49, 10, 1))
    builder.conv2d(4, (3, 3), stride=(4, 4), activation="relu")
    pooled = builder.activation("pooled", (1, 4))
    builder.append("mean", (builder.x.name,), pooled, {"axes": (1, 2), "keep_dims": False})
    path.write_bytes(tflite_bytes(builder.graph(metadata=metadata or {})))
    return path


def test_compile_writes_sources_image_and_a_manifest_with_hashes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ziglang")
    model, out = _model(tmp_path / "My Model.tflite"), tmp_path / "out"
    assert main(["compile", str(model), "--target", "cortex-m4", "-o", str(out), "--format", "json"]) == 0
    manifest = json.loads(capsys.readouterr().out)
    assert manifest == json.loads((out / "manifest.json").read_text())
    assert manifest["schema_version"] == 1
    assert manifest["name"] == "my_model"
    for name, digest in manifest["files"].items():
        assert digest == "sha256:" + hashlib.sha256((out / name).read_bytes()).hexdigest()
    elf = (out / "firmware.elf").read_bytes()
    assert manifest["image"]["digest"] == "sha256:" + hashlib.sha256(elf).hexdigest()
    assert 0 < manifest["image"]["sizes"]["flash_bytes"] < 100_000


def test_two_compilations_are_equal_to_the_byte(tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    model = _model(tmp_path / "m.tflite")
    for folder in ("a", "b"):
        assert main(["compile", str(model), "--target", "m4", "-o", str(tmp_path / folder)]) == 0
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) > 10
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_sources_only(tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["compile", str(_model(tmp_path / "m.tflite")), "--target", "m0", "--sources-only", "-o", str(out)]
    assert main(arguments) == 0
    assert (out / "m.h").is_file() and (out / "project" / "linker.ld").is_file()
    assert not (out / "firmware.elf").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "m5"], "use one of cortex-m0"),
        (["--target", "m4", "--name", "x y"], "x_y"),
        (["--target", "m4", "--frontend", "dcase2023"], "front-end"),
        (["--target", "m4", "--frontend", "nonsense"], "presets"),
        (["--target", "m4", "--project", "nonsense"], "cortex-m-bare"),
        (["--target", "m4", "--toolchain", "nonsense"], "zig"),
    ],
)
def test_bad_options_end_in_one_line_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    model, out = _model(tmp_path / "m.tflite"), tmp_path / "out"
    assert main(["compile", str(model), "-o", str(out), *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and not printed.out
    assert not out.exists()


def test_digest_mismatch_ends_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = _model(tmp_path / "m.tflite", {FRONTEND_DIGEST_KEY: "sha256:" + "0" * 64})
    out = tmp_path / "out"
    assert main(["compile", str(model), "--target", "m4", "--frontend", "kws-mfcc-49x10", "-o", str(out)]) == 2
    assert "the model was made for front-end" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("data", [b"", b"just text", b"\x1c\x00\x00\x00TFL3" + b"\xff" * 40])
def test_broken_models_end_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes) -> None:
    model = tmp_path / "broken.tflite"
    model.write_bytes(data)
    for command in (["compile", str(model), "--target", "m4", "-o", str(tmp_path / "out")], ["bench", str(model)]):
        assert main(command) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_said_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "elftools", None)  # as if it were not installed
    model, out = _model(tmp_path / "model.tflite"), tmp_path / "out"
    assert main(["compile", str(model), "--target", "cortex-m4", "-o", str(out)]) == 2
    assert "edgekit[mcu]" in capsys.readouterr().err
    assert not out.exists()


def test_rounding_is_the_models_or_what_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(model: Path, *more: str) -> object:
        out = tmp_path / "out"
        arguments = ["compile", str(model), "--target", "m4", "--sources-only", "-o", str(out), "--format", "json"]
        assert main([*arguments, *more]) == 0
        return json.loads(capsys.readouterr().out).get("rounding")

    twice, once = _model(tmp_path / "a.tflite"), _model(tmp_path / "b.tflite", {ROUNDING_KEY: "once"})
    assert told(twice) is None and told(twice, "--rounding", "once") == "once"
    assert told(once) == "once" and told(once, "--rounding", "twice") is None


def test_an_unknown_rounding_in_a_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, out = _model(tmp_path / "m.tflite", {ROUNDING_KEY: "up"}), tmp_path / "out"
    assert main(["compile", str(model), "--target", "m4", "--sources-only", "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert "rounding 'up'" in said and "twice, once" in said and said.count("\n") == 1
    assert not out.exists()
