"""Audio decoded once: every clip of a manifest as int16 mono at one sample rate, memory-mapped.

What is stored is keyed by content (digest of the source's bytes, stretch, sample rate, version of the decoders), so
moved, renamed or shared recordings are not decoded again and changed ones are.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.digest import digest_json
from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.core.progress import Progress, silent
from edgekit.data.audio import RATES, SILENT, SILENT_RANGE, decode, mismatch, probe
from edgekit.data.manifest import SILENCE_LABELS, Clip, Manifest, Rejected
from edgekit.data.store import Entry, Store

DECODER_VERSION = 1
"""Raise when :func:`edgekit.data.audio.decode` gives other samples for the same bytes."""

_LOT, _LOT_SAMPLES = 64, 1 << 24  # clips, samples between two writes: what an interruption can cost
_THREADS = min(4, os.cpu_count() or 1)  # libsndfile and soxr run outside the interpreter's lock


def cache_folder() -> Path:
    """``EDGEKIT_CACHE``, or the user's cache folder."""
    named = os.environ.get("EDGEKIT_CACHE")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_path("edgekit"))


class AudioCache:
    """The samples of a manifest's clips.

    Broken, empty and silent recordings are left out: index ``i`` counts the clips of :attr:`manifest`, which is the
    given manifest less those in :attr:`rejected`. An object survives pickling; the copy maps the same file.

    Args:
        manifest: what to decode.
        sample_rate: of the decoded clips, in Hz.
        folder: of all caches; :func:`cache_folder` when None.
        progress: told about the clips that had to be decoded.

    Attributes:
        manifest: the usable clips, with everything left out, and why, in its ``rejected``.
        rejected: what this cache left out; what the reader of the manifest left out is not repeated.
        lengths: int64 [clips], samples of each clip at ``sample_rate``.
        digest: over ids, labels and contents of the usable clips, in their order; their place does not count.

    Raises:
        DataError: no clip is usable.
        BadConfigError: impossible sample rate.
        BadFileError: the cache cannot be written.
    """

    def __init__(
        self, manifest: Manifest, sample_rate: int, folder: Path | None = None, progress: Progress = silent
    ) -> None:
        if not RATES[0] <= sample_rate <= RATES[1]:
            mend = f"give {RATES[0]} to {RATES[1]} Hz"
            raise BadConfigError(f"a sample rate of {sample_rate} Hz is not possible", mend=mend)
        self.sample_rate = sample_rate
        store = Store((folder or cache_folder()) / f"pcm-{sample_rate}-{_version()}")
        keys = _keys(manifest, store, progress)
        _decode_missing(manifest, keys, store, sample_rate, progress)
        found = [_judge(clip, key, store) for clip, key in zip(manifest.clips, keys, strict=True)]
        bad = {clip.id: e for clip, e in zip(manifest.clips, found, strict=True) if e.reason}
        self.rejected = tuple(Rejected(name, entry.reason) for name, entry in bad.items())
        self.manifest = manifest.without(self.rejected, bad.keys()).require_clips()
        usable = [entry for entry in found if not entry.reason]
        named = zip(manifest.clips, keys, found, strict=True)
        self.digest = digest_json([[clip.id, clip.label, key] for clip, key, entry in named if not entry.reason])
        self.lengths = np.array([entry.samples for entry in usable], np.int64)
        self._offsets = np.array([entry.offset for entry in usable], np.int64)
        self._pack = store.pack
        self._pcm = self._map()

    def __len__(self) -> int:
        return len(self.lengths)

    def clip(self, index: int) -> np.ndarray:
        """The whole clip, int16 [n], read-only view of the mapped file."""
        offset = int(self._offsets[index])
        view: np.ndarray = self._pcm[offset : offset + int(self.lengths[index])]
        return view

    def window(self, index: int, samples: int, offset: int = 0) -> np.ndarray:
        """``samples`` samples of the clip from ``offset`` on, int16 [samples], a copy.

        Where the clip does not reach (before its start when ``offset`` < 0, after its end) there are zeros.
        """
        pcm = self.clip(index)
        out = np.zeros(samples, np.int16)
        first, last = max(offset, 0), min(offset + samples, len(pcm))
        if last > first:
            out[first - offset : last - offset] = pcm[first:last]
        return out

    def windows(self, indices: np.ndarray, samples: int, offsets: np.ndarray) -> np.ndarray:
        """:meth:`window` of many clips at once: int16 [len(indices), samples], no Python work a clip.

        Args:
            indices: int64 [n], clips.
            samples: length of each window.
            offsets: int64 [n], first sample of each window in its clip; may be negative.
        """
        starts = self._offsets[indices] + offsets
        inside = (starts >= 0) & (starts + samples <= len(self._pcm))
        if not inside.any():
            return np.stack([self.window(int(i), samples, int(o)) for i, o in zip(indices, offsets, strict=True)])
        views = np.lib.stride_tricks.sliding_window_view(self._pcm, samples)
        rows: np.ndarray = views[np.where(inside, starts, 0)]
        # The pack's neighbouring clips show through before the start and after the end of each clip.
        column = np.arange(samples)
        rows[(column < -offsets[:, None]) | (column >= (self.lengths[indices] - offsets)[:, None])] = 0
        for row in np.flatnonzero(~inside):  # at the pack's own ends
            rows[row] = self.window(int(indices[row]), samples, int(offsets[row]))
        return rows

    def _map(self) -> np.ndarray:
        # A plain ndarray over the map: indexing np.memmap costs microseconds a call.
        # The shape is given because another process may just be writing half a sample at the end.
        samples = self._pack.stat().st_size // 2
        return np.asarray(np.memmap(self._pack, dtype="<i2", mode="r", shape=(samples,)))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_pcm"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._pcm = self._map()


def _version() -> str:
    packages = {name: importlib.metadata.version(name) for name in ("soundfile", "soxr")}
    return digest_json({"decoder": DECODER_VERSION, **packages})[7:15]


def _keys(manifest: Manifest, store: Store, progress: Progress) -> list[str]:
    """The key of each clip; an unreadable file gets a key of its own that names the fault."""
    digests: dict[Path, str] = {}
    keys = []
    for done, clip in enumerate(manifest.clips):
        if clip.path not in digests:
            try:
                digests[clip.path] = store.digest(clip.path)
            except OSError as error:
                digests[clip.path] = f"unreadable: {error.strerror}"
        progress("checking recordings", done + 1, len(manifest.clips))
        keys.append(f"{digests[clip.path]}:{clip.start}:{clip.samples}:{clip.sample_rate}")
    store.save_digests()
    return keys


def _decode_missing(manifest: Manifest, keys: list[str], store: Store, rate: int, progress: Progress) -> None:
    if not _missing(manifest, keys, store):
        return
    with store.writing(), ThreadPoolExecutor(_THREADS) as pool:
        missing = _missing(manifest, keys, store)  # another writer may have been quicker
        done, waiting = 0, _Waiting(store)
        for batch in _batched(iter(missing.items()), 2 * _THREADS):  # no more than these are in memory undelivered
            values = pool.map(lambda item: _decode(item[1], rate), batch)
            for (key, _), value in zip(batch, values, strict=True):
                waiting.add(key, value)
            done += len(batch)
            progress("decoding", done, len(missing))
        waiting.flush()


class _Waiting:
    """Decoded clips on their way to the store, written in lots because each lot waits for the disk."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.items: list[tuple[str, np.ndarray | str]] = []
        self.samples = 0

    def add(self, key: str, value: np.ndarray | str) -> None:
        self.items.append((key, value))
        self.samples += 0 if isinstance(value, str) else len(value)
        if len(self.items) >= _LOT or self.samples >= _LOT_SAMPLES:
            self.flush()

    def flush(self) -> None:
        if self.items:
            self.store.append(self.items)
        self.items, self.samples = [], 0


def _missing(manifest: Manifest, keys: list[str], store: Store) -> dict[str, Clip]:
    pairs = zip(keys, manifest.clips, strict=True)
    return {k: clip for k, clip in pairs if k not in store.entries and not k.startswith("unreadable")}


def _batched(items: Iterator[tuple[str, Clip]], size: int) -> Iterator[list[tuple[str, Clip]]]:
    while batch := list(islice(items, size)):
        yield batch


def _decode(clip: Clip, rate: int) -> np.ndarray | str:
    """Samples, or the reason why there are none."""
    try:
        reason = mismatch(probe(clip.path), clip.sample_rate, clip.start, clip.samples)
        return reason or decode(clip.path, rate, clip.start, clip.samples)
    except BadFileError as error:
        return error.what


def _judge(clip: Clip, key: str, store: Store) -> Entry:
    """The clip's entry, with a reason when it cannot be used."""
    if key.startswith("unreadable"):
        return Entry(0, 0, 0, key.split(":", 2)[1].strip())
    entry = store.entries[key]
    if not entry.reason and entry.range <= SILENT_RANGE and clip.label not in SILENCE_LABELS:
        return Entry(0, 0, 0, SILENT)
    return entry
