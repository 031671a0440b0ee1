"""Measuring over SSH against a real sshd: what goes wrong is named, and nothing stays on the far side."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from loopback_sshd import Sshd, cut, new_key, sshd

from edgekit.bench.model_process import ModelProcess
from edgekit.bench.on_host import LINUX, Machine, fitting_target, read_machine
from edgekit.bench.ssh import Host, ask, remote_program
from edgekit.cli.main import main
from edgekit.core.errors import BadConfigError, TargetError
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer

pytest.importorskip("ziglang")
if platform.machine() not in ("x86_64", "aarch64"):
    pytest.skip("programs are built for 64-bit Arm and x86", allow_module_level=True)

CLIPS = np.random.default_rng(0).integers(-128, 128, (3, 6, 5, 2), dtype=np.int8)


def _graph() -> Graph:
    builder = Builder(np.random.default_rng(1), (1, 6, 5, 2))
    builder.conv2d(4, (3, 3), activation="relu")
    flat = builder.same("flat", (1, builder.x.elements))
    builder.append("reshape", (builder.x.name,), flat)
    builder.fully_connected(3)
    return builder.graph()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(scope="module")
def program(server: Sshd, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = fitting_target(LINUX, read_machine(server.host), "loopback")
    folder = tmp_path_factory.mktemp("far") / "out"
    return build(generate(_graph(), None, target, "tiny"), target, folder, project="process").path


def _left(server: Sshd, seconds: float = 10.0) -> list[str]:
    """Files and processes that are still there when ``seconds`` have passed, or as soon as there are none."""
    end = time.monotonic() + seconds
    while True:
        found = [str(path) for path in server.tmp.rglob("*")] + [str(pid) for pid in server.family()]
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.1)


def test_a_program_runs_there_and_leaves_nothing(server: Sshd, program: Path) -> None:
    with remote_program(server.host, program) as channel:
        scores = ModelProcess(channel, 3).scores(CLIPS)
        assert list(server.tmp.iterdir()) == []  # not even while it runs
    np.testing.assert_array_equal(scores, run_integer(_graph(), CLIPS).reshape(3, -1))
    assert _left(server) == []


def test_the_command_measures_the_far_machine(server: Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "m.tflite"
    model.write_bytes(tflite_bytes(_graph()))
    assert main(["bench", str(model), "--target", "linux", "--clips", "3", "--format", "json", *_options(server)]) == 0
    rows = json.loads(capsys.readouterr().out)["results"]
    assert rows[0]["target"] == "linux" and rows[0]["outputs_equal"] is True and rows[0]["latency_ms"]["p50"] > 0
    assert "governor" in rows[0]["runner"] and "thrott" in rows[0]["runner"]
    assert all("energy" not in row["details"] for row in rows)  # this machine's counter is not the far one's
    assert _left(server) == []


def _options(server: Sshd, **changes: str) -> list[str]:
    host = server.host
    chosen = {"--host": host.name, "--ssh-port": str(host.port), "--identity": str(host.identity), **changes}
    words = [word for pair in chosen.items() for word in pair]
    return [*words, *(word for option in host.options for word in ("--ssh-option", option))]


def test_runtimes_of_python_run_there_without_a_file(
    server: Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The far python3 is this one: a session's PATH comes from the server."""
    import sys

    pytest.importorskip("ai_edge_litert")
    from edgekit.bench import on_host

    monkeypatch.setattr(
        on_host, "remote_python",
        lambda host, source, prefix: _with_python(host, source, sys.executable),
    )  # fmt: skip
    monkeypatch.setattr(on_host, "_has", lambda machine, runner: runner == "litert")
    model = tmp_path / "m.tflite"
    model.write_bytes(tflite_bytes(_graph()))
    arguments = ["bench", str(model), "--target", "linux", "--runner", "litert", "--format", "json", *_options(server)]
    assert main(arguments) == 0
    (row,) = json.loads(capsys.readouterr().out)["results"]
    assert row["runner"].startswith("ai-edge-litert") and row["label_agreement"] == 1.0
    assert _left(server) == []


def _with_python(host: Host, source: str, python: str):  # type: ignore[no-untyped-def]
    from edgekit.bench.ssh import remote_python

    return remote_python(host, source, python=python)


@pytest.mark.parametrize("how", ["wrong key", "unknown host", "host down", "no such name"])
def test_what_goes_wrong_is_named_in_one_line_with_exit_code_2(
    server: Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    model = tmp_path / "m.tflite"
    model.write_bytes(tflite_bytes(_graph()))
    known = (server.folder / "known").read_text()
    options = _options(server)
    if how == "wrong key":
        options, said = _options(server, **{"--identity": str(new_key(tmp_path / "other"))}), "does not take this key"
    elif how == "unknown host":
        strange = ["--ssh-option", f"UserKnownHostsFile={tmp_path / 'none'}"]
        options, said = [*options[:6], *strange, *options[6:]], "not known"
    elif how == "host down":
        options, said = _options(server, **{"--ssh-port": "1"}), "does not answer"
    else:
        options, said = _options(server, **{"--host": "pi@no-such-host.invalid"}), "no host of that name"
    begin = time.monotonic()
    assert main(["bench", str(model), "--target", "linux", "--clips", "1", *options, "--format", "json"]) == 2
    (row,) = json.loads(capsys.readouterr().out)["results"]
    assert said in row["problem"] and row["latency_ms"] is None
    assert time.monotonic() - begin < 40
    assert (server.folder / "known").read_text() == known and not (tmp_path / "none").exists()
    assert _left(server) == []


def test_a_cut_while_the_program_runs_is_an_error_and_leaves_nothing(server: Sshd, program: Path) -> None:
    with remote_program(server.host, program) as channel:
        process = ModelProcess(channel, 3)
        process.scores(CLIPS)
        cut(server.sessions())
        with pytest.raises(TargetError, match="cut"):
            for _ in range(100):
                process.scores(CLIPS)
    assert _left(server) == []


def test_a_cut_while_the_program_is_sent_leaves_nothing(server: Sshd, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(1 << 20) * 200)
    seen: list[int] = []

    def cut_soon() -> None:
        end = time.monotonic() + 10
        while not seen and time.monotonic() < end:
            seen.extend(server.sessions())
        time.sleep(0.3)
        cut(server.sessions())

    cutter = threading.Thread(target=cut_soon)
    cutter.start()
    with pytest.raises(TargetError, match="cut"), remote_program(server.host, large):
        pass
    cutter.join()
    assert seen and _left(server) == []


def test_a_host_that_falls_silent_is_left_in_time(server: Sshd, program: Path) -> None:
    fast = replace(server.host, options=("ServerAliveInterval=1", "ServerAliveCountMax=1", *server.host.options))
    with remote_program(fast, program) as channel:
        process = ModelProcess(channel, 3)
        process.scores(CLIPS)
        stopped = server.family()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            begin = time.monotonic()
            with pytest.raises(TargetError, match="cut"):
                process.scores(CLIPS)
            assert time.monotonic() - begin < 15
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
    assert _left(server) == []


def test_a_full_disk_there_is_named_and_leaves_nothing(tmp_path: Path, program: Path) -> None:
    with sshd(tmp_path, file_limit=100_000) as small:
        assert program.stat().st_size > 100_000
        with pytest.raises(TargetError, match="no room"), remote_program(small.host, program):
            pass
        assert _left(small) == []


def test_a_full_file_system_there_is_named_and_leaves_nothing(tmp_path: Path, program: Path) -> None:
    far = tmp_path / "small"
    far.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(far)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can mount a small file system")
    try:
        with sshd(tmp_path, tmp=far) as small:
            with pytest.raises(TargetError, match="no room"), remote_program(small.host, program):
                pass
            assert _left(small) == []
    finally:
        subprocess.run(["umount", str(far)], check=True)


def test_a_file_system_that_runs_no_programs_is_named(tmp_path: Path, program: Path) -> None:
    far = tmp_path / "noexec"
    far.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", str(far)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can mount a file system")
    try:
        with sshd(tmp_path, tmp=far) as strict, remote_program(strict.host, program) as channel:
            with pytest.raises(TargetError, match="programs start"):
                ModelProcess(channel, 3).scores(CLIPS)
            assert _left(strict) == []
    finally:
        subprocess.run(["umount", str(far)], check=True)


def test_a_failing_command_gives_its_last_words(server: Sshd) -> None:
    assert ask(server.host, "echo hello") == "hello\n"
    with pytest.raises(TargetError, match="status 7: no luck"):
        ask(server.host, "echo no luck >&2; exit 7")


@pytest.mark.parametrize("name", ["raspberrypi.local", "pi@192.168.0.7", "pi@fe80::1%eth0", "my_pi"])
def test_usual_names_are_taken(name: str) -> None:
    assert Host(name).command("true")[-2:] == [name, "true"]


@pytest.mark.parametrize("name", ["-oProxyCommand=evil", "a b", "pi@", "pi@host;reboot", ""])
def test_names_that_ssh_could_take_for_something_else_are_refused(name: str) -> None:
    with pytest.raises(BadConfigError, match="no host"):
        Host(name)


def _machine(architecture: str, board: str) -> Machine:
    return Machine(architecture, board, 4, "ondemand", "throttled=0x0", True, ())


@pytest.mark.parametrize(
    ("name", "architecture", "board", "zig"),
    [
        ("rpi4", "aarch64", "Raspberry Pi 4 Model B Rev 1.4", "aarch64-linux-musl"),
        ("rpi3", "aarch64", "Raspberry Pi Zero 2 W Rev 1.0", "aarch64-linux-musl"),
        ("rpi3", "armv7l", "Raspberry Pi 3 Model B Plus Rev 1.3", "arm-linux-musleabihf"),
        ("linux", "x86_64", "", "x86_64-linux-musl"),
    ],
)
def test_programs_are_built_for_what_the_host_is(name: str, architecture: str, board: str, zig: str) -> None:
    target = fitting_target(name, _machine(architecture, board), "host")
    assert (target.name, target.zig_target) == (name, zig)


@pytest.mark.parametrize(
    ("name", "architecture", "board", "said"),
    [
        ("rpi4", "x86_64", "", "x86_64, no Raspberry Pi, not rpi4"),
        ("rpi5", "aarch64", "Raspberry Pi 4 Model B Rev 1.4", "Raspberry Pi 4 Model B Rev 1.4, not rpi5"),
        ("linux", "riscv64", "", "riscv64"),
    ],
)
def test_a_number_is_never_given_to_another_board(name: str, architecture: str, board: str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        fitting_target(name, _machine(architecture, board), "host")


@pytest.mark.slow
def test_programs_for_32_bit_systems_build(tmp_path: Path) -> None:
    target = fitting_target("rpi3", _machine("armv7l", "Raspberry Pi 3 Model B"), "host")
    image = build(generate(_graph(), None, target, "tiny"), target, tmp_path / "out", project="process")
    assert image.path.read_bytes()[:5] == b"\x7fELF\x01"  # 32 bits
