"""Small recordings and sets for the tests of data/."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile


def tone(samples: int, rate: int = 16_000, frequency: float = 440.0, level: float = 0.3) -> np.ndarray:
    return level * np.sin(2 * np.pi * frequency * np.arange(samples) / rate)


@pytest.fixture
def write_audio() -> Callable[..., Path]:
    """``write_audio(path, signal=None, rate=16000, **options)``: half a second of a tone unless a signal is given."""

    def write(path: Path, signal: np.ndarray | None = None, rate: int = 16_000, **options: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(rate // 2, rate) if signal is None else signal, rate, **options)
        return path

    return write


@pytest.fixture
def write_csv() -> Callable[[Path, Sequence[Sequence[object]]], Path]:
    def write(path: Path, rows: Sequence[Sequence[object]]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)
        return path

    return write
