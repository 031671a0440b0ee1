"""The serial firmware on an emulated mps2-an386: the whole way of `bench --serial`, and MLPerf Tiny's commands."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from emulated_board import TARGET, emulated_board

from edgekit.bench.on_board import SerialOptions, flash
from edgekit.bench.qemu import PROGRAM
from edgekit.bench.serial_link import open_port
from edgekit.cli.main import main
from edgekit.core.errors import BadConfigError, MissingDependencyError, TargetError
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer

pytest.importorskip("serial")
pytest.importorskip("ziglang")
PYTHON = shlex.quote(sys.executable)  # in a command of the user's; its folder may have a space
needs_qemu = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="install qemu-system-arm (Debian package)")


def _graph() -> Graph:
    builder = Builder(np.random.default_rng(0), (1, 49, 10, 1))
    builder.conv2d(4, (3, 3), stride=(4, 4), activation="relu")
    pooled = builder.activation("pooled", (1, 4), scale=1 / 256, zero_point=-128)
    builder.append("mean", (builder.x.name,), pooled, {"axes": (1, 2), "keep_dims": False})
    return builder.graph()


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = find_target(TARGET)
    sources = generate(_graph(), None, target, "kws01")
    return build(sources, target, tmp_path_factory.mktemp("board") / "out", project="cortex-m-serial").path


@needs_qemu
def test_the_command_flashes_runs_and_times_a_board(
    elf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, flashed = tmp_path / "kws01.tflite", tmp_path / "flashed.elf"
    model.write_bytes(tflite_bytes(_graph()))
    copy = f"{PYTHON} -c 'import shutil, sys; shutil.copy(*sys.argv[1:])' {{elf}} {flashed}"
    with emulated_board(elf) as line:
        arguments = ["bench", str(model), "--target", TARGET, "--serial", line, "--flash-command", copy, "--clips", "3"]
        assert main([*arguments, "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["results"]
    assert row["outputs_equal"] is True and row["label_agreement"] == 1.0
    assert row["latency_ms"]["p50"] > 0 and row["methods"]["latency_ms"] == "measured"
    assert 0 < row["stack_bytes"] < 4096
    assert flashed.read_bytes()[:4] == b"\x7fELF"


@needs_qemu
def test_mlperf_tinys_host_tool_would_understand_the_firmware(elf: Path) -> None:
    """The words and patterns of mlcommons/tiny, benchmark/runner/device_under_test.py."""
    clip = np.random.default_rng(1).integers(-128, 128, (1, 49, 10, 1), dtype=np.int8)
    expected = run_integer(_graph(), clip).reshape(-1)
    with emulated_board(elf) as path, open_port(path, 115200) as port:

        def command(text: str) -> list[str]:
            port.write(text.encode() + b"%")
            return _until_ready(port)

        assert "m-init-done" in _until_ready(port)
        assert "m-name-dut-[mps2-an386]" in command("name")
        profile = command("profile")
        assert any(re.match(r"^m-profile-\[([^]]+)]$", line) for line in profile) and "m-model-[kws01]" in profile
        assert "m-[Expecting 490 bytes]" in command("db load 490")
        data, answers = clip.tobytes(), []
        for begin in range(0, len(data), 31):
            answers = command("db " + data[begin : begin + 31].hex())
        assert "m-load-done" in answers
        assert "m-buffer-" + "-".join(f"{byte:02x}" for byte in data[:8]) in command("db print")
        lines = command("infer 3 1")
        laps = [int(line.removeprefix("m-lap-us-")) for line in lines if line.startswith("m-lap-us-")]
        assert len(laps) == 2 and laps[1] > laps[0]
        order = ["m-warmup-start-1", "m-warmup-done", "m-infer-start-3", "m-infer-done"]
        assert [line for line in lines if line in order] == order
        results = next(line for line in lines if line.startswith("m-results-["))
        values = [float(value) for value in results[len("m-results-[") : -1].split(",")]
        np.testing.assert_allclose(values, (expected.astype(int) + 128) / 256, atol=0.0005001)
        assert command("results")[0] == results
        for wrong in ("sing", "infer 0", "infer x", "db load 491", "db 0g", "db load", "x" * 200, "db 00"):
            assert any(line.startswith("e-[") for line in command(wrong)), wrong


def _until_ready(port: object) -> list[str]:
    text, end = b"", time.monotonic() + 30
    while not text.endswith(b"m-ready\r\n") and time.monotonic() < end:
        text += port.read(4096)  # type: ignore[attr-defined]
    lines = text.decode("ascii").split("\r\n")
    return [line for line in lines if line and line != "m-ready" and not line.startswith("m-timestamp-mode")]


@needs_qemu
def test_another_model_on_the_board_is_found_out(elf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    builder = Builder(np.random.default_rng(0), (1, 10, 10, 1))
    builder.conv2d(4, (3, 3))
    model = tmp_path / "other.tflite"
    model.write_bytes(tflite_bytes(builder.graph()))
    with emulated_board(elf) as line:
        assert (
            main(["bench", str(model), "--target", TARGET, "--serial", line, "--clips", "1", "--format", "json"]) == 2
        )
    (row,) = json.loads(capsys.readouterr().out)["results"]
    assert "another model is on the board" in row["problem"]


def test_a_board_whose_line_is_not_known_asks_for_its_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "m.tflite"
    model.write_bytes(tflite_bytes(_graph()))
    arguments = ["bench", str(model), "--target", "nrf52840-dk", "--serial", os.devnull, "--clips", "1"]
    assert main([*arguments, "--format", "json"]) == 2
    (row,) = json.loads(capsys.readouterr().out)["results"]
    assert "replace port.c" in row["problem"]


def test_failing_flash_commands_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match="no-such-flasher"):
        flash("no-such-flasher {elf}", tmp_path)
    with pytest.raises(TargetError, match="status 3: no probe"):
        flash(f"{PYTHON} -c \"import sys; print('no probe'); sys.exit(3)\" {{elf}}", tmp_path)
    with pytest.raises(BadConfigError, match="names no image"):
        SerialOptions("/dev/ttyACM0", flash="pyocd flash -t nrf52840")
