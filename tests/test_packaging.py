"""Wheel and sdist work outside the checkout: they carry budgets, firmware, templates, recipes and schemas."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("edgekit", "budgets", "firmware_stubs", "pyproject.toml", "README.md", "LICENSE")
RUN = "import sys; from edgekit.cli.main import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and sdist of a copy without git history, in a path with a space."""
    pytest.importorskip("hatchling", reason="pip install 'edgekit[dev]'")
    source = tmp_path_factory.mktemp("a path with spaces") / "source"
    source.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, source / part)
    out = source.parent / "dist"
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(out)], cwd=source, check=True)
    return out


def _files(package: Path) -> set[str]:
    """What is in a wheel or sdist of the package's own files, below ``edgekit/``."""
    if package.suffix == ".whl":
        return {name for name in zipfile.ZipFile(package).namelist() if name.startswith("edgekit/")}
    with tarfile.open(package) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    return {name for name in names if name.startswith("edgekit/")}


@pytest.mark.slow
def test_every_file_of_the_package_travels(built: Path) -> None:
    own = {str(path.relative_to(ROOT)) for path in (ROOT / "edgekit").rglob("*") if path.is_file()}
    own = {name for name in own if "__pycache__" not in name}
    for package in (next(built.glob("*.whl")), next(built.glob("*.tar.gz"))):
        assert own - _files(package) == set(), package.name
    resources = {name for name in _files(next(built.glob("*.whl"))) if name.startswith("edgekit/_resources/")}
    assert sum(name.endswith(".toml") for name in resources) >= len(list((ROOT / "budgets").glob("*.toml")))
    assert sum(name.endswith(".c") for name in resources) >= 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["budget", "show", "nucleo-l4r5zi"],
        ["recipes", "kws-dscnn"],
        ["check-budget", "model.tflite", "--budget", "thesis-128kB-30MMAC"],
        ["compile", "model.tflite", "--target", "nrf52840-dk", "--sources-only", "-o", "out"],
    ],
    ids=lambda command: command[0],
)
def test_an_installed_wheel_does_the_work(command: list[str], built: Path, tmp_path: Path) -> None:
    site = built.parent / "site"
    if not site.is_dir():
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "install", "--no-deps", "--target"]
        subprocess.run([*pip, str(site), str(next(built.glob("*.whl")))], check=True)
    _int8_model(tmp_path / "model.tflite")
    environment = {**os.environ, "PYTHONPATH": str(site)}
    shown = subprocess.run(
        [sys.executable, "-c", "import edgekit; print(edgekit.__file__)"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert shown.startswith(str(site))
    done = subprocess.run(
        [sys.executable, "-c", RUN, *command], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def _int8_model(path: Path) -> None:
    import numpy as np
    from edge_graphs import Builder

    from edgekit.export.tflite_writer import write_tflite

    builder = Builder(np.random.default_rng(0), (1, 6, 5, 2))
    builder.conv2d(4, (3, 3), activation="relu")
    write_tflite(builder.graph(), path)
