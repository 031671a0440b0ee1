"""Runs ``edgekit check-budget`` on one file in a process of its own and measures what it took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOMY = """source = "a budget that everything keeps"
[limits]
parameters = "1000000 M"
parameter_bytes = "1000 GB"
macs = "1000000000 M"
peak_ram = "1000 GB"
float_ops = 1_000_000
"""
"""With these limits only an undecided model does not pass."""


@dataclass(frozen=True)
class Outcome:
    """What one run did.

    Attributes:
        code: the exit code.
        seconds, cpu_seconds: wall and processor time, start-up included.
        megabytes: largest resident set.
        line: the last line on stderr, or on stdout where stderr is empty.
        traceback: an exception reached the surface.
    """

    code: int
    seconds: float
    cpu_seconds: float
    megabytes: float
    line: str
    traceback: bool


def judge(model: Path, budget: Path, *options: str) -> Outcome:
    """Run the command on ``model``."""
    command = [sys.executable, "-m", "edgekit", "check-budget", str(model), "--budget", str(budget), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None and process.stderr is not None
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    lines = (err or out).strip().splitlines()
    return Outcome(
        code=process.returncode,
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        megabytes=usage.ru_maxrss / 1024 / (1024 if sys.platform == "darwin" else 1),
        line=lines[-1] if lines else "",
        traceback="Traceback" in err or "internal error" in err,
    )
