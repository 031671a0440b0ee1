"""``edgekit run --stream``: files, a pipe, a microphone that is none and a machine over SSH, against whole windows."""

from __future__ import annotations

import io
import itertools
import json
import platform
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from loopback_sshd import sshd
from streams import feature_stream, quantized, stream_case, voice, window_case

from edgekit.api.run_events import DetectorFile
from edgekit.api.run_stream import StreamOptions, run_stream_live
from edgekit.api.stream_events import Dropped
from edgekit.cli.main import main
from edgekit.core.errors import BadConfigError, MissingDependencyError
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY, FRONTEND_KEY, LABELS_KEY
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import find_toolchain
from edgekit.detect.detector import Detector, GainState, GateState
from edgekit.detect.settings import DetectorSettings, Gain, VoiceGate
from edgekit.export.tflite_writer import write_tflite
from edgekit.features.presets import PRESETS
from edgekit.features.quantized import quantize_features
from edgekit.features.reference import features
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.models.registry import build_model

SPEC = PRESETS["kws-mfcc-49x10"].replace(mean=0.0, std=3.0)
RATE, HOP, WINDOW_FRAMES = 16_000, 640, 48
LABELS = ("a", "b", "c", "d")
STEP = 1920  # samples a decision of the detector: three hops


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 DS-CNN that streams, calibrated on what the front-end makes of the recording below."""
    try:
        find_toolchain(find_target("cpu"))
    except MissingDependencyError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    frames = _frames(_sound()).astype(np.float32)
    case = stream_case("ds-cnn", folder, frames=frames)
    graph = quantized(case, frames)
    path = folder / "word.int8.tflite"
    said = {FRONTEND_KEY: SPEC.canonical(), FRONTEND_DIGEST_KEY: SPEC.digest, LABELS_KEY: json.dumps(LABELS)}
    write_tflite(graph.replace(metadata=said), path)
    return path


def _sound(seconds: float = 4.0) -> np.ndarray:
    """Half the time wandering tones, half the time a tenth of them, int16 at 16 kHz."""
    pcm = voice(int(seconds * RATE), 5)
    return (pcm * np.where(np.sin(np.arange(len(pcm)) / 6000.0) > -0.3, 1.0, 0.1)).astype(np.int16)


def _frames(pcm: np.ndarray) -> np.ndarray:
    """Frames of a stream, [frames, bins]: frame i ends with sample (i + 1) · hop, silence before the start."""
    before = SPEC.window_length - SPEC.hop_length
    padded = np.concatenate([np.zeros(before, np.int16), pcm])
    return features(SPEC.replace(clip_samples=len(padded), padding="none"), padded)


def _window_scores(model: Path, pcm: np.ndarray) -> dict[int, np.ndarray]:
    """int8 scores of the window model for every hop whose window is heard whole, by the sample it ends with."""
    graph = lower(load_graph(model))
    frames = quantize_features(_frames(pcm), *graph.tensor(graph.inputs[0]).scale_zero())
    lead, length = 1, graph.tensor(graph.inputs[0]).dims[1]  # a frame of the window that no layer reads, at its end
    found = {}
    for end in range(WINDOW_FRAMES + 2, len(frames) - lead + 1, 2):
        window = frames[end - WINDOW_FRAMES : end + length - WINDOW_FRAMES]
        found[end * SPEC.hop_length] = run_integer(graph, window[None, ..., None]).reshape(-1)
    return found


def _lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def _write(folder: Path, pcm: np.ndarray, rate: int = RATE) -> Path:
    path = folder / f"{rate}.wav"
    soundfile.write(path, pcm, rate)
    return path


def test_each_decision_is_that_of_the_window_that_ends_there(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pcm = _sound()
    assert main(["run", str(model), str(_write(tmp_path, pcm)), "--stream", "--format", "jsonl"]) == 0
    told = _lines(capsys.readouterr().out)
    expected = _window_scores(model, pcm)
    scale, _ = lower(load_graph(model)).tensor(lower(load_graph(model)).outputs[0]).scale_zero()
    agree = 0
    for row in told:
        end = round(row["end_s"] * RATE)
        if end in expected:
            logits = expected[end].astype(np.float64) * scale
            shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
            agree += np.allclose([row["probabilities"][name] for name in LABELS], shares, atol=2e-6)
    # The C front-end computes in float32: a frame's int8 may be a step away from the reference's at a rounding edge.
    assert len(expected) > 60 and agree >= 0.9 * len(expected)
    assert [round(b["end_s"] - a["end_s"], 4) for a, b in itertools.pairwise(told)] == [0.04] * (len(told) - 1)
    assert len({row["probability"] for row in told}) > 20
    assert told[-1]["start_s"] == pytest.approx(told[-1]["end_s"] - (47 * 320 + SPEC.window_length) / RATE, abs=1e-4)


def test_a_pipe_in_odd_pieces_and_a_file_at_48_khz_say_what_the_file_says(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pcm = _sound()
    assert main(["run", str(model), str(_write(tmp_path, pcm)), "--stream", "--format", "json"]) == 0
    expected = json.loads(capsys.readouterr().out)["log"]
    done = subprocess.run(
        [sys.executable, "-m", "edgekit", "run", str(model), "-", "--stream", "--format", "jsonl"],
        input=pcm.tobytes() + b"\x01", stdout=subprocess.PIPE, timeout=120, check=True,
    )  # fmt: skip
    told = _lines(done.stdout.decode())
    assert all(row.pop("at").endswith("+00:00") and row.pop("source") == "pipe" for row in told)
    assert told == [{key: value for key, value in row.items() if key != "source"} for row in expected]
    soxr = pytest.importorskip("soxr")
    fast = soxr.resample(pcm.astype(np.float64) / 32768, RATE, 48_000)
    assert main(["run", str(model), str(_write(tmp_path, fast, 48_000)), "--stream", "--format", "json"]) == 0
    again = json.loads(capsys.readouterr().out)["log"]
    assert len(again) == len(expected)
    same = np.mean([a["label"] == b["label"] for a, b in zip(again, expected, strict=True)])
    assert same > 0.95


def _detector(folder: Path, **more: object) -> tuple[Path, DetectorSettings]:
    settings = DetectorSettings(
        outputs=4, keywords=(0, 2), thresholds=(9000, 9000), smoothing=2, refractory=3,
        gate=VoiceGate(hangover=2), gain=Gain(peak=12000),
    )  # fmt: skip
    path = folder / "detector.json"
    path.write_text(json.dumps({"schema_version": 1, "step_ms": 120.0, **settings.to_json(), **more}))
    return path, settings


def test_events_are_those_of_the_integer_detector_with_gate_and_gain(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgekit.api.stream_listener import open_stream

    pcm = _sound(6.0)
    path, settings = _detector(tmp_path)
    arguments = [
        "run",
        str(model),
        str(_write(tmp_path, pcm)),
        "--stream",
        "--detector",
        str(path),
        "--format",
        "jsonl",
    ]
    assert main(arguments) == 0
    told = _lines(capsys.readouterr().out)
    gate, gain, expected = GateState(VoiceGate(hangover=2)), GainState(Gain(peak=12000)), []
    with open_stream(model) as listener:
        detector = Detector(settings, listener.score_scale)
        steps = pcm[: len(pcm) // STEP * STEP].reshape(-1, STEP)
        opens = [gate.hear(step) for step in steps]
        scores = listener.scores(np.concatenate([gain.apply(step) for step in steps])).reshape(len(steps), 3, 4)
        for number, (is_open, hops) in enumerate(zip(opens, scores, strict=True)):
            if 3 * (number + 1) < listener.warmup:
                continue
            event = detector.decide(hops[-1], open_gate=is_open)
            if event is not None:
                expected.append((round((number + 1) * STEP / RATE, 3), LABELS[event.output]))
    assert len(expected) >= 2 and not all(opens)
    assert [(row["time_s"], row["event"]) for row in told] == expected
    assert set(told[0]) == {"source", "time_s", "event", "score"}


def test_what_cannot_be_is_one_line_and_exit_2(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wav = str(_write(tmp_path, _sound(1.0)))
    path, _ = _detector(tmp_path, step_ms=100.0)
    assert main(["run", str(model), wav, "--stream", "--detector", str(path)]) == 2
    assert "no whole number of hops of 40 ms" in capsys.readouterr().err
    assert main(["run", str(model), wav, "--stream", "--runner", "litert"]) == 2
    assert "a stream runs as generated C" in capsys.readouterr().err
    case = window_case(build_model("ds-cnn", channels=8, classes=4), (49, 10), 1, tmp_path)
    graph = quantized(case, feature_stream(case, 100))
    said = {FRONTEND_KEY: SPEC.canonical(), FRONTEND_DIGEST_KEY: SPEC.digest, LABELS_KEY: json.dumps(LABELS)}
    write_tflite(graph.replace(metadata=said), tmp_path / "same.tflite")
    assert main(["run", str(tmp_path / "same.tflite"), wav, "--stream"]) == 2
    error = capsys.readouterr().err
    assert "layers stand in the way of streaming" in error and "--causal" in error


def test_sound_that_the_device_lost_is_in_the_log_and_the_stream_goes_on(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pcm = _sound(3.0)

    class Stream:
        def __init__(self, callback, blocksize: int, **_: object) -> None:
            self._callback, self._size = callback, blocksize

        def __enter__(self) -> None:
            for number, begin in enumerate(range(0, len(pcm), self._size)):
                status = types.SimpleNamespace(input_overflow=True) if number == 11 else None
                block = pcm[begin : begin + self._size].astype(np.float32)[:, None] / 32768
                self._callback(block, len(block), None, status)

        def __exit__(self, *_: object) -> None:
            pass

    package = types.ModuleType("sounddevice")
    package.PortAudioError, package.InputStream = OSError, Stream  # type: ignore[attr-defined]
    package.query_devices = lambda *_: {"default_samplerate": float(RATE)}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", package)
    from edgekit.api.run import RunOptions

    found = list(run_stream_live(model, StreamOptions(RunOptions(seconds=2.8))))
    lost = [item for item in found if isinstance(item, Dropped)]
    assert len(lost) == 1 and lost[0].to_json()["notice"] == "sound was lost"
    assert found[-1] is not lost[0] and len(found) > 40


@pytest.mark.slow
def test_another_machine_over_ssh_says_the_same(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ziglang")
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("programs are built for 64-bit Arm and x86")
    wav = str(_write(tmp_path, _sound(2.0)))
    assert main(["run", str(model), wav, wav, "--stream", "--format", "jsonl"]) == 0
    expected = capsys.readouterr().out
    (tmp_path / "far").mkdir()
    with sshd(tmp_path / "far") as server:
        host = server.host
        words = ["--host", host.name, "--ssh-port", str(host.port), "--identity", str(host.identity)]
        words += [word for option in host.options for word in ("--ssh-option", option)]
        assert main(["run", str(model), wav, wav, "--stream", "--format", "jsonl", *words]) == 0
    assert capsys.readouterr().out == expected
    assert len(_lines(expected)) == 2 * (len(_lines(expected)) // 2) > 20
    assert not list(server.tmp.iterdir())


def test_the_unit_of_an_always_on_detector_streams(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    detector = tmp_path / "detector.json"
    words = ["run", str(tmp_path / "word.tflite"), "--systemd-unit", "--stream", "--detector", str(detector)]
    assert main(words) == 0
    command = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("ExecStart="))
    assert command.endswith(f"word.tflite --format jsonl --stream --detector {detector}")


def test_a_detector_of_other_classes_is_refused(model: Path) -> None:
    settings = DetectorSettings(outputs=3, keywords=(0,), thresholds=(9000,))
    options = StreamOptions(detector=DetectorFile(settings, 120.0))
    with pytest.raises(BadConfigError, match="4 classes for a detector of 3"):
        list(run_stream_live(model, options, pipe=io.BytesIO(b"\0" * 64)))
