"""Hand-made TFLite files for tests, over the schema package's own object API (nothing of edgekit writes them)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import tflite

TYPES = {
    "float32": tflite.TensorType.FLOAT32, "int8": tflite.TensorType.INT8, "int16": tflite.TensorType.INT16,
    "int32": tflite.TensorType.INT32, "int64": tflite.TensorType.INT64, "bool": tflite.TensorType.BOOL,
    "resource": tflite.TensorType.RESOURCE, "int4": tflite.TensorType.INT4,
}  # fmt: skip


@dataclass
class Value:
    """A tensor: ``data`` makes it a constant, ``raw`` gives its bytes as they are (int4), ``scale`` quantizes it.

    ``buffer`` is written instead of the number of its own buffer, right or wrong.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    data: Any = None
    raw: bytes | None = None
    scale: float | None = None
    zero_point: int = 0
    variable: bool = False
    buffer: int | None = None


@dataclass
class Op:
    """An operator: name of the schema, tensors, options type and fields by accessor name.

    A tensor is given by its name, or by a number that is written as it is; ``code`` is written instead of the number
    of the operator's code.
    """

    op: str
    inputs: tuple[str | int, ...]
    outputs: tuple[str | int, ...]
    options: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    code: int | None = None


@dataclass
class Sub:
    """A subgraph."""

    values: list[Value]
    ops: list[Op]
    inputs: tuple[str | int, ...]
    outputs: tuple[str | int, ...]


def write(path: Path, *subgraphs: Sub) -> Path:
    """Write the subgraphs as one model."""
    path.write_bytes(model_bytes(*subgraphs))
    return path


def model_bytes(*subgraphs: Sub) -> bytes:
    """The model as bytes."""
    builder = flatbuffers.Builder(1024)
    codes: list[str] = []
    payloads: list[bytes] = [b""]
    tables = [_subgraph(builder, sub, codes, payloads) for sub in subgraphs]
    code_tables = []
    for name in codes:
        number = getattr(tflite.BuiltinOperator, name)
        tflite.OperatorCodeStart(builder)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, 127))
        tflite.OperatorCodeAddBuiltinCode(builder, number)
        tflite.OperatorCodeAddVersion(builder, 1)
        code_tables.append(tflite.OperatorCodeEnd(builder))
    buffers = []
    for payload in payloads:
        vector = builder.CreateByteVector(payload) if payload else None
        tflite.BufferStart(builder)
        if vector is not None:
            tflite.BufferAddData(builder, vector)
        buffers.append(tflite.BufferEnd(builder))
    vectors = {"OperatorCodes": code_tables, "Subgraphs": tables, "Buffers": buffers}
    offsets = {name: _offsets(builder, items) for name, items in vectors.items()}
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    for name, offset in offsets.items():
        getattr(tflite, f"ModelAdd{name}")(builder, offset)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _subgraph(builder: Any, sub: Sub, codes: list[str], payloads: list[bytes]) -> int:
    index = {value.name: number for number, value in enumerate(sub.values)}
    tensors = [_tensor(builder, value, payloads) for value in sub.values]
    operators = []
    for op in sub.ops:
        if op.op not in codes:
            codes.append(op.op)
        operators.append(_operator(builder, op, codes.index(op.op), index))
    fields = {
        "Tensors": _offsets(builder, tensors),
        "Operators": _offsets(builder, operators),
        "Inputs": builder.CreateNumpyVector(_numbers(sub.inputs, index)),
        "Outputs": builder.CreateNumpyVector(_numbers(sub.outputs, index)),
    }
    tflite.SubGraphStart(builder)
    for name, offset in fields.items():
        getattr(tflite, f"SubGraphAdd{name}")(builder, offset)
    return int(tflite.SubGraphEnd(builder))


def _tensor(builder: Any, value: Value, payloads: list[bytes]) -> int:
    raw = value.raw if value.raw is not None else None
    if value.data is not None:
        raw = np.asarray(value.data, dtype=value.dtype).tobytes()
    buffer = 0
    if raw is not None:
        payloads.append(raw)
        buffer = len(payloads) - 1
    name = builder.CreateString(value.name)
    shape = builder.CreateNumpyVector(np.array(value.shape, np.int32))
    quantization = None
    if value.scale is not None:
        scales = builder.CreateNumpyVector(np.array([value.scale], np.float32))
        zeros = builder.CreateNumpyVector(np.array([value.zero_point], np.int64))
        tflite.QuantizationParametersStart(builder)
        tflite.QuantizationParametersAddScale(builder, scales)
        tflite.QuantizationParametersAddZeroPoint(builder, zeros)
        quantization = tflite.QuantizationParametersEnd(builder)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, TYPES[value.dtype])
    tflite.TensorAddBuffer(builder, buffer if value.buffer is None else value.buffer)
    tflite.TensorAddName(builder, name)
    tflite.TensorAddIsVariable(builder, value.variable)
    if quantization is not None:
        tflite.TensorAddQuantization(builder, quantization)
    return int(tflite.TensorEnd(builder))


def _operator(builder: Any, op: Op, code: int, index: dict[str, int]) -> int:
    texts = {key: builder.CreateString(value) for key, value in op.fields.items() if isinstance(value, str)}
    options = None
    if op.options:
        getattr(tflite, f"{op.options}Start")(builder)
        for key, value in op.fields.items():
            getattr(tflite, f"{op.options}Add{key}")(builder, texts.get(key, value))
        options = getattr(tflite, f"{op.options}End")(builder)
    inputs = builder.CreateNumpyVector(_numbers(op.inputs, index))
    outputs = builder.CreateNumpyVector(_numbers(op.outputs, index))
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, code if op.code is None else op.code)
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(builder, getattr(tflite.BuiltinOptions, op.options))
        tflite.OperatorAddBuiltinOptions(builder, options)
    return int(tflite.OperatorEnd(builder))


def _numbers(tensors: tuple[str | int, ...], index: dict[str, int]) -> np.ndarray:
    """Tensor numbers; -1 for an absent one."""
    return np.array([n if isinstance(n, int) else index[n] if n else -1 for n in tensors], np.int32)


def _offsets(builder: Any, items: list[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return int(builder.EndVector())
