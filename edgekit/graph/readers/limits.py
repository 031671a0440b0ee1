"""Limits on model files from strangers, and the one way to read such a file into memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgekit.core.errors import BadFileError

MAX_FILE_BYTES = 2**31
"""Both formats (flatbuffers, protobuf) end at 2 GiB."""
MAX_TENSORS = 20_000
MAX_NODES = 20_000
MAX_RANK = 8
MAX_ELEMENTS = 2**31
"""Elements of one tensor; also keeps offsets inside int32 on the target."""
MAX_TEXT = 2**20
"""Characters of one metadata value."""


def read_file(path: Path, kind: str) -> bytes:
    """The bytes of a model file; ``kind`` ("TFLite model", "ONNX model") is for the messages.

    Raises:
        BadFileError: missing, a folder, unreadable, empty or larger than MAX_FILE_BYTES.
    """
    place = str(path)
    try:
        if not path.exists():
            raise BadFileError("no such file", where=place, mend="check the path")
        if not path.is_file():
            raise BadFileError(f"not a file, but a {kind} is needed", where=place, mend="name the model file itself")
        size = path.stat().st_size
        if size == 0:
            raise BadFileError("the file is empty", where=place, mend="export or download the model again")
        if size > MAX_FILE_BYTES:
            raise BadFileError(f"{size} bytes are more than the 2 GiB that a {kind} can hold", where=place)
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
        reason = getattr(error, "strerror", None) or str(error)
        raise BadFileError(f"cannot read: {reason}", where=place, mend="check the path and its permissions") from error


def check_dims(dims: Sequence[int], where: str) -> None:
    """Check the rank and the element product of a shape; unknown dimensions are passed as -1.

    Raises:
        BadFileError: rank above MAX_RANK, a dimension below -1, or more than MAX_ELEMENTS elements.
    """
    if len(dims) > MAX_RANK:
        raise BadFileError(f"rank {len(dims)} is above the limit of {MAX_RANK}", where=where)
    product = 1
    for dim in dims:
        if dim < -1:
            raise BadFileError(f"negative dimension {dim}", where=where)
        # A zero must not hide an absurd factor beside it.
        product *= max(dim, 1)
        if product > MAX_ELEMENTS:
            raise BadFileError(f"shape {tuple(dims)} has more than {MAX_ELEMENTS} elements", where=where)
