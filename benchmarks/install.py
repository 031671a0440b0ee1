"""What a bare install costs, and how long the newcomer waits: set-up and demo from nothing.

    python benchmarks/install.py [--python python3.11 --python python3.12 …]
    python benchmarks/install.py --newcomer [--user NAME] [--times 2] [--python python3.11 …]

The first puts the wheel, without extras, into a new environment for each Python, times and weighs it and runs the gate
there. Downloaded is the size of all wheels, unpacked what lies in the environment afterwards without pip and byte
code. The second exports the commit (no git history) into a home or a new folder and runs ``scripts/setup`` and
``scripts/demo`` there, several times in a row, each from nothing, caches included; --user is somebody without rights
(root starts it). Folders' names have a space. What one of the two has measured stays in the result file when the other
is run, and so do newcomers with other Pythons.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from results_file import RESULTS, commit, write_results

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("edgekit", "budgets", "firmware_stubs", "pyproject.toml", "README.md", "LICENSE")
CACHE = "empty cache"
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


def export(folder: Path, user: str | None) -> None:
    """The commit's files without history in ``folder``, which is ``user``'s."""
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    if user:
        subprocess.run(["chown", "-R", f"{user}:", str(folder)], check=True)


def as_user(user: str | None, folder: Path, python: str, script: str) -> float:
    """Seconds of a script of the checkout at ``folder``; where it fails, the end of what it said is raised."""
    kept = [f"{key}={value}" for key, value in os.environ.items() if key.startswith("PIP_")]
    kept.append(f"XDG_CACHE_HOME={folder / CACHE}")
    line = f"cd {shlex.quote(str(folder))} && env {shlex.join([*kept, f'EDGEKIT_PYTHON={python}'])} {script}"
    command = ["su", "-", user, "-c", line] if user else ["bash", "-c", line]
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{script}: exit code {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    (folder / f"{Path(script).name}.txt").write_text(done.stdout, encoding="utf-8")
    return round(time.monotonic() - start, 1)


def newcomer(python: str, user: str | None, folder: Path) -> dict[str, Any]:
    """One newcomer: seconds of the set-up, of the demo, and the demo's rows as it printed them."""
    taken = commit()  # now: the tree may move on while the newcomer waits
    export(folder, user)
    load = os.getloadavg()[0]
    setup, demo = (as_user(user, folder, python, f"./scripts/{script}") for script in ("setup", "demo"))
    told = "import platform, torch; print(platform.python_version(), torch.__version__)"
    asked = [str(folder / ".venv/bin/python"), "-c", told]
    versions = subprocess.run(asked, capture_output=True, text=True, check=True)
    version, torch = versions.stdout.split()
    lines = [re.split(r"\s{2,}", line.strip()) for line in (folder / "demo.txt").read_text("utf-8").splitlines()]
    return {
        "python": version,
        "torch": torch,
        "environment_gb": round(weigh(folder / ".venv") / 1000, 1),
        "commit": taken,
        "root": user is None,
        "setup_seconds": setup,
        "demo_seconds": demo,
        "load_of_other_work_at_the_start": round(load, 1),
        "demo": {line[0].lstrip("– "): line[1] for line in lines if len(line) >= 3},
    }


def newcomers(python: str, user: str | None, times: int) -> list[dict[str, Any]]:
    """So many newcomers one after the other, each from nothing."""
    home = Path(f"~{user}").expanduser() if user else Path(tempfile.gettempdir())
    found = []
    for _ in range(times):
        folder = home / f"new comer {time.time_ns()}"
        try:
            found.append(newcomer(python, user, folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", help="interpreters; default: this one")
    parser.add_argument("--newcomer", action="store_true", help="set-up and demo from nothing instead")
    parser.add_argument("--user", help="whose home and rights a newcomer has")
    parser.add_argument("--times", type=int, default=2, help="newcomers one after the other")
    given = parser.parse_args()
    path = RESULTS / "install.json"
    before = json.loads(path.read_text("utf-8")) if path.is_file() else {"rows": []}
    if given.newcomer:
        found = [row for python in given.python or ["python3"] for row in newcomers(python, given.user, given.times)]
        new = {row["python"] for row in found}
        kept = [row for row in before.get("newcomer", []) if row["python"] not in new]
        write_results("install", before["rows"], newcomer=sorted([*kept, *found], key=lambda row: row["python"]))
        return
    rows = []
    with tempfile.TemporaryDirectory(prefix="a folder ") as name:
        wheel = built(Path(name))
        for number, python in enumerate(given.python or [sys.executable]):
            folder = Path(name) / str(number)
            folder.mkdir()
            rows.append(installed(python, wheel, folder))
            print(json.dumps(rows[-1]), file=sys.stderr)
    write_results("install", rows, newcomer=before.get("newcomer", []))


if __name__ == "__main__":
    main()
