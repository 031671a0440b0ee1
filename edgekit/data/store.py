"""Where decoded audio lies: one append-only pack of int16 samples and a journal of what is in it, for one sample rate.

    FOLDER/pcm-16000-1a2b3c4d/pack.i16       samples, little-endian, one entry after the other
                              journal.jsonl  [key, offset, samples, range] or [key, reason] a line
                              stats.jsonl    [path, size, mtime_ns, ctime_ns, digest] a line

Samples reach the pack before their line reaches the journal. After a kill at any moment the journal names whole
entries only; what the pack holds beyond them is cut off by the next writer, so a resumed cache equals an uninterrupted
one byte for byte. Writers exclude each other by a lock that dies with its process; readers need none, because what the
journal names never moves.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.digest import digest_file
from edgekit.core.errors import BadFileError
from edgekit.core.files import needs_room
from edgekit.data.lock import exclusive

_RACY_NS = 2_000_000_000  # a file changed this recently may change again within the clock's resolution


@dataclass(frozen=True)
class Entry:
    """Where the samples of one key lie, in samples; ``range`` is largest less smallest. A fault has a reason."""

    offset: int
    samples: int
    range: int
    reason: str = ""


class Store:
    """The pack, its journal and the index from file states to digests, of one folder.

    Raises:
        BadFileError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self._digests: dict[str, tuple[int, int, int, str]] = {}
        self._fresh: list[tuple[str, int, int, int, str]] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            mend = "set EDGEKIT_CACHE to a folder that you may write"
            raise BadFileError(f"cannot make the cache: {error.strerror}", where=str(folder), mend=mend) from error
        self.reload()
        for path, *state in _lines(folder / "stats.jsonl", 5, through=True)[0]:
            self._digests[path] = tuple(state)

    @property
    def pack(self) -> Path:
        """The file of samples."""
        return self.folder / "pack.i16"

    def reload(self) -> int:
        """Read the journal; returns the length of its good part in bytes. Entries beyond the pack's end are dropped."""
        size = self.pack.stat().st_size // 2 if self.pack.exists() else 0
        rows, good = _lines(self.folder / "journal.jsonl", 4)
        self.entries = {}
        for key, offset, samples, span in rows:
            if isinstance(offset, str):
                self.entries[key] = Entry(0, 0, 0, offset)
            elif offset + samples <= size:
                self.entries[key] = Entry(offset, samples, span)
        return good

    def digest(self, path: Path) -> str:
        """Digest of a file's bytes; from the index while size and times are unchanged, else by reading it.

        Raises:
            OSError: the file cannot be read.
        """
        status = path.stat()
        state = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._digests.get(str(path))
        if known is not None and known[:3] == state:
            return known[3]
        digest = digest_file(path)
        self._digests[str(path)] = (*state, digest)
        if max(state[1:]) < time.time_ns() - _RACY_NS:
            self._fresh.append((str(path), *state, digest))
        return digest

    def save_digests(self) -> None:
        """Append the digests computed since the last call to the index; one write, so lines do not mix.

        Where there is no room for them, they are computed again the next time: what needs room says so itself.
        """
        if self._fresh:
            with contextlib.suppress(BadFileError):
                _append(self.folder / "stats.jsonl", [list(row) for row in self._fresh])
            self._fresh = []

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Exclude other writers, see what they wrote, and cut off what an interrupted one left behind."""
        with exclusive(self.folder / "lock"):
            good = self.reload()
            journal = self.folder / "journal.jsonl"
            if journal.exists() and journal.stat().st_size > good:
                os.truncate(journal, good)
            end = max((entry.offset + entry.samples for entry in self.entries.values()), default=0)
            with self.pack.open("ab"):
                os.truncate(self.pack, 2 * end)
            yield

    def append(self, items: Sequence[tuple[str, np.ndarray | str]]) -> None:
        """Store decoded samples (int16 [n]) or reasons under their keys; only inside :meth:`writing`."""
        rows: list[list[object]] = []
        with needs_room(self.pack), self.pack.open("ab") as pack:
            offset = pack.tell() // 2
            for key, value in items:
                if isinstance(value, str):
                    rows.append([key, value, 0, 0])
                    self.entries[key] = Entry(0, 0, 0, value)
                    continue
                pack.write(value.astype("<i2", copy=False).tobytes())
                span = int(value.max()) - int(value.min())
                rows.append([key, offset, len(value), span])
                self.entries[key] = Entry(offset, len(value), span)
                offset += len(value)
            pack.flush()
            os.fsync(pack.fileno())
        _append(self.folder / "journal.jsonl", rows)


def _append(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """Raise BadFileError where there is no room."""
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        data = text.encode()
        with needs_room(path):
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
    finally:
        os.close(handle)


def _lines(path: Path, width: int, *, through: bool = False) -> tuple[list[list[Any]], int]:
    """Rows of a journal up to the first damaged one (``through``: those behind it too), and their bytes."""
    if not path.exists():
        return [], 0
    rows, good = [], 0
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            row = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            row = None
        if not isinstance(row, list) or len(row) != width:
            if through:
                continue
            break
        rows.append(row)
        good += len(line)
    return rows, good
