"""Oracles and signals of the front-end tests."""

from __future__ import annotations

import importlib.util
import sys
import types
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="session")
def torchaudio() -> ModuleType:
    """torchaudio's Python part: its native library wants CUDA, so its loader is replaced by an empty one."""
    if importlib.util.find_spec("torchaudio") is None:
        pytest.skip("torchaudio is an oracle here: pip install --no-deps torchaudio")
    if "torchaudio" not in sys.modules:
        empty = types.ModuleType("torchaudio._extension")
        empty._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
        empty.fail_if_no_align = lambda function: function  # type: ignore[attr-defined]
        sys.modules["torchaudio._extension"] = empty
    import torchaudio
    import torchaudio.compliance.kaldi

    return torchaudio


@pytest.fixture(scope="session")
def noise() -> np.ndarray:
    """One second and a bit of int16 noise with a tone and an offset, 32 kHz long."""
    random = np.random.default_rng(7)
    time = np.arange(32_000) / 32_000
    signal = 0.05 * random.standard_normal(time.size) + 0.3 * np.sin(2 * np.pi * 440 * time) + 0.01
    return np.rint(signal * 32768).astype(np.int16)
