"""Fetch a public data set: download, verify, unpack, record; goes on where an interrupted call stopped."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgekit.core.errors import BadConfigError, BadFileError, DataError
from edgekit.core.files import write_json
from edgekit.core.progress import Progress, silent
from edgekit.core.spelling import did_you_mean
from edgekit.data.cache import cache_folder
from edgekit.data.download import download
from edgekit.data.sources import RemoteFile, Source, load_sources
from edgekit.data.unpack import unpack

RECORD = "fetch.json"
_ARCHIVES, _STAGING = ".archives", ".unpacking"


@dataclass(frozen=True)
class Arrived:
    """One archive as it arrived.

    Attributes:
        name: file name.
        url: where from.
        bytes: its size.
        sha256: of what arrived.
        verified: which published checksum it agreed with, "sha256" or "md5"; empty where none is published.
        files: how many files were unpacked from it.
    """

    name: str
    url: str
    bytes: int
    sha256: str
    verified: str
    files: int


@dataclass(frozen=True)
class Fetched:
    """A set that is complete in ``folder``; ``already`` when nothing had to be downloaded."""

    name: str
    folder: Path
    licence: str
    archives: tuple[Arrived, ...]
    already: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user must know about the checksums."""
        return tuple(
            f"{item.name}: no published checksum; sha256 of what arrived: {item.sha256}"
            for item in self.archives
            if not item.verified
        )


def data_folder() -> Path:
    """``EDGEKIT_DATA``, or ``datasets`` in the cache folder."""
    named = os.environ.get("EDGEKIT_DATA")
    return Path(named).expanduser() if named else cache_folder() / "datasets"


def fetch(
    name: str,
    folder: Path | None = None,
    registry: Path | None = None,
    keep_archives: bool = False,
    progress: Progress = silent,
    pause_s: float = 1.0,
) -> Fetched:
    """Bring the set ``name`` into ``folder/name``.

    Each archive is downloaded, verified, unpacked and then removed before the next one, so that the disk holds one
    archive at a time. ``fetch.json`` records what arrived.

    Args:
        name: of the set, see :func:`~edgekit.data.sources.load_sources`.
        folder: of all sets; :func:`data_folder` when None.
        registry: a registry of the user's own.
        keep_archives: leave the archives in ``.archives``.
        progress: told about bytes and files.
        pause_s: before a cut connection is tried again.

    Raises:
        BadConfigError: unknown name.
        DataError: the download fails or has a wrong checksum.
        BadFileError: an archive is damaged or unsafe.
    """
    sources = load_sources(registry)
    if name not in sources:
        mend = did_you_mean(name, sources, f"choose one of {', '.join(sources)}")
        raise BadConfigError(f"unknown data set {name!r}", mend=mend)
    source, place = sources[name], (folder or data_folder()) / name
    arrived = _recorded(place, source)
    missing = [file for file in source.files if file.name not in arrived]
    for file in missing:
        arrived[file.name] = _one(file, source, place, keep_archives, progress, pause_s)
        _record(place, source, arrived)
    shutil.rmtree(place / _STAGING, ignore_errors=True)
    if not keep_archives:
        shutil.rmtree(place / _ARCHIVES, ignore_errors=True)
    archives = tuple(arrived[file.name] for file in source.files)
    return Fetched(name, place, source.licence, archives, already=not missing)


def _one(
    file: RemoteFile, source: Source, place: Path, keep_archives: bool, progress: Progress, pause_s: float
) -> Arrived:
    archives, staging = place / _ARCHIVES, place / _STAGING
    try:
        archives.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        mend = "choose another folder with -o"
        raise DataError(f"cannot write: {error.strerror}", where=str(place), mend=mend) from error
    archive, sha256 = download(file, archives, progress, pause_s)
    size = archive.stat().st_size
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        count = unpack(archive, staging, source.keep, progress)
    except BadFileError:
        archive.unlink()  # the next call must not find it again
        raise
    if not count:
        raise DataError("nothing in it is of use", where=file.url, mend="the archive's layout has changed; report it")
    _move(staging, place)
    if not keep_archives:
        archive.unlink()
    verified = "sha256" if file.sha256 else "md5" if file.md5 else ""
    return Arrived(file.name, file.url, size, sha256, verified, count)


def _move(staging: Path, place: Path) -> None:
    """Move unpacked files into the set; done again after an interruption, because the archive is still there."""
    for folder, _, names in os.walk(staging):
        target = place / Path(folder).relative_to(staging)
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            os.replace(Path(folder, name), target / name)


def _recorded(place: Path, source: Source) -> dict[str, Arrived]:
    """What earlier calls brought, as far as it is what the registry names now."""
    try:
        rows = json.loads((place / RECORD).read_text(encoding="utf-8"))["archives"]
        arrived = {row["name"]: Arrived(**row) for row in rows}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {file.name: arrived[file.name] for file in source.files if _same(file, arrived.get(file.name))}


def _same(file: RemoteFile, arrived: Arrived | None) -> bool:
    return arrived is not None and arrived.url == file.url and file.sha256 in (None, arrived.sha256)


def _record(place: Path, source: Source, arrived: dict[str, Arrived]) -> None:
    rows: list[dict[str, Any]] = [asdict(arrived[file.name]) for file in source.files if file.name in arrived]
    text = {"name": source.name, "title": source.title, "licence": source.licence, "homepage": source.homepage}
    write_json(place / RECORD, {"schema_version": 1, **text, "archives": rows})
