"""Headers of safetensors files: names, types, shapes and metadata; the weights are not read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from edgekit.core.errors import BadFileError
from edgekit.graph.readers.limits import MAX_TENSORS, check_dims
from edgekit.graph.tensor import DTYPES, Tensor

MAX_HEADER = 2**23
"""Bytes of a header; the format allows 100 MB, which no checkpoint of a small model needs."""
MEND = "train or copy the checkpoint again"

_TYPES: Mapping[str, str] = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class SafetensorsHeader:
    """What a header says.

    Attributes:
        tensors: stored tensors by name, without data.
        metadata: text by key.
    """

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def read_safetensors_header(path: Path) -> SafetensorsHeader:
    """Read and check the header of ``path``: the tensors lie one after another and fill the file exactly.

    Raises:
        BadFileError: missing, no safetensors file, damaged, inconsistent, or beyond a limit.
    """
    where = str(path)
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            length = int.from_bytes(stream.read(8), "little")
            if size < 10 or not 2 <= length <= min(MAX_HEADER, size - 8):
                raise BadFileError("not a safetensors file, or a truncated one", where=where, mend=MEND)
            text = stream.read(length)
    except OSError as error:
        raise BadFileError(f"cannot read: {error.strerror}", where=where, mend="check the path") from error
    try:
        header = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise BadFileError("the header of this safetensors file is damaged", where=where, mend=MEND) from error
    if not isinstance(header, dict):
        raise BadFileError("the header of this safetensors file is no table", where=where, mend=MEND)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise BadFileError("the metadata is not text", where=where, mend=MEND)
    if len(header) > MAX_TENSORS:
        raise BadFileError(f"more than {MAX_TENSORS} tensors", where=where)
    spans = [_span(name, entry, where) for name, entry in header.items()]
    end = 0
    for begin, stop, _ in sorted(spans, key=lambda span: span[:2]):
        if begin != end:
            raise BadFileError("its tensors overlap or leave gaps", where=where, mend=MEND)
        end = stop
    if end != size - 8 - length:
        raise BadFileError(f"{end} bytes of weights expected, {size - 8 - length} found", where=where, mend=MEND)
    return SafetensorsHeader({tensor.name: tensor for _, _, tensor in spans}, metadata)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name twice")
    return table


def _span(name: str, entry: Any, where: str) -> tuple[int, int, Tensor]:
    """First byte, byte behind the last, and the tensor."""
    place = f"{where}: {name}"
    if not isinstance(entry, dict):
        raise BadFileError("is no table", where=place, mend=MEND)
    dtype = _TYPES.get(str(entry.get("dtype")))
    shape, offsets = _whole(entry.get("shape")), _whole(entry.get("data_offsets"))
    if dtype is None or shape is None or offsets is None or len(offsets) != 2:
        raise BadFileError("has no type, shape or place", where=place, mend=MEND)
    check_dims(shape, place)
    if offsets[1] - offsets[0] != prod(shape) * DTYPES[dtype]:
        raise BadFileError(f"{prod(shape) * DTYPES[dtype]} bytes expected for {shape}", where=place, mend=MEND)
    return offsets[0], offsets[1], Tensor(name, shape, dtype, constant=True)


def _whole(values: Any) -> tuple[int, ...] | None:
    """A list of whole numbers from 0 as a tuple; None for anything else."""
    if not isinstance(values, list) or not all(type(value) is int and value >= 0 for value in values):
        return None
    return tuple(values)
