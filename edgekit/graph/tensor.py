"""Tensors of a Graph: shape, dtype, quantization and, for constants, data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError, UnknownShapeError


@dataclass(frozen=True)
class Unknown:
    """A dimension whose size the file does not say; ``name`` is the file's symbol, or "?"."""

    name: str = "?"

    def __str__(self) -> str:
        return self.name


Dim = int | Unknown
Shape = tuple[Dim, ...]

DTYPES: dict[str, int] = {
    "float32": 4, "float16": 2, "bfloat16": 2, "float64": 8,
    "int4": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
    "bool": 1, "complex64": 8, "string": 0, "resource": 0,
}  # fmt: skip
"""Known dtypes and the bytes of one element as edgekit stores it; int4 is unpacked, a resource is a mere handle."""


@dataclass(frozen=True, eq=False)
class Quantization:
    """Affine quantization: real = scale × (q − zero_point).

    Attributes:
        scale: float32, one element (per tensor) or one per channel.
        zero_point: int64, same length.
        axis: the channel axis, None when per tensor.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", np.atleast_1d(np.asarray(self.scale, dtype=np.float32)))
        object.__setattr__(self, "zero_point", np.atleast_1d(np.asarray(self.zero_point, dtype=np.int64)))
        if self.scale.ndim != 1 or self.scale.shape != self.zero_point.shape or self.scale.size == 0:
            raise BadFileError("quantization scales and zero points must be lists of one length")
        if not np.all(np.isfinite(self.scale)) or np.any(self.scale <= 0):
            raise BadFileError("a quantization scale is not a positive number")
        if self.axis is None and self.scale.size != 1:
            raise BadFileError("several quantization scales without a channel axis")

    @property
    def per_tensor(self) -> bool:
        """One scale for the whole tensor."""
        return self.axis is None

    def scalar(self) -> tuple[float, int]:
        """(scale, zero_point) of a per-tensor quantization; the scale is the float32 value as a Python float."""
        if not self.per_tensor:
            raise BadFileError("per-channel quantization where one scale is needed")
        return float(self.scale[0]), int(self.zero_point[0])


@dataclass(frozen=True, eq=False)
class Tensor:
    """A named value of the graph.

    Attributes:
        name: unique in its graph.
        shape: ints, or Unknown where the file does not say; never a guessed 1.
        dtype: a key of DTYPES.
        quant: quantization of integer tensors, None otherwise.
        data: the constant's values (numpy, read-only by convention), None for activations, graph inputs, and constants
            whose payload was not read (``constant`` is then True).
        constant: True for weights and other values stored in the file.
        variable: keeps its values from one inference to the next; real 0 before the first. The operator that reads it
            writes it, too.
    """

    name: str
    shape: Shape
    dtype: str
    quant: Quantization | None = None
    data: np.ndarray | None = None
    constant: bool = False
    variable: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise BadFileError(f"unknown element type {self.dtype!r}", where=self.name)
        if self.data is not None:
            object.__setattr__(self, "constant", True)
        if self.constant and self.variable:
            raise BadFileError("is a constant and a variable", where=self.name)
        for dim in self.shape:
            if isinstance(dim, int) and dim < 0:
                raise BadFileError(f"negative dimension {dim}", where=self.name)

    @property
    def static(self) -> bool:
        """Every dimension is known."""
        return all(isinstance(dim, int) for dim in self.shape)

    @property
    def dims(self) -> tuple[int, ...]:
        """The shape as ints.

        Raises:
            UnknownShapeError: a dimension is unknown.
        """
        unknown = [str(dim) for dim in self.shape if isinstance(dim, Unknown)]
        if unknown:
            names = ",".join(f"{name}=…" for name in unknown)
            raise UnknownShapeError(
                f"dimension {', '.join(unknown)} is not known", where=self.name, mend=f"say what it is: --dim {names}"
            )
        return tuple(int(dim) for dim in self.shape if isinstance(dim, int))

    @property
    def elements(self) -> int:
        """Number of elements (Python int, no overflow)."""
        count = 1
        for dim in self.dims:
            count *= dim
        return count

    @property
    def nbytes(self) -> int:
        """Bytes of the elements as stored; int4 takes half a byte each, rounded up."""
        return (self.elements + 1) // 2 if self.dtype == "int4" else self.elements * DTYPES[self.dtype]

    def scale_zero(self) -> tuple[float, int]:
        """(scale, zero_point) of a per-tensor quantized tensor.

        Raises:
            BadFileError: the tensor carries no quantization.
        """
        if self.quant is None:
            raise BadFileError("integer tensor without quantization parameters", where=self.name)
        return self.quant.scalar()

    def replace(self, **changes: Any) -> Tensor:
        """A copy with some fields changed."""
        known = {item.name: getattr(self, item.name) for item in fields(self)}
        return Tensor(**{**known, **changes})
