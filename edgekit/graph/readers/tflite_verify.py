"""Checks that a TFLite file is a sound flatbuffer, as the format's own verifier does, before anything is read.

Every table, vector and string that the schema knows must lie inside the file, aligned and, for strings, terminated.
What the schema knows is asked from the generated package ``tflite``: which slot of a table holds a scalar of how many
bytes, a string, a vector or another table.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import CodeType

import tflite

from edgekit.core.errors import BadFileError
from edgekit.graph.readers.tflite_options import enum_names

MAX_TABLES = 200_000
"""Different tables of one file."""
MAX_DEPTH = 64
"""Tables inside tables, as the format's own verifier allows."""

_SCALARS = {"Bool": 1, "Byte": 1, "Uint8": 1, "Int8": 1, "Int16": 2, "Uint16": 2, "Int32": 4, "Uint32": 4, "Float32": 4}
_SCALARS |= {"Int64": 8, "Uint64": 8, "Float64": 8}


@dataclass(frozen=True)
class Field:
    """One slot of a table.

    Attributes:
        kind: "scalar", "string", "table", "vector" (of scalars), "tables", "strings" or "union".
        size: bytes of a scalar or of a vector's element.
        table: schema type of the tables.
    """

    kind: str
    size: int = 4
    table: str = ""


def verify_tflite(data: bytes) -> None:
    """Check the whole file.

    Raises:
        BadFileError: something lies outside the file, is misaligned, nests too deeply, or there is too much of it.
    """
    try:
        root = struct.unpack_from("<I", data, 0)[0]
        _Verifier(data).table(root, "Model", 0)
    except struct.error as error:
        raise BadFileError("damaged TFLite model: an offset leads out of it") from error


class _Verifier:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._seen: set[tuple[int, str]] = set()

    def table(self, at: int, kind: str, depth: int) -> None:
        """A table of schema type ``kind`` ("" for one that is not known) at ``at``, and all below it."""
        if (at, kind) in self._seen:
            return
        self._seen.add((at, kind))
        if depth > MAX_DEPTH or len(self._seen) > MAX_TABLES:
            raise BadFileError("damaged TFLite model: tables nest or repeat without end")
        self._inside(at, 4, 4)
        vtable = at - struct.unpack_from("<i", self._data, at)[0]
        self._inside(vtable, 4, 2)
        length = struct.unpack_from("<H", self._data, vtable)[0]
        self._inside(vtable, length, 2)
        if length % 2 or length < 4:
            raise BadFileError("damaged TFLite model: a table has no sound list of fields")
        slots = struct.unpack_from(f"<{length // 2}H", self._data, vtable)[2:]
        fields = table_fields(kind) if kind else {}
        if kind in _CLOSED and any(slots[max(fields, default=-1) + 1 :]):
            raise BadFileError(f"a {kind} has fields that are newer than this version knows")
        for slot, offset in enumerate(slots):
            if offset and slot in fields:
                self._field(at + offset, fields[slot], self._union(at, kind, slot, slots), depth)

    def _union(self, at: int, kind: str, slot: int, slots: tuple[int, ...]) -> str:
        """Schema type of a union's table: the slot before it says which."""
        enum = _UNIONS.get((kind, slot))
        if enum is None:
            return ""
        before = slots[slot - 1]
        number = self._data[at + before] if before and at + before < len(self._data) else 0
        name = enum_names(enum).get(number, "NONE")
        return "" if name == "NONE" else name

    def _field(self, at: int, field: Field, union: str, depth: int) -> None:
        if field.kind == "scalar":
            self._inside(at, field.size, field.size)
            return
        target = self._follow(at)
        match field.kind:
            case "table":
                self.table(target, field.table, depth + 1)
            case "union":
                if union:
                    self.table(target, union, depth + 1)
            case "string":
                self._string(target)
            case "vector":
                self._vector(target, field.size)
            case "tables" | "strings":
                for index in range(self._vector(target, 4)):
                    item = self._follow(target + 4 + 4 * index)
                    if field.kind == "tables":
                        self.table(item, field.table, depth + 1)
                    else:
                        self._string(item)

    def _inside(self, at: int, size: int, alignment: int) -> None:
        if at < 0 or at + size > len(self._data) or at % alignment:
            raise BadFileError("damaged TFLite model: an offset leads out of it, or beside its target")

    def _follow(self, at: int) -> int:
        self._inside(at, 4, 4)
        offset: int = struct.unpack_from("<I", self._data, at)[0]
        if offset == 0 or offset >= 2**31:
            raise BadFileError("damaged TFLite model: an offset points at itself or backwards")
        self._inside(at + offset, 1, 1)
        return at + offset

    def _vector(self, at: int, size: int) -> int:
        self._inside(at, 4, 4)
        length: int = struct.unpack_from("<I", self._data, at)[0]
        self._inside(at + 4, length * size, 1)
        return length

    def _string(self, at: int) -> None:
        end = at + 4 + self._vector(at, 1)
        if end >= len(self._data) or self._data[end]:
            raise BadFileError("damaged TFLite model: a text does not end")


_CLOSED = frozenset({"Model", "SubGraph", "Tensor", "QuantizationParameters", "Operator", "OperatorCode", "Buffer"})
"""Tables whose fields say what a model computes: one that is not known may change everything."""

_UNIONS: Mapping[tuple[str, int], type] = {
    ("Operator", 4): tflite.BuiltinOptions,
    ("Operator", 12): tflite.BuiltinOptions2,
}
"""Unions that are followed, by table and slot."""


@cache
def table_fields(kind: str) -> Mapping[int, Field]:
    """Slot to field of a schema table, from the code of the generated package."""
    fields: dict[int, Field] = {}
    prefix = f"{kind}Add"
    for name, function in vars(tflite).items():
        if not name.startswith(prefix) or not hasattr(function, "__code__"):
            continue
        call = next((n for n in function.__code__.co_names if n.startswith("Prepend") and n.endswith("Slot")), "")
        slot = _slot(function.__code__)
        if call == "PrependUOffsetTRelativeSlot":
            fields[slot] = _offset_field(kind, name.removeprefix(prefix))
        elif call:
            fields[slot] = Field("scalar", _SCALARS[call.removeprefix("Prepend").removesuffix("Slot")])
    return fields


def _slot(code: CodeType) -> int:
    """Number of the slot that an Add function fills: its first constant number."""
    return next(value for value in code.co_consts if isinstance(value, int) and not isinstance(value, bool))


def _offset_field(kind: str, name: str) -> Field:
    """What an offset leads to, from the accessor of the table's class."""
    accessor = getattr(getattr(tflite, kind), name).__code__
    names = accessor.co_names
    start = getattr(tflite, f"{kind}Start{name}Vector", None)
    inner = next((n for n in names if isinstance(getattr(tflite, n, None), type) and n not in _HELPERS), "")
    if start is not None:
        if "String" in names:
            return Field("strings")
        if inner:
            return Field("tables", 4, inner)
        return Field("vector", _element_size(start.__code__))
    if "String" in names:
        return Field("string")
    if inner:
        return Field("table", 4, inner)
    return Field("union")


_HELPERS = frozenset({"Table"})


def _element_size(code: CodeType) -> int:
    """Bytes of an element: the first number that StartVector is given."""
    sizes = [value for value in code.co_consts if type(value) is int]
    return sizes[0] if sizes else 1
