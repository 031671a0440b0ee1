"""What TFLM itself needs for a model, as the package ``tflite-micro`` reports it.

The package's interpreter is C++ and trusts its file, so it runs in a process of its own with bounded memory and time,
and only when somebody asks for it.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from edgekit.core.errors import MissingDependencyError, UnsupportedOpError
from edgekit.core.quantity import Quantity

SECONDS = 60
MEGABYTES = 2_000
ARENA_BYTES = 64 * 2**20
"""Arena that the interpreter is given to plan in."""

_SCRIPT = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MEGABYTES} << 20, {MEGABYTES} << 20))
from tflite_micro.python.tflite_micro import runtime
runtime.Interpreter.from_file(sys.argv[1], arena_size={ARENA_BYTES}).print_allocations()
"""
_LINE = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")


def tflm_arena(path: Path) -> Quantity:
    """Bytes of arena that TFLM takes: planned activations (head) and what stays for good (tail).

    Raises:
        UnsupportedOpError: no TFLite file, or TFLM refuses it, for instance for an operator it has not.
        MissingDependencyError: the package is not installed.
    """
    if path.suffix.lower() != ".tflite":
        raise UnsupportedOpError("TFLM reads .tflite files only", where=str(path))
    if importlib.util.find_spec("tflite_micro") is None:
        raise MissingDependencyError("tflite-micro is not installed", mend="pip install 'edgekit[mcu]'")
    command = [sys.executable, "-c", _SCRIPT, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise UnsupportedOpError(f"TFLM takes longer than {SECONDS} s", where=str(path)) from error
    sizes = {name: int(size) for name, size in _LINE.findall(done.stdout + done.stderr)}
    if done.returncode or sizes.keys() != {"total", "head", "tail"}:
        lines = [line for line in (done.stdout + done.stderr).strip().splitlines() if line.strip()]
        raise UnsupportedOpError(f"TFLM refuses it: {lines[-1][:120] if lines else 'it died'}", where=str(path))
    caveat = f"TFLM's own planner: {sizes['head']:,} B of activations, {sizes['tail']:,} B of tensors and kernels' data"
    return Quantity(sizes["total"], "B", "measured", caveat=caveat)
