"""Unpacking of archives from strangers: no path leaves the folder, no links, no devices, limits on count and size."""

from __future__ import annotations

import fnmatch
import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from edgekit.core.errors import BadFileError
from edgekit.core.progress import Progress, silent

MAX_MEMBERS = 2_000_000
MAX_RATIO = 50  # audio hardly packs; 50 is far beyond it and far below a bomb
SPARE_BYTES = 100 * 1000**2
_BLOCK = 1 << 18

Member = tuple[str, int, IO[bytes]]
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, NotImplementedError)


def unpack(archive: Path, folder: Path, keep: Sequence[str] = (), progress: Progress = silent) -> int:
    """Unpack a zip or tar archive into ``folder``, which must exist.

    Args:
        archive: ``.zip``, ``.tar``, ``.tar.gz``.
        folder: for the members.
        keep: patterns (``*`` also matches ``/``); only members that match one are unpacked. Empty keeps all.
        progress: told about members.

    Returns:
        How many files were unpacked.

    Raises:
        BadFileError: no archive, damaged, a member that leaves the folder or is a link or device, or a limit is broken.
            Members before it may have been written.
    """
    limit = archive.stat().st_size * MAX_RATIO + SPARE_BYTES
    members = _zip_members if zipfile.is_zipfile(archive) else _tar_members
    count = seen = total = 0
    try:
        for name, size, stream in members(archive):
            seen += 1
            place = safe_place(folder, name, archive)
            if keep and not any(fnmatch.fnmatchcase(name, pattern) for pattern in keep):
                continue
            total += size
            if seen > MAX_MEMBERS or total > limit:
                raise BadFileError(f"unpacks to more than {limit:,} bytes or {MAX_MEMBERS:,} files", where=str(archive))
            _write(place, stream, size, archive)
            count += 1
            if count % 100 == 0:
                progress(f"unpacking {archive.name}", count, 0)
    except _DAMAGE as error:
        raise BadFileError(f"is no archive or is damaged: {error}", where=str(archive)) from error
    return count


def safe_place(folder: Path, name: str, archive: Path) -> Path:
    """Where a member goes.

    Raises:
        BadFileError: the name is absolute, leaves the folder, or holds a control character or backslash.
    """
    parts = PurePosixPath(name).parts
    odd = any(ord(character) < 32 for character in name) or "\\" in name
    if odd or not parts or name.startswith("/") or ".." in parts:
        raise BadFileError(f"the member {name[:100]!r} may not be unpacked: it leaves the folder", where=str(archive))
    return folder.joinpath(*parts)


def _zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as pack:
        for info in pack.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise BadFileError(f"the member {info.filename[:100]!r} is a link or device", where=str(archive))
            if info.flag_bits & 1:
                raise BadFileError("is encrypted", where=str(archive))
            if not info.is_dir():
                with pack.open(info) as stream:
                    yield info.filename, info.file_size, stream


def _tar_members(archive: Path) -> Iterator[Member]:
    """Members in the order of the stream; read to its very end, because gzip's checksum stands there."""
    with archive.open("rb") as raw, _plain(raw) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as pack:
            for info in pack:
                if info.isdir():
                    continue
                if not info.isreg():
                    raise BadFileError(f"the member {info.name[:100]!r} is a link or device", where=str(archive))
                member = pack.extractfile(info)
                if member is not None:
                    yield info.name, info.size, member
        rest = 0
        while block := stream.read(_BLOCK):
            rest += len(block)
            if rest > SPARE_BYTES:
                raise BadFileError("goes on after the end of the archive", where=str(archive))


def _plain(raw: BinaryIO) -> BinaryIO | gzip.GzipFile:
    packed = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return gzip.GzipFile(fileobj=raw) if packed else raw


def _write(place: Path, stream: IO[bytes], size: int, archive: Path) -> None:
    """Copy a member; what it really holds counts, not what its header says."""
    written = 0
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as out:
            while block := stream.read(_BLOCK):
                written += len(block)
                if written > size:
                    what = f"the member {place.name!r} is longer than its header says"
                    raise BadFileError(what, where=str(archive))
                out.write(block)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadFileError(f"the member {place.name!r} is there twice", where=str(archive)) from error
    except gzip.BadGzipFile:
        raise  # damage of the archive, and an OSError by descent only
    except OSError as error:
        raise BadFileError(f"cannot write {place.name!r}: {error.strerror}", where=str(archive)) from error
