"""Atomic writing: a reader sees the old file or the whole new one, and an error leaves nothing behind.

A process that is killed cannot tidy up. Its temporary files name machine and process, and whoever writes into that
folder next removes those of processes that are no more.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from edgekit.core.errors import BadFileError


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` through a temporary file in the same folder; makes the folder."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically; refuses NaN."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def _prefix(path: Path) -> str:
    """How temporary files for ``path`` begin; removes those that dead processes left in its folder."""
    machine = re.sub(r"\W", "-", platform.node())
    _tidy(path.parent, machine, os.getpid())
    return f".{path.name}.{machine}-{os.getpid()}."


@cache
def _tidy(folder: Path, machine: str, process: int) -> None:
    """Once a folder and process: remove the temporary files of processes of this machine that are no more."""
    mark = re.compile(rf"\..+\.{re.escape(machine)}-(\d+)\.\w+")
    for left in folder.iterdir():
        found = mark.fullmatch(left.name)
        if found and int(found[1]) != process and not _alive(int(found[1])):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary file name beside ``path`` that becomes ``path`` when the block ends well.

    Raises:
        BadFileError: the folder cannot be made or written, or the disk is full; what was at ``path`` is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_prefix(path), dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise BadFileError(f"cannot write: {error.strerror}", where=str(path), mend="choose another folder") from error
    temporary = Path(name)
    try:
        with needs_room(path):
            yield temporary
            # mkstemp makes the file private; give it the mode that open() would have given.
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def needs_room(path: Path) -> Iterator[None]:
    """Say so where the disk is full while ``path`` is written.

    Raises:
        BadFileError: it is.
    """
    try:
        yield
    except Exception as error:
        if not no_room(error):
            raise
        mend = "make room and give the same command again"
        raise BadFileError("no room left to write it", where=str(path), mend=mend) from error


def no_room(error: Exception) -> bool:
    """Whether a full disk, quota or file limit is behind an error; libraries in C++ and Rust say so in words only."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return any(os.strerror(number) in str(error) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path`` whose files move into ``path`` when the block ends well.

    Existing files of the same names are replaced; other files in ``path`` stay.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))
    except OSError as error:
        raise BadFileError(f"cannot write: {error.strerror}", where=str(path), mend="choose another folder") from error
    try:
        yield temporary
        for source in sorted(temporary.rglob("*")):
            if source.is_file():
                target = path / source.relative_to(temporary)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(source, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
