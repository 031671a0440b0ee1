"""Audio files to int16 mono at one sample rate: WAV, FLAC, Ogg (Vorbis, Opus) and AIFF, any rate, channels, bit depth.

Files come from strangers: the kind is told by the first bytes (not by the name), sizes are checked before anything
is allocated, and every fault ends in a :class:`~edgekit.core.errors.BadFileError` whose text is the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent
from edgekit.data.manifest import Manifest, Rejected

SUFFIXES = frozenset({".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff"})
MAX_FILE_BYTES = 4 * 1024**3
MAX_SECONDS = 2 * 3600
MAX_CHANNELS = 64
MAX_VALUES = 512 * 1024 * 1024  # samples x channels of one decode: 2 GiB of float32
RATES = (1_000, 768_000)
SILENT_RANGE = 2
"""A clip whose int16 samples span no more than this (-90 dBFS) is silent: dither, a dead microphone, a DC offset."""

SILENT = "silent: the samples do not move"
"""Reason under which a silent clip is left out."""

_LOUDEST = 1e6
_STREAMED = {0, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF}  # sizes that programs write into a WAV header they cannot seek to


@dataclass(frozen=True)
class AudioInfo:
    """What the header of an audio file says: Hz, samples per channel, channels, and the container's name."""

    sample_rate: int
    samples: int
    channels: int
    container: str


def probe(path: Path) -> AudioInfo:
    """Read and check the header of an audio file.

    Raises:
        BadFileError: not an audio file, empty, truncated (WAV), or beyond a limit.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            return _probe(stream, path)
    except OSError as error:
        raise BadFileError(f"cannot read: {error.strerror}", where=str(path)) from error


def decode(path: Path, sample_rate: int, start: int = 0, samples: int = 0) -> np.ndarray:
    """Decode a recording, or a stretch of it, mix it down and resample it.

    Channels are averaged in float32, resampled by soxr at its HQ quality, rounded to nearest and clipped to int16. A
    16-bit mono file at ``sample_rate`` comes back bit for bit.

    Args:
        path: the file.
        sample_rate: of the result, in Hz.
        start: first sample of the stretch, in samples of the file's own rate.
        samples: of the stretch, at that rate; 0 means to the end.

    Returns:
        int16 [n], n ≥ 1.

    Raises:
        BadFileError: see :func:`probe`; or damaged, shorter than the stretch, or not finite.
    """
    return to_int16(decode_float(path, sample_rate, start, samples))


def decode_float(path: Path, sample_rate: int, start: int = 0, samples: int = 0) -> np.ndarray:
    """:func:`decode` before it rounds: float32 [n], full scale ±1, for 24-bit recordings and further processing."""
    soundfile = require("soundfile", "all")
    try:
        with path.open("rb", buffering=0) as stream:
            info = _probe(stream, path)
            count = samples or info.samples - start
            if start + count > info.samples or count <= 0:
                said = f"samples {start} to {start + count} are wanted"
                raise BadFileError(f"too short: {said}, it has {info.samples}", where=str(path))
            if count * info.channels > MAX_VALUES:
                raise BadFileError(f"too large to decode: {count} samples x {info.channels}", where=str(path))
            with soundfile.SoundFile(stream.fileno(), closefd=False) as audio:
                audio.seek(start)
                signal = audio.read(count, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise BadFileError(f"damaged: {_plain(error)}", where=str(path)) from error
    except OSError as error:
        raise BadFileError(f"cannot read: {error.strerror}", where=str(path)) from error
    if len(signal) != count:
        raise BadFileError(f"truncated: {len(signal)} of {count} samples could be decoded", where=str(path))
    return _resample(_mixdown(signal, path), info.sample_rate, sample_rate)


def to_int16(signal: np.ndarray) -> np.ndarray:
    """Float in [-1, 1) to int16: times 32768, rounded to nearest (ties to even), clipped."""
    scaled = np.clip(signal, -2.0, 2.0).astype(np.float32, copy=False) * np.float32(32768.0)
    result: np.ndarray = np.clip(np.rint(scaled), -32768, 32767).astype(np.int16)
    return result


def probe_manifest(manifest: Manifest, progress: Progress = silent) -> Manifest:
    """Fill in sample rates and lengths from the headers; clips whose header is bad or disagrees are rejected."""
    infos: dict[Path, AudioInfo | str] = {}
    clips, rejected = [], []
    for done, clip in enumerate(manifest.clips):
        progress("reading headers", done, len(manifest.clips))
        if clip.path not in infos:
            try:
                infos[clip.path] = probe(clip.path)
            except BadFileError as error:
                infos[clip.path] = error.what
        info = infos[clip.path]
        reason = info if isinstance(info, str) else mismatch(info, clip.sample_rate, clip.start, clip.samples)
        if isinstance(info, str) or reason:
            rejected.append(Rejected(clip.id, reason))
            continue
        count = clip.samples or info.samples - clip.start
        clips.append(replace(clip, sample_rate=info.sample_rate, samples=count))
    return replace(manifest, clips=tuple(clips), rejected=manifest.rejected + tuple(rejected))


def mismatch(info: AudioInfo, sample_rate: int, start: int, samples: int) -> str:
    """How a header contradicts what a manifest says of the file (0 = says nothing), or an empty string."""
    if sample_rate and sample_rate != info.sample_rate:
        return f"the manifest says {sample_rate} Hz, the file says {info.sample_rate} Hz"
    if start + samples > info.samples or start >= info.samples:
        return f"the manifest wants samples {start} to {start + max(samples, 1)}, the file has {info.samples}"
    return ""


def _probe(stream: FileIO, path: Path) -> AudioInfo:
    soundfile = require("soundfile", "all")
    size = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(12)
    if not head:
        raise BadFileError("empty file", where=str(path))
    if size > MAX_FILE_BYTES:
        raise BadFileError(f"{size:,} bytes, the limit is {MAX_FILE_BYTES:,}", where=str(path))
    container = _container(head)
    if not container:
        raise BadFileError("not a WAV, FLAC, Ogg or AIFF file", where=str(path))
    if head[:4] == b"RIFF":
        _check_wav_length(stream, size, path)
    stream.seek(0)
    try:
        with soundfile.SoundFile(stream.fileno(), closefd=False) as audio:
            info = AudioInfo(int(audio.samplerate), int(audio.frames), int(audio.channels), container)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise BadFileError(f"damaged header: {_plain(error)}", where=str(path)) from error
    stream.seek(0)
    _check_limits(info, path)
    return info


def _plain(error: Exception) -> str:
    """Text of libsndfile's error without its ornaments."""
    return str(error).rpartition("Error : ")[2].strip().rstrip(".")


def _container(head: bytes) -> str:
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
        return "WAV"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    return {b"fLaC": "FLAC", b"OggS": "Ogg"}.get(head[:4], "")


def _check_wav_length(stream: FileIO, size: int, path: Path) -> None:
    """Refuse cut-off data: libsndfile silently shortens a WAV of that kind."""
    place = 12
    while place + 8 <= size:
        stream.seek(place)
        header = stream.read(8)
        length = int.from_bytes(header[4:8], "little")
        if header[:4] == b"data":
            there = size - place - 8
            if length > there and length not in _STREAMED:
                raise BadFileError(f"truncated: {there:,} of {length:,} bytes of samples are there", where=str(path))
            return
        place += 8 + length + (length & 1)
    raise BadFileError("a WAV file without samples", where=str(path))


def _check_limits(info: AudioInfo, path: Path) -> None:
    if info.samples <= 0:
        raise BadFileError("no samples (0 seconds)", where=str(path))
    if not RATES[0] <= info.sample_rate <= RATES[1]:
        raise BadFileError(f"{info.sample_rate} Hz, the limits are {RATES[0]} to {RATES[1]} Hz", where=str(path))
    if not 1 <= info.channels <= MAX_CHANNELS:
        raise BadFileError(f"{info.channels} channels, the limit is {MAX_CHANNELS}", where=str(path))
    if info.samples > MAX_SECONDS * info.sample_rate:
        hours = info.samples / info.sample_rate / 3600
        raise BadFileError(f"{hours:.1f} hours, the limit is {MAX_SECONDS / 3600:.0f}", where=str(path))


def _mixdown(signal: np.ndarray, path: Path) -> np.ndarray:
    """float32 [n, channels] to float32 [n]."""
    if not np.isfinite(signal).all():
        raise BadFileError("holds samples that are not finite", where=str(path))
    if signal.shape[1] == 1:
        return np.ascontiguousarray(signal[:, 0])
    # Floats of any size are legal in a file; beyond this they are far above full scale, and sums would overflow.
    mono: np.ndarray = np.clip(signal, -_LOUDEST, _LOUDEST).mean(axis=1, dtype=np.float32)
    return mono


def _resample(signal: np.ndarray, rate_in: int, rate_out: int) -> np.ndarray:
    if rate_in == rate_out:
        return signal
    out: np.ndarray = require("soxr", "all").resample(signal, rate_in, rate_out, quality="HQ")
    # A stretch of a few samples can vanish in a strong down-sampling; the next room relies on n >= 1.
    return out if len(out) else np.zeros(1, np.float32)
