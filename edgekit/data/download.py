"""Download of one file: resumed by HTTP Range after any interruption, verified, atomic."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

from edgekit.core.errors import DataError
from edgekit.core.progress import Progress, silent
from edgekit.data.sources import RemoteFile

MAX_BYTES = 64 * 1024**3
TIMEOUT_S = 30.0
ATTEMPTS = 6
_BLOCK = 1 << 18
_LATER = {408, 425, 429, 500, 502, 503, 504}  # states of a server that pass


class _Cut(Exception):
    """The connection ended early or the server is busy: worth another attempt."""


def download(file: RemoteFile, folder: Path, progress: Progress = silent, pause_s: float = 1.0) -> tuple[Path, str]:
    """Bring a file into ``folder``; what an earlier call left there is continued.

    A connection that is cut, or a busy server, is tried again up to six times in a row without any gain, with a pause
    that doubles.

    Args:
        file: address, size and checksums.
        folder: for the file; it must exist. ``NAME.part`` holds an unfinished download.
        progress: told about bytes.
        pause_s: before the second attempt, in seconds.

    Returns:
        The path of the verified file and its sha256 in hexadecimal.

    Raises:
        DataError: the server refuses, does not answer, or sends something of another size or checksum; no room.
    """
    path, part = folder / file.name, folder / f"{file.name}.part"
    if path.exists():
        return path, _verify(path, file)
    failures = 0
    while True:
        before = _size(part)
        try:
            _attempt(file, part, progress)
            break
        except _Cut as cut:
            failures = 1 if _size(part) > before else failures + 1
            if failures >= ATTEMPTS:
                mend = "run the command again later; what has arrived is kept"
                raise DataError(f"download cut off: {cut}", where=file.url, mend=mend) from cut
            time.sleep(pause_s * 2 ** (failures - 1))
    sha256 = _verify(part, file)
    part.replace(path)
    _validator(part).unlink(missing_ok=True)
    return path, sha256


def _attempt(file: RemoteFile, part: Path, progress: Progress) -> None:
    """One request; returns when the whole file is there."""
    have = _size(part)
    request = urllib.request.Request(file.url, headers={"User-Agent": "edgekit", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if _validator(part).exists():
            request.add_header("If-Range", _validator(part).read_text())
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            _receive(file, part, have, answer, progress)
    except urllib.error.HTTPError as error:
        _refused(file, part, have, error)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _Cut(str(getattr(error, "reason", "") or error or type(error).__name__)) from error


def _refused(file: RemoteFile, part: Path, have: int, error: urllib.error.HTTPError) -> None:
    if error.code == 416 and have:
        total = error.headers.get("Content-Range", "").rpartition("/")[2]
        if total == str(have):
            return  # everything had arrived before
        part.unlink()
        raise _Cut("what had arrived does not belong to the file") from error
    if error.code in _LATER:
        raise _Cut(f"the server answers {error.code} {error.reason}") from error
    mend = f"see whether {file.url} has moved, or get the file by hand"
    raise DataError(f"the server answers {error.code} {error.reason}", where=file.name, mend=mend) from error


def _receive(file: RemoteFile, part: Path, have: int, answer: http.client.HTTPResponse, progress: Progress) -> None:
    resumed = answer.status == 206
    if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        part.unlink()
        raise _Cut("the server continues at another place")
    start = have if resumed else 0
    length = answer.headers.get("Content-Length")
    total = start + int(length) if length and length.isdigit() else None
    _check_size(file, part, start, total)
    mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    if mark and not mark.startswith("W/"):
        _validator(part).write_text(mark)
    limit = total or file.size or MAX_BYTES
    with part.open("ab" if resumed else "wb") as out:
        done = start
        while block := answer.read(_BLOCK):
            done += len(block)
            if done > limit:
                raise DataError(f"sends more than {limit:,} bytes", where=file.url, mend="do not use this source")
            out.write(block)
            progress(file.name, done, total or file.size or 0)
    if total is not None and done < total:
        raise _Cut(f"{done:,} of {total:,} bytes arrived")


def _check_size(file: RemoteFile, part: Path, start: int, total: int | None) -> None:
    expected = total or file.size
    if file.size is not None and total is not None and total != file.size:
        mend = "the file has changed at its source; do not use it unless you know why"
        raise DataError(f"has {total:,} bytes, published are {file.size:,}", where=file.url, mend=mend)
    if expected is not None and expected > MAX_BYTES:
        raise DataError(f"has {expected:,} bytes, the limit is {MAX_BYTES:,}", where=file.url)
    free = shutil.disk_usage(part.parent).free
    if expected is not None and expected - start > free:
        mend = "make room, or choose another folder with -o"
        raise DataError(f"needs {expected - start:,} bytes, {free:,} are free", where=str(part.parent), mend=mend)


def _verify(path: Path, file: RemoteFile) -> str:
    """The sha256 of what arrived, after all published checksums agreed; otherwise the file is removed."""
    states = {"md5": hashlib.md5(usedforsecurity=False), "sha256": hashlib.sha256()}
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            for state in states.values():
                state.update(block)
    found = {name: state.hexdigest() for name, state in states.items()}
    for name, published in (("sha256", file.sha256), ("md5", file.md5)):
        if published is not None and found[name] != published:
            path.unlink()
            _validator(path).unlink(missing_ok=True)
            what = f"wrong checksum: {name} {found[name]}, published is {published}"
            raise DataError(what, where=file.url, mend="what arrived was removed; run the command again")
    return found["sha256"]


def _validator(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
