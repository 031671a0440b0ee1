"""What one clip is like: levels, clipping, offset, digital silence, spectrum, digests and fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from edgekit.core.digest import digest_file
from edgekit.core.errors import BadFileError
from edgekit.data.audio import SILENT, SILENT_RANGE, decode_float, to_int16
from edgekit.data.inspect.fingerprint import fingerprint
from edgekit.data.inspect.spectrum import BandPower
from edgekit.data.manifest import SILENCE_LABELS, Clip

FULL_SCALE = 1.0 - 2.0**-15
"""The largest int16: samples from here on are at the stop."""

_STRETCH_S = 60  # decoded at a time, so that memory does not grow with the recordings
_ZERO_RUN_S = 0.01  # exact zeros shorter than this occur in any quiet recording


@dataclass(frozen=True, eq=False)
class ClipMeasures:
    """One clip.

    Attributes:
        peak, rms: dBFS, relative to a sample of 1.0; -inf for digital silence.
        clipped: share of the samples that stand at full scale.
        offset: mean of the samples, full scale 1.
        zeros: share of the samples that lie in runs of exact zeros of at least 10 ms.
        bands: float32 [27], see :meth:`edgekit.data.inspect.spectrum.BandPower.decibels`.
        file_digest: of the file's bytes and the stretch in it.
        audio_digest: of the decoded int16 samples and their rate.
        fingerprint: float32 [384], see :func:`edgekit.data.inspect.fingerprint.fingerprint`.
        sounding: seconds that the fingerprint stands for.
    """

    peak: float
    rms: float
    clipped: float
    offset: float
    zeros: float
    bands: np.ndarray
    file_digest: str
    audio_digest: str
    fingerprint: np.ndarray
    sounding: float


def measure_clip(clip: Clip, fingerprints: bool = True) -> ClipMeasures | str:
    """Measure a clip of known rate and length; text that says why, when it cannot be used.

    Without ``fingerprints``, ``fingerprint`` is empty: a large set could neither search nor hold them.
    """
    try:
        return _measure(clip, fingerprints)
    except BadFileError as error:
        return error.what
    except OSError as error:
        return f"cannot read: {error.strerror}"


def _measure(clip: Clip, fingerprints: bool) -> ClipMeasures | str:
    sums = _Sums(clip.sample_rate, fingerprints)
    stretch = _STRETCH_S * clip.sample_rate
    for start in range(0, clip.samples, stretch):
        count = min(stretch, clip.samples - start)
        sums.add(decode_float(clip.path, clip.sample_rate, clip.start + start, count))
    if sums.high - sums.low <= SILENT_RANGE and clip.label not in SILENCE_LABELS:
        return SILENT
    mark, seconds = sums.mark
    return ClipMeasures(
        peak=_decibels(sums.peak),
        rms=_decibels(float(np.sqrt(sums.square / sums.samples))),
        clipped=sums.clipped / sums.samples,
        offset=sums.sum / sums.samples,
        zeros=sums.zeros / sums.samples,
        bands=sums.bands.decibels(),
        file_digest=f"{digest_file(clip.path)}@{clip.start}+{clip.samples}",
        audio_digest=sums.digest.hexdigest(),
        fingerprint=mark,
        sounding=seconds,
    )


class _Sums:
    """Running sums over the stretches of one clip."""

    def __init__(self, sample_rate: int, fingerprints: bool) -> None:
        self.sample_rate, self.fingerprints = sample_rate, fingerprints
        self.samples = self.clipped = self.zeros = 0
        self.sum = self.square = self.peak = 0.0
        self.low, self.high = 32767, -32768
        self.bands = BandPower(sample_rate)
        self.digest = hashlib.sha256(str(sample_rate).encode())
        self.mark: tuple[np.ndarray, float] = (np.zeros(0, np.float32), 0.0)

    def add(self, signal: np.ndarray) -> None:
        pcm = to_int16(signal)
        if self.fingerprints and not self.samples:
            self.mark = fingerprint(signal, self.sample_rate)
        self.samples += len(signal)
        self.sum += float(signal.sum(dtype=np.float64))
        self.square += float(np.square(signal, dtype=np.float64).sum())
        self.peak = max(self.peak, float(np.abs(signal).max()))
        self.low, self.high = min(self.low, int(pcm.min())), max(self.high, int(pcm.max()))
        self.clipped += int(np.count_nonzero(np.abs(signal) >= FULL_SCALE))
        self.zeros += zero_samples(signal, max(1, round(_ZERO_RUN_S * self.sample_rate)))
        self.bands.add(signal)
        self.digest.update(pcm.tobytes())


def zero_samples(signal: np.ndarray, least: int) -> int:
    """Samples that lie in runs of at least ``least`` exact zeros."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], signal == 0.0, [False]]).astype(np.int8)))
    runs = edges[1::2] - edges[::2]
    return int(runs[runs >= least].sum())


def _decibels(value: float) -> float:
    return 20.0 * float(np.log10(value)) if value > 0 else -np.inf
