"""``edgekit run``: files, folders, a pipe and a microphone that is none, through the generated C and through LiteRT."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from edge_graphs import Builder, quant
from microphone import ToneInput, plug_in

import edgekit
from edgekit.api.run import RunOptions, run_live
from edgekit.api.run_hearing import WindowHearer, level_db
from edgekit.api.run_unit import systemd_unit
from edgekit.cli.main import main
from edgekit.core.errors import MissingDependencyError, TargetError
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY, FRONTEND_KEY, LABELS_KEY
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import find_toolchain
from edgekit.export.tflite_writer import write_tflite
from edgekit.features.presets import PRESETS
from edgekit.graph.tensor import Tensor
from edgekit.report.meter import level_bar, meter_line

SPEC = PRESETS["kws-mfcc-49x10"]
RATE = SPEC.sample_rate
LABELS = ("a", "b", "<c>", "d")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small int8 model with its front-end and labels."""
    try:
        find_toolchain(find_target("cpu"))
    except MissingDependencyError as error:
        pytest.skip(str(error))
    builder = Builder(np.random.default_rng(0), (1, 49, 10, 1))
    builder.tensors["input"] = builder.x = builder.activation("input", (1, 49, 10, 1), scale=0.6, zero_point=40)
    # Means of the second and third coefficient over time, and their negatives, are the scores.
    weights = np.zeros((4, 49, 10), np.int8)
    weights[0, :, 1], weights[1, :, 1], weights[2, :, 2], weights[3, :, 2] = 10, -10, 10, -10
    small = quant(1 / (8 * 490), 0)
    builder.append("reshape", ("input",), builder.same("flat", (1, 490)), {"shape": (1, 490)})
    builder.keep(Tensor("weights", (4, 490), "int8", small, weights.reshape(4, 490)))
    output = builder.activation("scores", (1, 4), scale=0.03, zero_point=0)
    builder.append("fully_connected", ("flat", "weights", ""), output, {"activation": "none", "keep_dims": False})
    metadata = {FRONTEND_KEY: SPEC.canonical(), FRONTEND_DIGEST_KEY: SPEC.digest, LABELS_KEY: json.dumps(LABELS)}
    path = tmp_path_factory.mktemp("model") / "m.tflite"
    write_tflite(builder.graph().replace(metadata=metadata), path)
    return path


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six chirps of a second at the model's rate, with the manifest that ``edgekit eval`` reads."""
    folder = tmp_path_factory.mktemp("sounds")
    t = np.arange(RATE) / RATE
    rows = ["path,label"]
    for number in range(6):
        noise = np.random.default_rng(number).normal(0, 0.02 * number, RATE)
        soundfile.write(folder / f"{number}.wav", 0.3 * np.sin(2 * np.pi * (150 * 2**number * t)) + noise, RATE)
        rows.append(f"{number}.wav,{LABELS[number % 4]}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


def _lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("runner", ["c", "litert"])
def test_files_are_heard_as_the_evaluation_hears_them(
    runner: str, model: Path, sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if runner == "litert":
        pytest.importorskip("ai_edge_litert", reason="install it: pip install 'edgekit[tflite]'")
    expected = edgekit.evaluate(model, sounds / "manifest.csv", cache=tmp_path)
    assert main(["run", str(model), str(sounds), "--runner", runner, "--format", "jsonl"]) == 0
    found = _lines(capsys.readouterr().out)
    assert [Path(row["source"]).name for row in found] == [clip.id for clip in expected.clips]
    for row, probabilities in zip(found, expected.probabilities, strict=True):
        heard = [row["probabilities"][label] for label in LABELS]
        # The front-end in C may move a feature by one int8 step.
        assert heard == pytest.approx(list(probabilities), abs=0.03 if runner == "c" else 1e-4)
    assert len({row["label"] for row in found}) > 1


def test_json_and_text_say_the_same(model: Path, sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(model), str(sounds / "0.wav"), str(sounds / "5.wav"), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema_version"] == 1 and len(found["decisions"]) == 2
    assert main(["run", str(model), str(sounds / "0.wav"), str(sounds / "5.wav")]) == 0
    for line, row in zip(capsys.readouterr().out.splitlines(), found["decisions"], strict=True):
        assert line.startswith(row["source"]) and line.endswith(row["label"])


def test_another_rate_and_two_channels_are_converted(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for rate in (RATE, 44_100):
        t = np.arange(rate) / rate
        tone = 0.3 * np.sin(2 * np.pi * 700 * t)
        soundfile.write(tmp_path / f"{rate}.wav", np.stack([tone, tone], 1), rate)
    assert main(["run", str(model), str(tmp_path), "--format", "jsonl"]) == 0
    one, other = _lines(capsys.readouterr().out)
    assert list(one["probabilities"].values()) == pytest.approx(list(other["probabilities"].values()), abs=0.05)


def test_windows_of_a_long_file_and_a_threshold(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "long.wav", np.random.default_rng(0).normal(0, 0.1, round(2.25 * RATE)), RATE)
    arguments = ["run", str(model), str(tmp_path / "long.wav"), "--windows", "--hop-ms", "500", "--format", "jsonl"]
    assert main([*arguments, "--threshold", "1"]) == 0
    found = _lines(capsys.readouterr().out)
    assert [row["start_s"] for row in found] == [0.0, 0.5, 1.0, 1.25]
    assert [row["label"] for row in found] == [None] * 4
    assert main([*arguments, "--smooth", "2"]) == 0
    smooth = _lines(capsys.readouterr().out)
    mean = np.mean([list(row["probabilities"].values()) for row in found[:2]], axis=0)
    assert list(smooth[1]["probabilities"].values()) == pytest.approx(list(mean), abs=1e-5)


def test_what_cannot_be_read_is_said_and_the_rest_is_heard(
    model: Path, sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.wav").write_bytes(b"RIFF\0\0\0\0WAVEjunk")
    assert main(["run", str(model), str(tmp_path / "bad.wav"), str(sounds / "1.wav"), "--format", "jsonl"]) == 2
    said = capsys.readouterr()
    assert [Path(row["source"]).name for row in _lines(said.out)] == ["1.wav"]
    assert len(said.err.splitlines()) == 1 and "bad.wav" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.wav"], "no such file"),
        (["-", "also.wav"], "a pipe on its own"),
        (["--threshold", "2", "x.wav"], "is no probability"),
        (["--frontend", "kws-logmel-40", "x.wav"], "was made for front-end"),
    ],
)
def test_bad_wishes_are_one_line_and_exit_2(
    arguments: list[str], message: str, model: Path, sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(sounds / "0.wav") if word == "x.wav" else word for word in arguments]
    assert main(["run", str(model), *given]) == 2
    assert message in capsys.readouterr().err


def test_a_pipe_is_heard_until_it_ends(model: Path) -> None:
    pcm = (np.random.default_rng(1).normal(0, 3000, 2 * RATE)).astype("<i2")
    found = list(run_live(model, RunOptions(hop_ms=500), pipe=io.BytesIO(pcm.tobytes() + b"\0")))
    assert [(d.start, d.end) for d in found] == [(0.0, 1.0), (0.5, 1.5), (1.0, 2.0)]
    assert found[0].level == pytest.approx(20 * np.log10(3000 / 32768), abs=0.2)
    other = list(run_live(model, RunOptions(hop_ms=500, rate=2 * RATE), pipe=io.BytesIO(pcm.tobytes())))
    assert [d.start for d in other] == [0.0]


def test_a_terminal_gets_one_line_that_moves(model: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(np.random.default_rng(1).normal(0, 3000, 2 * RATE).astype("<i2").tobytes())
    master, slave = pty.openpty()
    with (tmp_path / "raw").open("rb") as raw:
        command = [sys.executable, "-m", "edgekit", "run", str(model), "-", "--hop-ms", "500"]
        process = subprocess.Popen(command, stdin=raw, stdout=slave, stderr=subprocess.PIPE)
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal's end, on Linux
        while data := os.read(master, 4096):
            shown += data
    os.close(master)
    assert process.wait(60) == 0 and process.communicate()[1] == b""
    lines = shown.decode().rstrip().split("\r\x1b[K")[1:]
    assert len(lines) == 3 and all("dB █" in line and "%" in line for line in lines)


def test_a_microphone_is_resampled_and_heard_for_as_long_as_was_asked(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plug_in(monkeypatch)
    assert main(["run", str(model), "--seconds", "1.5", "--format", "jsonl"]) == 0
    found = _lines(capsys.readouterr().out)
    assert [row["start_s"] for row in found[:3]] == [0.0, 0.25, 0.5] and found[0]["source"] == "microphone"
    assert found[0]["level_db"] == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.2)
    assert main(["run", "--list-devices", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["devices"] == [{"number": 0, "name": "fake", "rate": 44100.0}]
    assert main(["run", str(model), "--device", "absent"]) == 2
    assert "--list-devices" in capsys.readouterr().err


def test_a_microphone_that_goes_silent_ends_in_an_error(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead(ToneInput):
        def __enter__(self) -> Dead:
            return self

    plug_in(monkeypatch, Dead)
    monkeypatch.setattr("edgekit.data.pcm_blocks._SILENT_S", 0.2)
    with pytest.raises(TargetError, match=r"gave nothing for 0\.2 s"):
        next(iter(run_live(model)))


def test_interrupting_the_microphone_is_a_good_end(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(ToneInput):
        def __enter__(self) -> Interrupted:
            raise KeyboardInterrupt

    plug_in(monkeypatch, Interrupted)
    assert main(["run", str(model)]) == 0


def test_no_portaudio_names_the_debian_package(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    assert main(["run", str(model)]) == 2
    assert "apt-get install libportaudio2" in capsys.readouterr().err


def test_windows_reach_every_sample_whatever_the_blocks() -> None:
    pcm = np.arange(1000, dtype=np.int16)
    for blocks in (1, 7, 333, 1000):
        seen: list[np.ndarray] = []

        def hear(windows: np.ndarray, seen: list[np.ndarray] = seen) -> np.ndarray:
            seen.extend(windows)
            return np.ones((len(windows), 1))

        hearer = WindowHearer(hear, 300, 250)
        spans = [(h.start, h.end) for first in range(0, 1000, blocks) for h in hearer.push(pcm[first : first + blocks])]
        spans += [(h.start, h.end) for h in hearer.finish()]
        assert spans == [(0, 300), (250, 550), (500, 800), (700, 1000)]
        assert all(np.array_equal(window, pcm[a:b]) for window, (a, b) in zip(seen, spans, strict=True))
    short = WindowHearer(lambda windows: windows[:, -1:].astype(float), 300, 250)
    assert list(short.push(pcm[1:51])) == [] and [(h.end, h.probabilities[0]) for h in short.finish()] == [(50, 0.0)]


def test_level_and_meter() -> None:
    assert level_db(np.full(10, -32768, np.int16)) == 0.0 and level_db(np.zeros(10, np.int16)) == -120.0
    assert level_bar(0.0, 4) == "████" and level_bar(-90.0, 4) == "    " and level_bar(-30.0, 4) == "██  "
    assert len(meter_line(-20.0, "x\x1b[2J", 0.5, ["y"] * 50, 60)) == 59
    assert "\x1b" not in meter_line(-20.0, "x\x1b[2J", 0.5, [], 60)


def test_the_unit_is_what_systemd_reads(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "edge kit"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    model = tmp_path / 'my "100%" $model.tflite'
    text = systemd_unit(program, model, ["--device", "USB mic"])
    command = next(line for line in text.splitlines() if line.startswith("ExecStart=")).removeprefix("ExecStart=")
    words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command)]
    assert words == [str(program), "run", str(model), "--format", "jsonl", "--device", "USB mic"]
    if shutil.which("systemd-analyze") is None:
        pytest.skip("install systemd to have the unit checked: apt-get install systemd")
    unit = tmp_path / "edgekit-run.service"
    unit.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if "edgekit-run" in line] == []
