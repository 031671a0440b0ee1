"""Energy counters: RAPL of the processor, NVML of a graphics card."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

POWERCAP = Path("/sys/class/powercap")


class EnergyMeter(Protocol):
    """A counter of joules.

    Attributes:
        what: what it counts.
    """

    what: str

    def joules(self) -> float:
        """Counter now."""
        ...

    def since(self, before: float) -> float:
        """Joules since ``before``, also across an overflow of the counter."""
        ...


class Rapl:
    """Package counters of the Linux powercap interface (Documentation/power/powercap), in microjoules there."""

    what = "processor package (RAPL)"

    def __init__(self, packages: list[Path]) -> None:
        self._packages = packages
        self._range = sum(int((package / "max_energy_range_uj").read_text()) for package in packages) / 1e6

    def joules(self) -> float:
        """Sum over the packages."""
        return sum(int((package / "energy_uj").read_text()) for package in self._packages) / 1e6

    def since(self, before: float) -> float:
        """Joules since ``before``; one overflow is put right."""
        spent = self.joules() - before
        return spent if spent >= 0 else spent + self._range


def find_rapl(root: Path = POWERCAP) -> Rapl | None:
    """The counter of this machine's packages; None where there is none or it may not be read (root only)."""
    packages = [path for path in sorted(root.glob("intel-rapl:*")) if path.name.count(":") == 1]
    try:
        meter = Rapl(packages)
        meter.joules()
    except (OSError, ValueError):
        return None
    return meter if packages else None


class Nvml:
    """Energy of one graphics card since its driver was loaded: nvmlDeviceGetTotalEnergyConsumption, in millijoules."""

    what = "graphics card (NVML)"

    def __init__(self, pynvml: Any, index: int = 0) -> None:
        self._nvml = pynvml
        pynvml.nvmlInit()
        self._device = pynvml.nvmlDeviceGetHandleByIndex(index)

    def joules(self) -> float:
        """Counter now."""
        return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._device)) / 1e3

    def since(self, before: float) -> float:
        """Joules since ``before``; 64 bits do not overflow."""
        return self.joules() - before


def find_nvml() -> Nvml | None:
    """The first card's counter; None without the package nvidia-ml-py, a driver, or a card that counts (Volta on)."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        meter = Nvml(pynvml)
        meter.joules()
    except pynvml.NVMLError:
        return None
    return meter
