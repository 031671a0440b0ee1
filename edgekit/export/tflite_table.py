"""The part of the flatbuffer format that a TFLite file needs, over the official builder and schema package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
import tflite

_ALIGNMENT = 16
"""Bytes: the schema aligns buffer data so that kernels may read it in place."""


class TableWriter:
    """Builds tables bottom up; every method returns the offset of what it wrote."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(1 << 16)
        self._vectors: dict[tuple[str, bytes], int] = {}

    def text(self, value: str) -> int:
        """A UTF-8 string."""
        return int(self.builder.CreateString(value))

    def ints(self, values: Sequence[int], dtype: str = "<i4") -> int:
        """A vector of integers of numpy type ``dtype`` (empty ones too)."""
        return self._vector(np.asarray(values, dtype=dtype))

    def floats(self, values: np.ndarray) -> int:
        """A vector of float32."""
        return self._vector(np.asarray(values, dtype="<f4"))

    def _vector(self, values: np.ndarray) -> int:
        # Equal vectors are written once: hundreds of zero points are all 0.
        key = (values.dtype.str, values.tobytes())
        if key not in self._vectors:
            self._vectors[key] = int(self.builder.CreateNumpyVector(values))
        return self._vectors[key]

    def data(self, payload: bytes) -> int:
        """A byte vector that starts at a multiple of 16 of the file."""
        self.builder.StartVector(1, len(payload), _ALIGNMENT)
        self.builder.head -= len(payload)
        self.builder.Bytes[self.builder.head : self.builder.head + len(payload)] = payload
        return int(self.builder.EndVector())

    def offsets(self, values: Sequence[int]) -> int:
        """A vector of tables or strings."""
        self.builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            self.builder.PrependUOffsetTRelative(value)
        return int(self.builder.EndVector())

    def table(self, kind: str, fields: Mapping[str, Any]) -> int:
        """A table of schema type ``kind`` with ``fields`` by their schema accessor names (``StrideW``)."""
        getattr(tflite, f"{kind}Start")(self.builder)
        for field, value in fields.items():
            getattr(tflite, f"{kind}Add{field}")(self.builder, value)
        return int(getattr(tflite, f"{kind}End")(self.builder))

    def finish(self, root: int) -> bytes:
        """The file."""
        self.builder.Finish(root, file_identifier=b"TFL3")
        return bytes(self.builder.Output())
