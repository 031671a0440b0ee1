"""Reading of the lists that come with data sets: delimited tables and plain lists, from strangers."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgekit.core.errors import BadFileError, DataError

MAX_TABLE_BYTES = 512 * 1024 * 1024
_MAX_FIELD = 16_384


def read_text(path: Path) -> str:
    """The text of a list, UTF-8 with or without a byte-order mark.

    Raises:
        BadFileError: it cannot be read, is too large, or is not UTF-8 text.
    """
    try:
        size = path.stat().st_size
        if size > MAX_TABLE_BYTES:
            raise BadFileError(f"is {size:,} bytes, the limit for a list is {MAX_TABLE_BYTES:,}", where=str(path))
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFileError("is not UTF-8 text", where=str(path), mend="save the list as UTF-8") from error
    except OSError as error:
        raise BadFileError(f"cannot read: {error.strerror}", where=str(path)) from error
    if "\0" in text:
        raise BadFileError("is not text: it holds NUL bytes", where=str(path), mend="save the list as UTF-8 text")
    return text


def read_columns(
    path: Path, columns: Sequence[str], mend: str, delimiter: str | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a delimited table that has certain columns; a row lacks those that its line lacks.

    Args:
        path: the file.
        columns: that the header must name.
        mend: what to do where one is missing; ``{there}`` becomes the columns that are there.
        delimiter: of the columns; None takes the most frequent of comma, tab and semicolon in the header.

    Raises:
        DataError: a column is missing.
        BadFileError: no header, a column twice, or a damaged line (while iterating).
    """
    header, rows = _table(path, delimiter)
    missing = [column for column in columns if column not in header]
    if missing:
        mend = mend.format(there=", ".join(header)[:200])
        raise DataError(f"has no column {missing[0]!r}", where=str(path), mend=mend)
    return rows


def _table(path: Path, delimiter: str | None = None) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Header and rows; a row lacks the columns that its line lacks."""
    lines = read_text(path).splitlines()
    if not lines or not lines[0].strip():
        raise BadFileError("is empty", where=str(path), mend="the first line names the columns, as in path,label")
    mark = delimiter or max(",\t;", key=lines[0].count)
    header = [name.strip() for name in next(csv.reader([lines[0]], delimiter=mark))]
    twice = {name for name in header if name and header.count(name) > 1}
    if twice:
        raise BadFileError(f"the column {min(twice)!r} is there twice", where=str(path), mend="remove one of them")
    return header, _rows(path, lines, header, mark)


def _rows(path: Path, lines: list[str], header: list[str], mark: str) -> Iterator[tuple[int, dict[str, str]]]:
    before = csv.field_size_limit(_MAX_FIELD)
    reader = csv.reader(lines[1:], delimiter=mark)
    try:
        for row in reader:
            if row:
                yield reader.line_num + 1, {k: v.strip() for k, v in zip(header, row, strict=False) if v.strip()}
    except csv.Error as error:
        raise BadFileError(f"line {reader.line_num + 1}: {error}", where=str(path)) from error
    finally:
        csv.field_size_limit(before)


def read_list(path: Path) -> list[str]:
    """The non-empty lines of a plain list."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]
