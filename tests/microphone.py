"""A microphone that is none: the sounddevice package with one input, on which a tone is heard."""

from __future__ import annotations

import importlib.machinery
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Callback = Callable[[np.ndarray, int, Any, Any], None]


class ToneInput:
    """Stands in for a microphone: a tone of 440 Hz, block by block, as fast as it is taken."""

    def __init__(self, *, samplerate: float, blocksize: int, callback: Callback, **_: object) -> None:
        self._rate, self._size, self._callback = samplerate, blocksize, callback
        self._open = threading.Event()

    def __enter__(self) -> ToneInput:
        def play() -> None:
            t = np.arange(self._size) / self._rate
            while not self._open.wait(0.001):
                self._callback(0.5 * np.sin(2 * np.pi * 440 * t)[:, None].astype(np.float32), self._size, None, None)

        threading.Thread(target=play, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()


def plug_in(monkeypatch: pytest.MonkeyPatch, stream: type = ToneInput) -> None:
    """Put a sounddevice package in place whose one input, of 44.1 kHz, is ``stream``."""
    fake = types.ModuleType("sounddevice")
    fake.__spec__ = importlib.machinery.ModuleSpec("sounddevice", None)  # doctor looks for it
    device = {"name": "fake", "default_samplerate": 44_100.0, "max_input_channels": 1}

    def query_devices(device_: object = None, kind: str | None = None) -> object:
        if device_ == "absent":
            raise ValueError("No input device matching 'absent'")
        return device if kind else [device, {**device, "name": "out", "max_input_channels": 0}]

    parts = {"PortAudioError": type("PortAudioError", (Exception,), {}), "InputStream": stream}
    vars(fake).update(parts, query_devices=query_devices)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
