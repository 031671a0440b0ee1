"""Energy counters on stand-ins of the kernel's files and of NVML."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgekit.bench.energy import find_nvml, find_rapl


def _package(root: Path, name: str, energy: int, most: int = 1_000_000) -> Path:
    folder = root / name
    folder.mkdir()
    (folder / "energy_uj").write_text(f"{energy}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    return folder


def test_packages_are_added_and_their_parts_are_not(tmp_path: Path) -> None:
    first, second = _package(tmp_path, "intel-rapl:0", 100_000), _package(tmp_path, "intel-rapl:1", 50_000)
    _package(tmp_path, "intel-rapl:0:0", 999_999)
    meter = find_rapl(tmp_path)
    assert meter is not None
    before = meter.joules()
    assert before == pytest.approx(0.15)
    (first / "energy_uj").write_text("350000")
    (second / "energy_uj").write_text("60000")
    assert meter.since(before) == pytest.approx(0.26)


def test_an_overflow_of_the_counter_is_put_right(tmp_path: Path) -> None:
    package = _package(tmp_path, "intel-rapl:0", 990_000)
    meter = find_rapl(tmp_path)
    assert meter is not None
    before = meter.joules()
    (package / "energy_uj").write_text("10000")
    assert meter.since(before) == pytest.approx(0.02)


def test_without_counters_there_is_no_meter(tmp_path: Path) -> None:
    assert find_rapl(tmp_path) is None
    assert find_rapl(tmp_path / "absent") is None
    (tmp_path / "intel-rapl:0").mkdir()
    assert find_rapl(tmp_path) is None


def test_nvml_counts_millijoules(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([5_000, 5_000, 7_500])
    card = SimpleNamespace(
        NVMLError=RuntimeError, nvmlInit=lambda: None, nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=lambda device: next(readings),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", card)
    meter = find_nvml()
    assert meter is not None
    assert meter.since(meter.joules()) == pytest.approx(2.5)


def test_a_card_that_does_not_count_has_no_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> int:
        raise RuntimeError("not supported")

    card = SimpleNamespace(
        NVMLError=RuntimeError, nvmlInit=lambda: None, nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=refuse,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", card)
    assert find_nvml() is None
