"""The wheel works outside the checkout: it carries the budgets and the firmware projects."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_an_installed_wheel_finds_budgets_and_firmware(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)], check=True)
    wheel = next(tmp_path.glob("edgekit-*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--target", str(tmp_path / "site"), str(wheel)], check=True)
    code = (
        "import edgekit; from edgekit.core.resources import resource_folder;"
        "print(edgekit.__file__); print(len(list(resource_folder('budgets').glob('*.toml'))));"
        "print(len(list(resource_folder('firmware_stubs').rglob('*.c'))))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    assert out[0].startswith(str(tmp_path)) and int(out[1]) >= 7 and int(out[2]) >= 2
