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


_RUN = """
import sys
from edgekit.cli.main import main
code = main(sys.argv[2:])
with open("/proc/self/status") as status, open(sys.argv[1], "w") as peak:
    peak.writelines(line for line in status if line.startswith("VmHWM"))
sys.exit(code)
"""
"""What the process of a case runs. Its own peak is asked: the parent's counter starts from the parent's size."""


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
    peak = budget.with_name("peak.txt")
    peak.unlink(missing_ok=True)
    arguments = ["check-budget", str(model), "--budget", str(budget), *options]
    command = [sys.executable, "-c", _RUN, str(peak), *arguments]
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
    kilobytes = int(peak.read_text().split()[1]) if peak.exists() else usage.ru_maxrss
    lines = (err or out).strip().splitlines()
    return Outcome(
        code=process.returncode,
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        megabytes=kilobytes / 1024,
        line=lines[-1] if lines else "",
        traceback="Traceback" in err or "internal error" in err,
    )
