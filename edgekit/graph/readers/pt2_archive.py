"""The zip archive that ``torch.export.save`` writes, opened within limits; nothing is extracted, unpickled or run.

Two layouts are known: ``NAME/models/NAME.json`` beside raw weights (torch 2.8 and later), and the older
``serialized_exported_program.json`` beside a pickled state dict, which is left alone.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from edgekit.core.errors import BadFileError

MAX_DIRECTORY = 2**23
"""Bytes of the zip's table of contents: about 100,000 entries."""
MAX_JSON = 2**24
"""Bytes of a description, unpacked: a few thousand operators with their stack traces."""
MAX_CONTAINERS = 1_000_000
"""Lists and objects in a description: each costs a few hundred bytes in memory."""
MAX_SUMMED = 2**26
"""Bytes of an archive, unpacked, up to which all entries are read for their check sums."""
MEND = "export the model again with torch.export.save"

NEWEST_ZIP = 45
"""Version of the zip format, times ten, that has all that torch uses (64-bit sizes)."""
_DAMAGED = (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, struct.error)
"""What zipfile raises when an entry is not as its headers say."""
_OLD = "serialized_exported_program.json"
_FOLDER = 0x10
"""Bit of an entry's external attributes."""
_FLAGS = 0x080E
"""Bits of an entry that say nothing bad: names in UTF-8, sizes behind the data, how hard it was packed."""
_ENTRY = b"PK\x01\x02"
_END, _END64_LOCATOR, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"


class Archive:
    """An open ``.pt2`` file; a context manager.

    Raises:
        BadFileError: no zip archive, or one beyond the limits.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._size = path.stat().st_size
            with path.open("rb") as stream:
                entries = _check_directory(stream, self._size)
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as error:
            raise BadFileError("not a .pt2 archive, or a damaged one", where=str(path), mend=MEND) from error
        self._entries: dict[str, zipfile.ZipInfo] = {}
        if len(self._zip.infolist()) != entries:
            self._zip.close()
            raise BadFileError("its table of contents is damaged", where=str(path), mend=MEND)
        for info in self._zip.infolist():
            packed = info.compress_type != zipfile.ZIP_STORED
            sound = packed or info.compress_size == info.file_size
            # torch's own reader takes an entry with the attribute of a folder for one, whatever it holds.
            odd = info.external_attr & _FOLDER or info.flag_bits & ~_FLAGS
            if info.volume or info.extract_version > NEWEST_ZIP or not sound or odd:
                self._zip.close()
                raise BadFileError("its table of contents is damaged", where=str(path), mend=MEND)
            if info.filename in self._entries:
                self._zip.close()
                raise BadFileError(f"two entries are called {info.filename!r}", where=str(path), mend=MEND)
            self._entries[info.filename] = info

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def description(self) -> tuple[str, Any]:
        """(folder inside the archive, "" in the older layout; the exported program as JSON values).

        Raises:
            BadFileError: none, several, or a damaged one.
        """
        if _OLD in self._entries:
            return "", self.json(_OLD)
        found = [name for name in self._entries if _is_model(name)]
        if len(found) != 1:
            raise BadFileError(f"holds {len(found)} exported programs, one is needed", where=str(self.path), mend=MEND)
        return found[0].split("/models/")[0] + "/" if "/models/" in found[0] else "", self.json(found[0])

    def size(self, name: str) -> int | None:
        """Bytes of an entry, unpacked; None without one, or where its data would lie outside the file."""
        info = self._entries.get(name)
        if info is None or info.header_offset < 0 or info.header_offset + info.compress_size > self._size:
            return None
        return info.file_size

    def json(self, name: str) -> Any:
        """An entry as JSON values.

        Raises:
            BadFileError: absent, too large, damaged.
        """
        where = f"{self.path}: {name}"
        text = self._read(name, where)
        if text.count(b"{") + text.count(b"[") > MAX_CONTAINERS:
            raise BadFileError(f"more than {MAX_CONTAINERS} lists and objects", where=where)
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadFileError("is not JSON", where=where, mend=MEND) from error

    def check_sums(self) -> None:
        """Check the check sums of all entries, unless the archive is larger than MAX_SUMMED.

        Raises:
            BadFileError: an entry is damaged.
        """
        if sum(info.file_size for info in self._entries.values()) > MAX_SUMMED:
            return
        left = MAX_SUMMED
        for name, info in self._entries.items():
            where = f"{self.path}: {name}"
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise BadFileError("is packed in a way that torch does not use", where=where, mend=MEND)
            try:
                with self._zip.open(info) as stream:
                    while piece := stream.read(2**16):
                        left -= len(piece)
                        if left < 0:
                            raise BadFileError("holds more than it says", where=where, mend=MEND)
            except _DAMAGED as error:
                raise BadFileError("is damaged", where=where, mend=MEND) from error

    def _read(self, name: str, where: str) -> bytes:
        info = self._entries.get(name)
        if info is None:
            raise BadFileError("is missing", where=where, mend=MEND)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadFileError("is packed in a way that torch does not use", where=where, mend=MEND)
        try:
            with self._zip.open(info) as stream:
                text = stream.read(MAX_JSON + 1)
        except _DAMAGED as error:
            raise BadFileError("is damaged", where=where, mend=MEND) from error
        if len(text) > MAX_JSON:  # whatever the entry claims, no more than this is ever unpacked
            raise BadFileError(f"is larger than {MAX_JSON} bytes", where=where)
        return text


def _is_model(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return (folder == "models" or folder.endswith("/models")) and file.endswith(".json")


@dataclass(frozen=True)
class _Directory:
    """What the end of a zip file says about its table of contents."""

    disks: tuple[int, int]
    entries: tuple[int, int]
    length: int
    offset: int
    end: int


def _check_directory(stream: BinaryIO, size: int) -> int:
    """Check the end of the file before zipfile makes an object of every entry; returns the number of entries.

    zipfile overlooks a wrong count, a wrong disk and bytes before the archive; torch does not.
    """
    found = _directory(stream, size)
    sound = found.disks == (0, 0) and found.entries[0] == found.entries[1] and found.offset + found.length == found.end
    if not sound or found.length > MAX_DIRECTORY:
        raise BadFileError("its table of contents is damaged, or absurdly long", where=stream.name, mend=MEND)
    stream.seek(found.offset)
    if _entries(stream.read(found.length)) != found.entries[0]:
        raise BadFileError("its table of contents is damaged", where=stream.name, mend=MEND)
    return found.entries[0]


def _entries(table: bytes) -> int:
    """Number of entries that fill the table of contents exactly; -1 where none do."""
    at = count = 0
    while at < len(table):
        if table[at : at + 4] != _ENTRY or at + 46 > len(table):
            return -1
        at += 46 + sum(struct.unpack_from("<HHH", table, at + 28))
        count += 1
    return count if at == len(table) else -1


def _directory(stream: BinaryIO, size: int) -> _Directory:
    begin = max(0, size - 65_557)
    stream.seek(begin)
    tail = stream.read(65_557)
    at = tail.rfind(_END)
    if at < 0:
        raise BadFileError("not a .pt2 archive (no zip directory)", where=stream.name, mend=MEND)
    disk, first, here, total, length, offset = struct.unpack_from("<HHHHII", tail, at + 4)
    short = _Directory((disk, first), (here, total), length, offset, begin + at)
    if at < 20 or tail[at - 20 : at - 16] != _END64_LOCATOR:
        return short
    place, disks = struct.unpack_from("<QI", tail, at - 12)
    stream.seek(min(place, size))
    record = stream.read(56)
    if record[:4] != _END64 or disks != 1:  # torch's reader takes an archive of one disk
        raise BadFileError("its table of contents is damaged", where=stream.name, mend=MEND)
    disk, first, here, total, length, offset = struct.unpack_from("<IIQQQQ", record, 16)
    return _Directory((disk, first), (here, total), length, offset, place)
