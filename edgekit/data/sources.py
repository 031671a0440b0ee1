"""The public data sets that can be fetched: a table in TOML, ``sources.toml`` beside this file or the user's own."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edgekit.core.errors import BadConfigError

_REGISTRY = Path(__file__).with_name("sources.toml")
_SET_KEYS = {"title", "licence", "homepage", "checksums", "keep", "files"}
_FILE_KEYS = {"url", "name", "bytes", "md5", "sha256"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar")


@dataclass(frozen=True)
class RemoteFile:
    """One archive: where it is, its file name, and its size and checksums where somebody published them."""

    url: str
    name: str
    size: int | None = None
    md5: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Source:
    """One data set: title, licence, where the checksums are from, what of the archives to unpack, the archives."""

    name: str
    title: str
    licence: str
    homepage: str
    checksums: str
    keep: tuple[str, ...]
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int | None:
        """Bytes to download; None where the size of a file is not known."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)


def load_sources(registry: Path | None = None) -> dict[str, Source]:
    """The sets of a registry by name; edgekit's own registry when None.

    Raises:
        BadConfigError: the file cannot be read, is no TOML, or an entry is incomplete or has an unknown key.
    """
    path = registry or _REGISTRY
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadConfigError(f"cannot read the registry: {error}", where=str(path)) from error
    return {name: _source(name, entry, f"{path.name}: {name}") for name, entry in table.items()}


def _source(name: str, entry: Any, where: str) -> Source:
    _check_keys(entry, _SET_KEYS, {"files"}, where)
    if not _NAME.fullmatch(name):
        raise BadConfigError("is no name for a set", where=where, mend="use letters, digits, . _ + and -")
    if not isinstance(entry["files"], list) or not entry["files"]:
        raise BadConfigError("has no files", where=where, mend=f"add [[{name}.files]] with a url")
    text = {key: str(entry.get(key, "")) for key in ("title", "licence", "homepage", "checksums")}
    files = tuple(_file(file, where) for file in entry["files"])
    return Source(name=name, keep=tuple(map(str, entry.get("keep", ()))), files=files, **text)


def _file(entry: Any, where: str) -> RemoteFile:
    _check_keys(entry, _FILE_KEYS, {"url"}, where)
    parts = urlsplit(str(entry["url"]))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadConfigError(f"{entry['url']!r} is no web address", where=where, mend="use https://…")
    name = str(entry.get("name", parts.path.rsplit("/", 1)[-1]))
    if not _NAME.fullmatch(name) or not name.endswith(ARCHIVES):
        raise BadConfigError(f"{name!r} is no name of an archive", where=where, mend=f"set name = … {ARCHIVES}")
    for key, digits in (("md5", 32), ("sha256", 64)):
        if key in entry and not re.fullmatch(f"[0-9a-f]{{{digits}}}", str(entry[key])):
            raise BadConfigError(f"{key} must be {digits} lower-case hexadecimal digits", where=where)
    size = entry.get("bytes")
    if size is not None and (not isinstance(size, int) or size <= 0):
        raise BadConfigError("bytes must be a positive whole number", where=where)
    return RemoteFile(str(entry["url"]), name, size, entry.get("md5"), entry.get("sha256"))


def _check_keys(entry: Any, known: set[str], needed: set[str], where: str) -> None:
    if not isinstance(entry, dict):
        raise BadConfigError("is no table", where=where, mend="see edgekit/data/sources.toml")
    for key in sorted(set(entry) - known):
        raise BadConfigError(f"unknown key {key!r}", where=where, mend=f"use {', '.join(sorted(known))}")
    for key in sorted(needed - set(entry)):
        raise BadConfigError(f"the key {key!r} is missing", where=where, mend=f"add {key}")
