"""What a bare install costs: the wheel in a new environment for each Python, timed and weighed, and the gate run there.

    python benchmarks/install.py [--python python3.11 --python python3.12 …]

No extras. Downloaded is the size of all wheels, unpacked what lies in the environment afterwards without pip and byte
code. The folder's name has a space, and the checkout's git history is not there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from results_file import write_results

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("edgekit", "budgets", "firmware_stubs", "pyproject.toml", "README.md", "LICENSE")
MB = 1e6


def built(folder: Path) -> Path:
    """The wheel of a copy of the checkout."""
    source = folder / "source"
    source.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, source / part)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def weigh(folder: Path) -> float:
    """MB of files but pip's own and byte code."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sum(path.stat().st_size for path in files if not any(part.startswith("pip") for part in path.parts)) / MB


def installed(python: str, wheel: Path, folder: Path) -> dict[str, Any]:
    """One environment: how long pip took, sizes, and what the command does there."""
    place = folder / "environment"
    subprocess.run([python, "-m", "venv", str(place)], check=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "download", "-d", str(folder / "wheels"), str(wheel)], check=True, capture_output=True)
    start = time.monotonic()
    subprocess.run([*pip, "install", str(wheel)], check=True, capture_output=True)
    seconds = time.monotonic() - start
    command = str(place / "bin" / "edgekit")
    shown = subprocess.run([command, "--help"], capture_output=True, cwd=folder, check=False)
    model = ROOT / "benchmarks" / "results" / "fuzz_budget.json"  # no model at all: the gate must say so
    gate = subprocess.run([command, "check-budget", str(model)], capture_output=True, cwd=folder, check=False)
    version = subprocess.run([python, "-c", "import platform; print(platform.python_version())"], capture_output=True)
    return {
        "python": version.stdout.decode().strip(),
        "downloaded_mb": round(sum(path.stat().st_size for path in (folder / "wheels").iterdir()) / MB, 1),
        "unpacked_mb": round(weigh(next((place / "lib").glob("python*")) / "site-packages"), 1),
        "install_seconds": round(seconds, 1),
        "help_exit_code": shown.returncode,
        "exit_code_of_no_model": gate.returncode,
    }


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", help="interpreters; default: this one")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="a folder ") as name:
        wheel = built(Path(name))
        for number, python in enumerate(given.python or [sys.executable]):
            folder = Path(name) / str(number)
            folder.mkdir()
            rows.append(installed(python, wheel, folder))
            print(json.dumps(rows[-1]), file=sys.stderr)
    write_results("install", rows)


if __name__ == "__main__":
    main()
