"""Tensors of a TFLite file: shape, type, quantization, and data as views into the file's bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import tflite

from edgekit.core.errors import BadFileError
from edgekit.graph.readers.limits import MAX_TENSORS, check_dims
from edgekit.graph.readers.tflite_meter import Meter
from edgekit.graph.readers.tflite_options import enum_names
from edgekit.graph.tensor import Dim, Quantization, Tensor, Unknown

NUMPY_TYPES: dict[str, str] = {
    "FLOAT32": "<f4", "FLOAT16": "<f2", "FLOAT64": "<f8", "INT8": "<i1", "UINT8": "<u1", "INT16": "<i2",
    "UINT16": "<u2", "INT32": "<i4", "UINT32": "<u4", "INT64": "<i8", "UINT64": "<u8", "BOOL": "?", "COMPLEX64": "<c8",
}  # fmt: skip
"""Schema element types that numpy can view in place; the others (INT4, BFLOAT16, STRING) are handled or left unread."""


class TensorReader:
    """Reads the tensors of one file's subgraphs.

    Args:
        data: the file.
        model: its root.
        meter: what may still be read.
    """

    def __init__(self, data: bytes, model: Any, meter: Meter) -> None:
        self._data, self._model, self._meter = data, model, meter

    def read(self, subgraph: Any, made: set[int]) -> list[Tensor]:
        """All tensors of a subgraph in their order; ``made`` are those that an operator or the caller fills."""
        count = self._meter.count(subgraph.TensorsLength(), MAX_TENSORS, "tensors")
        names: set[str] = set()
        tensors = []
        for index in range(count):
            table = subgraph.Tensors(index)
            name = self._meter.text(table.Name()) or f"tensor_{index}"
            if name in names:
                name = f"{name}#{index}"
            if name in names:
                raise BadFileError(f"two tensors are called {name!r}")
            names.add(name)
            tensors.append(self._tensor(table, name, index in made))
        return tensors

    def _tensor(self, table: Any, name: str, made: bool) -> Tensor:
        sizes = self._meter.ints(table, "Shape")
        check_dims(sizes, name)
        shape: tuple[Dim, ...] = tuple(
            size if size >= 0 else Unknown("batch" if axis == 0 else f"{name}:{axis}")
            for axis, size in enumerate(sizes)
        )
        kind = enum_names(tflite.TensorType).get(table.Type(), "?")
        dtype = kind.lower()
        tensor = Tensor(name, shape, dtype, self._quantization(table, name, sizes))
        self._require_buffer(table.Buffer(), name)  # of an activation too: runtimes refuse an index out of range
        if made or table.IsVariable():
            held = self.buffer(table.Buffer(), name)  # it has to exist
            if made and len(held):  # runtimes take it for a constant, which nothing can be written into
                raise BadFileError(f"tensor {name} is computed, and has contents of its own")
            return tensor.replace(variable=not made)
        return self._with_data(tensor, table, kind)

    def _with_data(self, tensor: Tensor, table: Any, kind: str) -> Tensor:
        """The tensor as a constant if its buffer holds data, unchanged if it does not."""
        raw = self.buffer(table.Buffer(), tensor.name)
        if raw.size == 0 and not (tensor.static and tensor.elements == 0):
            return tensor
        if table.Sparsity() is not None or kind not in {*NUMPY_TYPES, "INT4"}:
            return tensor.replace(constant=True)
        if raw.size != tensor.nbytes:
            raise BadFileError(f"{tensor.nbytes} bytes of data expected, {raw.size} found", where=tensor.name)
        if kind == "INT4":
            self._meter.charge(tensor.elements)
            return tensor.replace(data=_unpack_int4(raw, tensor.elements).reshape(tensor.dims))
        return tensor.replace(data=raw.view(NUMPY_TYPES[kind]).reshape(tensor.dims))

    def buffer(self, index: int, where: str) -> np.ndarray:
        """Bytes of a buffer: inline, or behind the flatbuffer (``offset``/``size``, models beyond 2 GB)."""
        self._require_buffer(index, where)
        buffer = self._model.Buffers(index)
        if buffer.Offset() > 1:
            return np.frombuffer(self._data, np.uint8, count=buffer.Size(), offset=buffer.Offset())
        return buffer.DataAsNumpy() if buffer.DataLength() else np.empty(0, np.uint8)

    def _require_buffer(self, index: int, where: str) -> None:
        if not 0 <= index < self._model.BuffersLength():
            raise BadFileError(f"refers to buffer {index}, which does not exist", where=where)

    def _quantization(self, table: Any, name: str, sizes: tuple[int, ...]) -> Quantization | None:
        details = table.Quantization()
        if details is None or details.ScaleLength() == 0:
            return None
        scale = self._meter.vector(details, "Scale")
        zero = self._meter.vector(details, "ZeroPoint")
        if zero.size != scale.size:
            raise BadFileError(f"{scale.size} quantization scales and {zero.size} zero points", where=name)
        axis = details.QuantizedDimension()
        if not 0 <= axis < max(len(sizes), 1):
            raise BadFileError(f"is quantized along axis {axis} of shape {sizes}", where=name)
        if scale.size == 1:
            return Quantization(scale, zero)
        if sizes[axis] != scale.size:
            raise BadFileError(f"{scale.size} quantization scales do not fit shape {sizes}", where=name)
        return Quantization(scale, zero, axis)


def _unpack_int4(raw: np.ndarray, elements: int) -> np.ndarray:
    """Two's complement nibbles, low nibble first (schema: INT4), as int8."""
    nibbles = np.stack([raw & 15, raw >> 4], axis=-1).reshape(-1)[:elements].astype(np.int8)
    return np.where(nibbles > 7, nibbles - 16, nibbles).astype(np.int8)
