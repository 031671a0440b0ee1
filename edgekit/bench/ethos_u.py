"""Arm's Ethos-U NPUs: what Arm's compiler Vela estimates. Nothing runs, so nothing is compared or measured."""

from __future__ import annotations

import csv
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from edgekit.bench.channel import ended_error
from edgekit.bench.inputs import Inputs
from edgekit.core.errors import MissingDependencyError, TargetError
from edgekit.core.measurement import Measurement
from edgekit.core.quantity import Quantity
from edgekit.export.tflite_writer import tflite_bytes

CONFIGURATIONS = (
    "ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256", "ethos-u65-256", "ethos-u65-512",
    "ethos-u85-128", "ethos-u85-256", "ethos-u85-512", "ethos-u85-1024", "ethos-u85-2048",
)  # fmt: skip
"""Target names, which are Vela's own."""
SECONDS = 300.0
COMMAND = (sys.executable, "-m", "ethosu.vela")
_OPERATORS = re.compile(r"^(CPU|NPU) operators = (\d+)", re.MULTILINE)
_KIB = 1024


def on_ethos_u(inputs: Inputs, path: Path, name: str, command: tuple[str, ...] = COMMAND) -> Measurement:
    """Cycles, time, SRAM and flash as Vela estimates them for one inference.

    Args:
        inputs: of the model.
        path: its file; what is not ``.tflite`` is written as such.
        name: of CONFIGURATIONS.
        command: Vela's; it is native code that some files crash, and so has a process of its own.

    Raises:
        MissingDependencyError: Vela is not installed.
        TargetError: it crashed, took longer than SECONDS, or gave no summary.
    """
    if command == COMMAND and importlib.util.find_spec("ethosu") is None:
        raise MissingDependencyError("ethos-u-vela is not installed", mend="pip install 'edgekit[npu]'")
    with tempfile.TemporaryDirectory(prefix="edgekit-vela-") as folder:
        model = Path(folder) / "model.tflite"
        model.write_bytes(path.read_bytes() if path.suffix.lower() == ".tflite" else tflite_bytes(inputs.core))
        said = _run([*command, str(model), "--accelerator-config", name, "--output-dir", folder], name)
        row = _summary(Path(folder), name)
    return _measurement(inputs, name, row, {kind: int(count) for kind, count in _OPERATORS.findall(said)})


def _run(command: list[str], name: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"Vela took longer than {SECONDS:g} s", where=name, mend="leave this target out") from error
    if done.returncode != 0:
        raise ended_error(done.returncode, done.stderr or done.stdout, f"{name}: Vela")
    return done.stdout


def _summary(folder: Path, name: str) -> dict[str, str]:
    files = list(folder.glob("*_summary_*.csv"))
    if len(files) != 1:
        raise TargetError("Vela wrote no summary", where=name, mend="try another version of ethos-u-vela")
    with files[0].open(newline="", encoding="utf-8") as stream:
        return next(csv.DictReader(stream))


def _measurement(inputs: Inputs, name: str, row: dict[str, str], operators: dict[str, int]) -> Measurement:
    try:
        hertz, seconds, cycles = float(row["core_clock"]), float(row["inference_time"]), float(row["cycles_total"])
        sram, flash = float(row["sram_memory_used"]), float(row["off_chip_flash_memory_used"])
        system = f"{row['system_config']}, {row['memory_mode']}"
    except (KeyError, ValueError) as error:
        mend = "try another version of ethos-u-vela"
        raise TargetError("Vela's summary lacks a figure", where=name, mend=mend) from error
    version = importlib.metadata.version("ethos-u-vela")
    left = operators.get("CPU", 0)
    total = left + operators.get("NPU", 0)
    caveat = f"{system} at {hertz / 1e6:g} MHz; not run"
    if left:
        caveat += f"; {left} of {total} operators are left to the processor and not in it"
    convention = f"vela {version}"
    details = {
        "model_ms": Quantity(seconds * 1e3, "ms", "estimated", convention, caveat),
        "model_cycles": Quantity(int(cycles), "cycle", "estimated", convention, caveat),
        "processor_operators": Quantity(left, "operator", "exact", convention),
    }
    runner = f"Vela {version}, an estimate: {caveat}"
    return Measurement(
        inputs.model, name, runner, None, 0,
        flash=Quantity(int(flash * _KIB), "B", "estimated", convention, "off-chip, weights and commands"),
        ram=Quantity(int(sram * _KIB), "B", "estimated", convention, "SRAM"),
        details=details,
    )  # fmt: skip
