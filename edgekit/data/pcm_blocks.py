"""Sound as it comes: blocks of int16 mono at one rate, from files, a pipe, or a microphone."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from edgekit.core.errors import BadConfigError, BadFileError, MissingDependencyError, TargetError
from edgekit.core.optional import require
from edgekit.data.audio import RATES, SUFFIXES, decode, to_int16

BLOCK_S = 0.1
"""Seconds of sound in a block: how often a level meter moves."""
_SILENT_S = 5.0  # a microphone that gives nothing for so long is gone


def audio_files(path: Path) -> list[Path]:
    """The recordings under a folder in the order of their names, or the file itself.

    Raises:
        BadFileError: no such file, or a folder without recordings.
    """
    if not path.is_dir():
        if not path.exists():
            raise BadFileError("no such file", where=str(path), mend="check the path")
        return [path]
    found = sorted(item for item in path.rglob("*") if item.suffix.lower() in SUFFIXES and item.is_file())
    if not found:
        raise BadFileError("the folder holds no recording", where=str(path), mend=f"give {', '.join(sorted(SUFFIXES))}")
    return found


def recording_blocks(path: Path, rate: int) -> Iterator[np.ndarray]:
    """A recording, mixed down and resampled to ``rate`` Hz: int16 [≤ BLOCK_S · rate] each.

    Raises:
        BadFileError: it cannot be decoded.
    """
    pcm = decode(path, rate)
    step = max(1, round(BLOCK_S * rate))
    for first in range(0, len(pcm), step):
        yield pcm[first : first + step]


def pipe_blocks(stream: BinaryIO, given: int, rate: int) -> Iterator[np.ndarray]:
    """Raw little-endian int16 mono at ``given`` Hz until the pipe ends, resampled to ``rate`` Hz.

    Raises:
        BadConfigError: an impossible rate.
    """
    _check_rate(given)
    step, rest = 2 * max(1, round(BLOCK_S * given)), b""
    resample = _Resampler(given, rate)
    while data := stream.read(step):
        data = rest + data
        whole = len(data) // 2 * 2
        rest = data[whole:]
        yield resample(np.frombuffer(data[:whole], "<i2").astype(np.float32) / 32768.0)
    yield resample(np.zeros(0, np.float32), last=True)


class LostSound:
    """Notes that a sound device lost samples before they could be taken."""

    def __init__(self) -> None:
        self._lost = False

    def note(self) -> None:
        """Samples were lost just now."""
        self._lost = True

    def taken(self) -> bool:
        """Whether samples were lost since this was asked last."""
        lost, self._lost = self._lost, False
        return lost


def microphone_blocks(
    rate: int, device: str | int | None = None, lost: LostSound | None = None
) -> Iterator[np.ndarray]:
    """A microphone at its own rate, first channel, resampled to ``rate`` Hz; ends with its consumer.

    Args:
        rate: wanted, in Hz.
        device: name or number of an input device; the system's own if None.
        lost: told when the device dropped samples (PortAudio's input overflow); the blocks go on with what came after.

    Raises:
        MissingDependencyError: sounddevice, or the PortAudio library under it, is not installed.
        TargetError: there is no such device, or it stopped giving sound.
    """
    sounddevice = microphone_package()
    waiting: queue.SimpleQueue[np.ndarray] = queue.SimpleQueue()

    def arrived(data: np.ndarray, frames: int, time: Any, status: Any) -> None:
        if lost is not None and status and status.input_overflow:
            lost.note()
        waiting.put(data[:, 0].copy())

    mend = "see 'edgekit run --list-devices', and choose one with --device"
    try:
        own = float(sounddevice.query_devices(device, "input")["default_samplerate"])
        stream = sounddevice.InputStream(
            samplerate=own, device=device, channels=1, dtype="float32", blocksize=round(BLOCK_S * own), callback=arrived
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise TargetError(f"no sound from a microphone: {error}", where="--device", mend=mend) from error
    resample = _Resampler(round(own), rate)
    with stream:
        while True:
            try:
                block = waiting.get(timeout=_SILENT_S)
            except queue.Empty:
                raise TargetError(f"the microphone gave nothing for {_SILENT_S:g} s", mend=mend) from None
            yield resample(block)


def microphone_package() -> ModuleType:
    """sounddevice, with the native library under it.

    Raises:
        MissingDependencyError: one of the two is not installed.
    """
    try:
        return require("sounddevice", "mic")
    except MissingDependencyError as error:
        if "PortAudio" not in error.what:
            raise
        raise MissingDependencyError(error.what, mend="apt-get install libportaudio2") from error


def input_devices() -> list[tuple[int, str, float]]:
    """Number, name and default rate (Hz) of every device with an input.

    Raises:
        MissingDependencyError: sounddevice, or the PortAudio library under it, is not installed.
    """
    found = microphone_package().query_devices()
    return [
        (number, str(device["name"]), float(device["default_samplerate"]))
        for number, device in enumerate(found)
        if device["max_input_channels"] > 0
    ]


class _Resampler:
    """Float blocks at one rate to int16 blocks at another; the state goes over from block to block."""

    def __init__(self, given: int, wanted: int) -> None:
        soxr = require("soxr", "base")
        self._stream = soxr.ResampleStream(given, wanted, 1, dtype="float32") if given != wanted else None

    def __call__(self, block: np.ndarray, last: bool = False) -> np.ndarray:
        return to_int16(block if self._stream is None else self._stream.resample_chunk(block, last=last))


def _check_rate(rate: int) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        raise BadConfigError(f"{rate} Hz is no sample rate", where="--rate", mend=f"use {RATES[0]} to {RATES[1]}")
