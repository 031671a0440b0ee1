"""Builtin options of TFLite operators as plain Python values, for every operator of the schema."""

from __future__ import annotations

import re
from typing import Any

import tflite

from edgekit.core.errors import BadFileError

_ENUMS: dict[str, type] = {
    "padding": tflite.Padding,
    "fused_activation_function": tflite.ActivationFunctionType,
}
"""Options that are given by name ("SAME", "RELU6") instead of by the schema's number."""
_NUMBERED: dict[str, type] = {
    **_ENUMS,
    "quantized_bias_type": tflite.TensorType,
    "in_data_type": tflite.TensorType,
    "out_data_type": tflite.TensorType,
    "weights_format": tflite.FullyConnectedOptionsWeightsFormat,
}
"""Options that are one of the schema's numbers."""
_NAMES: dict[type, dict[int, str]] = {}
"""What enum_names has worked out so far; a file asks for the same few enums at every operator."""


def enum_names(enum: type) -> dict[int, str]:
    """Number to name of a schema enum, for instance ``enum_names(tflite.BuiltinOperator)[3] == "CONV_2D"``."""
    if enum not in _NAMES:
        members = vars(enum).items()
        _NAMES[enum] = {value: name for name, value in members if isinstance(value, int) and not name.startswith("_")}
    return _NAMES[enum]


def _fields(options: type) -> tuple[str, ...]:
    """Accessor names of the fields of a generated options class."""
    members = [name for name in vars(options) if name[0].isupper() and name != "Init" and "GetRootAs" not in name]
    helpers = {f"{name}{suffix}" for name in members for suffix in ("Length", "AsNumpy", "IsNone")}
    return tuple(name for name in members if name not in helpers and not name.endswith("BufferHasIdentifier"))


def _snake(name: str) -> str:
    """Schema spelling of an accessor name: DilationWFactor → dilation_w_factor."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def read_options(kind: int, table: Any) -> dict[str, Any]:
    """Attributes of an operator from its ``builtin_options`` union.

    Args:
        kind: the union's type (schema enum BuiltinOptions); 0 gives no attributes.
        table: the flatbuffers table of the union.

    Returns:
        Field name in snake case to int, float, bool, str or tuple; nested tables are left out.

    Raises:
        BadFileError: an option that is none of the schema's choices.
    """
    name = enum_names(tflite.BuiltinOptions).get(kind, "NONE")
    if table is None or name == "NONE":
        return {}
    options = getattr(tflite, name)()
    options.Init(table.Bytes, table.Pos)
    attrs: dict[str, Any] = {}
    for field in _fields(type(options)):
        value = _read_field(options, field)
        key = _snake(field)
        if key in _NUMBERED and value not in enum_names(_NUMBERED[key]):
            raise BadFileError(f"{name} has {key} {value}, which does not exist")
        if key in _ENUMS:
            value = enum_names(_ENUMS[key])[value]
        if isinstance(value, bool | int | float | str | tuple):
            attrs[key] = value
    return attrs


def options_fault(op: str, kind: int) -> str:
    """What is wrong with options of union type ``kind`` on an operator, "" for nothing.

    An operator has options of its own kind or none: converters write no others, and runtimes pass over others unread,
    so that such an operator is not the one that was written.
    """
    name = enum_names(tflite.BuiltinOptions).get(kind, "NONE")
    if name == "NONE" or op in _OPEN or name == _own_options(op):
        return ""
    return f"{op} has the options of another operator, {name}"


def _own_options(op: str) -> str:
    """Name of an operator's options, "" where it has none: the operator's own name, but for what is in _SHARED."""
    plain = op.replace("_", "").lower()
    own = {name.removesuffix("Options").lower(): name for name in enum_names(tflite.BuiltinOptions).values()}
    return _SHARED.get(op, own.get(plain, ""))


_OPEN = frozenset({"CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES"})
"""Operators that the schema does not define."""
_SHARED: dict[str, str] = {
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), "Pool2DOptions"),
    **dict.fromkeys(("MEAN", "SUM", *(f"REDUCE_{kind}" for kind in ("ALL", "ANY", "MAX", "MIN", "PROD"))),
                    "ReducerOptions"),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), "MaximumMinimumOptions"),
    **dict.fromkeys(("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"), "RandomOptions"),
    "CONV_3D_TRANSPOSE": "Conv3DOptions", "L2_NORMALIZATION": "L2NormOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
}  # fmt: skip
"""Operators whose options have not their name."""


def _read_field(options: Any, field: str) -> Any:
    """One field: a scalar, text, or a tuple for a vector of scalars (None for vectors of tables)."""
    if hasattr(options, f"{field}Length"):
        if not hasattr(options, f"{field}AsNumpy"):
            return None
        # AsNumpy checks the whole extent of the vector against the file before anything is copied.
        return tuple(getattr(options, f"{field}AsNumpy")().tolist()) if getattr(options, f"{field}Length")() else ()
    value = getattr(options, field)()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
