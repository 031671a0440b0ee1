"""The doctor on a bare environment, on this one, and among broken things."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

import pytest

from edgekit.api import doctor as doctor_module
from edgekit.api.doctor import doctor, packages
from edgekit.api.doctor_parts import BASE, EXTRAS, HIDDEN_EXTRAS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def _closure(names: list[str]) -> set[str]:
    """Distributions that these need, themselves included."""
    found: set[str] = set()
    while names:
        name = names.pop()
        try:
            wanted = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or an older Python
        if name not in found:
            found.add(name)
            names += [re.split(r"[^A-Za-z0-9._-]", text)[0] for text in wanted if "extra ==" not in text]
    return found


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with edgekit and its base dependencies, linked from this one."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    base = [re.split(r"[<>=]", text)[0] for text in PROJECT["dependencies"]]
    for name in _closure(base):
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    (site / "edgekit").symlink_to(ROOT / "edgekit")
    own = site / "edgekit-0.dist-info"
    own.mkdir()
    extras = [f"Requires-Dist: {t}; extra == '{e}'" for e, ts in PROJECT["optional-dependencies"].items() for t in ts]
    lines = [
        "Metadata-Version: 2.1",
        "Name: edgekit",
        "Version: 0",
        *(f"Requires-Dist: {t}" for t in PROJECT["dependencies"]),
    ]
    (own / "METADATA").write_text("\n".join([*lines, *extras]) + "\n")
    return folder / "bin" / "python"


def _ask(python: Path) -> tuple[int, dict]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("EDGEKIT_", "PYTHON"))}
    done = subprocess.run(
        [python, "-m", "edgekit", "doctor", "--format", "json"], capture_output=True, text=True, env=environment
    )
    return done.returncode, json.loads(done.stdout)


def test_a_bare_environment_is_healthy_and_says_what_each_extra_would_bring(bare: Path) -> None:
    code, found = _ask(bare)
    parts = {part["name"]: part for part in found["parts"]}
    assert code == 0 and found["ok"] is True
    assert {parts[name]["state"] for name in ("numpy", "onnx", "click", "soxr")} == {"ok"}
    for name, extra in (("torch", "train"), ("unicorn", "mcu"), ("matplotlib", "report"), ("optuna", "sweep")):
        assert parts[name]["state"] == "missing" and parts[name]["install"] == f"pip install 'edgekit[{extra}]'"
        assert parts[name]["enables"] == EXTRAS[extra]


def test_a_base_package_that_is_gone_is_broken(bare: Path) -> None:
    site = next((bare.parents[1] / "lib").glob("python*")) / "site-packages"
    link = next(site.glob("tflite-*.dist-info"))
    target = link.readlink()
    link.unlink()
    try:
        code, found = _ask(bare)
    finally:
        link.symlink_to(target)
    broken = [part["name"] for part in found["parts"] if part["state"] == "broken"]
    assert (code, found["ok"], broken) == (1, False, ["tflite"])


def test_this_environment_is_seen_without_importing_it() -> None:
    code = (
        "import sys; from edgekit.api.doctor import doctor; found = doctor();"
        "heavy = {'torch', 'lightning', 'onnxruntime', 'tensorflow', 'matplotlib', 'numpy'} & set(sys.modules);"
        "print(sorted(heavy)); print(*(p.name for p in found.parts if p.state == 'ok'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert done[0] == "[]" and {"torch", "numpy", "unicorn", "ziglang"} <= set(done[1].split())


def test_a_program_that_hangs_or_fails_is_broken_and_does_not_hang_the_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, body in (("gcc", "exec sleep 30"), ("ssh", "echo no library >&2; exit 3")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(doctor_module, "PROBE_S", 0.5)
    begin = time.monotonic()
    parts = {part.name: part for part in doctor().parts}
    assert time.monotonic() - begin < 20
    assert parts["gcc"].state == "broken" and parts["gcc"].note == "no answer within 0.5 s"
    assert parts["ssh"].state == "broken" and parts["ssh"].note == "no library"


def test_old_and_gutted_packages_are_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "gutted_thing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gutted-thing\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = {part.name: part for part in packages(["click>=99.1", "gutted-thing; extra == 'tflite'"])}
    assert found["click"].note.endswith("is older than 99.1") and found["click"].state == "broken"
    assert found["gutted-thing"].note == "its files are gone"


def test_imports_finds_a_package_that_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "crashing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: crashing\nVersion: 1.0\n")
    (tmp_path / "crashing.py").write_text("raise ImportError('libmissing.so.1: cannot open shared object file')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    wanted = ["crashing; extra == 'tflite'"]
    assert next(packages(wanted)).state == "ok"
    assert next(packages(wanted, imports=True)).note.endswith("libmissing.so.1: cannot open shared object file")


def test_folders_that_are_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "new"))
    parts = {part.name: part for part in doctor().parts}
    assert parts["EDGEKIT_DATA"].state == "broken" and parts["EDGEKIT_CACHE"].state == "ok"


def test_every_extra_that_users_install_says_what_it_is_for() -> None:
    extras = set(PROJECT["optional-dependencies"]) - HIDDEN_EXTRAS
    assert extras - set(EXTRAS) == set()
    assert BASE in EXTRAS
