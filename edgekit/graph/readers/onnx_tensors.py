"""Initializers of ONNX files as numpy arrays: inline bytes as views, external data only from the model's own folder."""

from __future__ import annotations

import os
import stat
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.readers.limits import MAX_FILE_BYTES, check_dims

RAW_TYPES: dict[str, str] = {
    "float32": "<f4", "float16": "<f2", "float64": "<f8", "int8": "<i1", "uint8": "<u1", "int16": "<i2",
    "uint16": "<u2", "int32": "<i4", "uint32": "<u4", "int64": "<i8", "uint64": "<u8", "bool": "?", "complex64": "<c8",
}  # fmt: skip
"""Element types whose raw bytes numpy views as they are."""

_NAMES = {"FLOAT": "float32", "DOUBLE": "float64"}


def dtype_name(number: int, where: str) -> str:
    """Element type of TensorProto.DataType ``number`` as a key of graph.tensor.DTYPES.

    Raises:
        UnsupportedOpError: a type that edgekit does not know (float8, complex128, …).
    """
    import onnx

    from edgekit.graph.tensor import DTYPES

    known = onnx.TensorProto.DataType.values()
    name = onnx.TensorProto.DataType.Name(number) if number in known else f"#{number}"
    name = _NAMES.get(name, name.lower())
    if name not in DTYPES:
        raise UnsupportedOpError(f"element type {name}", where=where, mend="export the model with float32 or int8")
    return name


def read_initializer(proto: Any, folder: Path | None) -> np.ndarray:
    """Values of a TensorProto.

    Inline raw data and external data become read-only views (external: memory-mapped, so that nothing is read before
    it is used); typed fields and packed types are copied.

    Args:
        proto: onnx.TensorProto.
        folder: the model's folder, which external data must not leave; None where none is allowed (attributes).

    Raises:
        BadFileError: data and shape do not fit, or external data that is absent, too short or outside the folder.
    """
    import onnx
    from onnx import numpy_helper

    where = proto.name or "constant"
    dims = tuple(proto.dims)
    if any(dim < 0 for dim in dims):
        raise BadFileError(f"negative dimension in {dims}", where=where)
    check_dims(dims, where)
    dtype = dtype_name(proto.data_type, where)
    if proto.data_location == onnx.TensorProto.EXTERNAL:
        if folder is None:
            raise BadFileError("an attribute keeps its value in external data", where=where)
        return _external(proto, folder, dtype, dims)
    if dtype in RAW_TYPES and proto.HasField("raw_data"):
        return _view(np.frombuffer(proto.raw_data, np.uint8), dtype, dims, where)
    _check_typed_length(proto, dtype, dims, where)
    return np.asarray(numpy_helper.to_array(proto))


def _view(raw: np.ndarray, dtype: str, dims: tuple[int, ...], where: str) -> np.ndarray:
    needed = prod(dims) * np.dtype(RAW_TYPES[dtype]).itemsize
    if raw.size != needed:
        raise BadFileError(f"{needed} bytes of data expected for {dims}, {raw.size} found", where=where)
    return raw.view(RAW_TYPES[dtype]).reshape(dims)


def _check_typed_length(proto: Any, dtype: str, dims: tuple[int, ...], where: str) -> None:
    """The data that is there must be about as long as the shape says, before anybody allocates by the shape."""
    fields = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
    available = max(len(proto.raw_data) * 2, *(len(getattr(proto, field)) * 2 for field in fields))
    if prod(dims) > available:
        raise BadFileError(f"data is missing for a {dtype} tensor of shape {dims}", where=where)


def _external(proto: Any, folder: Path, dtype: str, dims: tuple[int, ...]) -> np.ndarray:
    entries = {entry.key: entry.value for entry in proto.external_data}
    location = entries.get("location", "")
    if dtype not in RAW_TYPES:
        raise UnsupportedOpError(f"external data of type {dtype}", where=proto.name, mend="store the weights inline")
    try:
        offset = int(entries.get("offset", "0"))
        length = int(entries.get("length", str(prod(dims) * np.dtype(RAW_TYPES[dtype]).itemsize)))
    except ValueError as error:
        raise BadFileError("external data with a bad offset or length", where=proto.name) from error
    path = _safe_path(folder, location, proto.name)
    size = path.stat().st_size
    if offset < 0 or not 0 <= length <= MAX_FILE_BYTES or offset + length > size:
        raise BadFileError(
            f"external data {location!r} is too short: bytes {offset} to {offset + length} of {size}",
            where=proto.name,
            mend="export or copy the model again together with its data file",
        )
    if length == 0:
        return _view(np.empty(0, np.uint8), dtype, dims, proto.name)
    return _view(np.memmap(path, np.uint8, "r", offset, (length,)), dtype, dims, proto.name)


def _safe_path(folder: Path, location: str, where: str) -> Path:
    """The file that ``location`` names, if it is a plain file below ``folder`` reached without any link."""
    mend = "keep the data file beside the model and export with a relative path"
    parts = Path(location).parts
    if not location or "\0" in location or "\\" in location or Path(location).is_absolute() or ".." in parts:
        raise BadFileError(f"external data {location!r} leaves the model's folder", where=where, mend=mend)
    path = folder
    for part in parts:
        path = path / part
        try:
            status = os.lstat(path)
        except OSError as error:
            raise BadFileError(f"external data {location!r} cannot be read", where=where, mend=mend) from error
        if stat.S_ISLNK(status.st_mode):
            raise BadFileError(f"external data {location!r} goes through a symbolic link", where=where, mend=mend)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise BadFileError(f"external data {location!r} is no plain file of its own", where=where, mend=mend)
    return path
