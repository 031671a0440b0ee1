"""Channels to processes: bounded waits, and errors that say how a process ended."""

from __future__ import annotations

import os
import sys
import time

import pytest

from edgekit.bench.channel import Channel
from edgekit.core.errors import MissingDependencyError, TargetError


def _python(code: str) -> Channel:
    return Channel([sys.executable, "-c", code], where="peer")


def test_bytes_go_and_come() -> None:
    with _python("import sys; sys.stdout.write(sys.stdin.read(5).upper())") as channel:
        channel.send(b"hello", 20)
        assert channel.read(5, 20) == b"HELLO"


def test_a_large_message_does_not_block_on_the_pipe() -> None:
    size = 3_000_000
    code = f"import sys; d = sys.stdin.buffer.read({size}); sys.stdout.buffer.write(d[::-1])"
    data = os.urandom(size)
    with _python(code) as channel:
        channel.send(data, 20)
        assert channel.read(size, 20) == data[::-1]


def test_a_crash_names_the_signal_and_the_last_words() -> None:
    code = "import os, sys; sys.stderr.write('first\\nthe heap is gone\\n'); sys.stderr.flush(); os.abort()"
    with _python(code) as channel, pytest.raises(TargetError, match="SIGABRT: the heap is gone") as caught:
        channel.read(8, 20)
    assert caught.value.where == "peer"


def test_an_early_end_gives_its_status() -> None:
    with _python("import sys; sys.exit('no such model')") as channel, pytest.raises(TargetError, match="status 1: no"):
        channel.read(1, 20)


def test_writing_to_an_ended_process_is_an_error_too() -> None:
    with _python("import sys; sys.exit(3)") as channel, pytest.raises(TargetError, match="status 3"):
        for _ in range(50):
            channel.send(b"x" * 100_000, 20)


def test_a_stuck_process_is_left_in_time_and_ended() -> None:
    begin = time.monotonic()
    with _python("import time; time.sleep(600)") as channel:
        with pytest.raises(TargetError, match="no answer in time"):
            channel.read(1, 0.3)
        with pytest.raises(ProcessLookupError):
            os.killpg(channel.pid, 0)
    assert time.monotonic() - begin < 20


def test_a_process_that_never_reads_is_left_in_time() -> None:
    with _python("import time; time.sleep(600)") as channel, pytest.raises(TargetError, match="no answer in time"):
        channel.send(b"x" * 1_000_000, 0.3)


def test_a_missing_program_is_named() -> None:
    with pytest.raises(MissingDependencyError, match="no-such-program"):
        Channel(["no-such-program"], where="peer")
