"""Impulse responses of recording devices, read from a folder: what device augmentation convolves clips with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekit.core.errors import BadFileError, DataError
from edgekit.data.audio import SUFFIXES, decode_float
from edgekit.data.fetch import data_folder

_ONSET = 0.05  # of the peak: where the sound arrives
_MAX_SECONDS = 1.0  # of a response; a room's reverberation is no device
TAIL_DB = -80.0
"""Energy, relative to the whole response, of the tail that is cut off: it is far below the noise of any recording."""


@dataclass(frozen=True, eq=False)
class Responses:
    """The responses of several devices at one sample rate.

    Attributes:
        names: of the files, without ending, sorted.
        sample_rate: Hz.
        taps: float32 [devices, longest]; each starts at its onset, has energy 1 and is zero-padded at its end.
    """

    names: tuple[str, ...]
    sample_rate: int
    taps: np.ndarray

    def __len__(self) -> int:
        return len(self.names)


def responses_folder(text: str) -> Path:
    """The folder that ``augment.impulse_responses`` or a plan names: absolute, or below the folder of data sets."""
    return data_folder() / Path(text).expanduser()


def load_responses(folder: Path, sample_rate: int) -> Responses:
    """Read, resample and normalise every recording of a folder (WAV, FLAC, Ogg, AIFF; 24 bits are kept).

    Args:
        folder: not searched in depth.
        sample_rate: of the clips that will be convolved, in Hz.

    Raises:
        DataError: no folder, no recording in it, or one of them is broken, silent or longer than a second.
    """
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not files:
        mend = "give a folder of WAV, FLAC or Ogg files"
        raise DataError("holds no impulse response", where=str(folder), mend=mend)
    rows = [cut_tail(normal_response(str(file), _read(file, sample_rate))) for file in files]
    taps = np.zeros((len(rows), max(map(len, rows))), np.float32)
    for row, response in zip(taps, rows, strict=True):
        row[: len(response)] = response
    return Responses(tuple(file.stem for file in files), sample_rate, taps)


def normal_response(name: str, response: np.ndarray) -> np.ndarray:
    """A measured response, float32 [n], from its onset on and with energy 1.

    So devices differ neither in delay nor in the level that they give to white noise.

    Raises:
        DataError: it is silent.
    """
    peak = float(np.abs(response).max(initial=0.0))
    if peak <= 0:
        raise DataError("the impulse response is silent", where=name, mend="remove the file from the folder")
    kept = response[int(np.argmax(np.abs(response) > _ONSET * peak)) :]
    normal: np.ndarray = (kept / np.sqrt(np.sum(np.square(kept, dtype=np.float64)))).astype(np.float32)
    return normal


def cut_tail(response: np.ndarray, decibels: float = TAIL_DB) -> np.ndarray:
    """The response without the longest tail whose energy is below ``decibels`` of the whole."""
    left = np.cumsum(np.square(response[::-1], dtype=np.float64))[::-1]  # energy from each sample on
    kept = int(np.count_nonzero(left > left[0] * 10.0 ** (decibels / 10.0)))
    return response[: max(kept, 1)]


def _read(file: Path, sample_rate: int) -> np.ndarray:
    mend = "remove the file from the folder"
    try:
        response = decode_float(file, sample_rate)
    except BadFileError as error:
        raise DataError(error.what, where=str(file), mend=mend) from error
    if len(response) > _MAX_SECONDS * sample_rate:
        seconds = len(response) / sample_rate
        raise DataError(f"{seconds:.1f} s are too long for a device's impulse response", where=str(file), mend=mend)
    return response
