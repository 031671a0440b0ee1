"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of real data sets; tests that need it skip where ``EDGEKIT_DATA`` does not name one."""
    folder = os.environ.get("EDGEKIT_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("set EDGEKIT_DATA to the folder of the recordings (fsdd, dspspeech, esc10, mic_irs)")
    return Path(folder)


@pytest.fixture(scope="session")
def models_root() -> Path:
    """Folder of public reference models (``EDGEKIT_MODELS``, or ``models`` beside ``EDGEKIT_DATA``)."""
    folder = os.environ.get("EDGEKIT_MODELS") or str(Path(os.environ.get("EDGEKIT_DATA", "-")).parent / "models")
    if not (Path(folder) / "kws_ref_model.tflite").is_file():
        pytest.skip("set EDGEKIT_MODELS to the folder that holds kws_ref_model.tflite")
    return Path(folder)
