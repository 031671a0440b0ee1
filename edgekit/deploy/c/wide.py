"""Element types of activations in C: names, accumulators, and the helpers that round and store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgekit.deploy.c.kernel import Code, Layer
from edgekit.graph.integer.params_moves import GatherParams, PadParams, SliceParams, TransposeParams
from edgekit.graph.tensor import Tensor


@dataclass(frozen=True)
class Element:
    """How activations of one type are declared and stored.

    Attributes:
        name: the C type.
        clamp: helper that clips and stores.
        sum_type: of a sum of products.
        rescale_sum: helper that scales such a sum.
        suffix: of function names.
    """

    name: str
    clamp: str
    sum_type: str
    rescale_sum: str
    suffix: str


_ELEMENTS = {
    "int8": Element("int8_t", "clamp", "int32_t", "rescale", ""),
    "int16": Element("int16_t", "clamp16", "int64_t", "rescale_wide", "_wide"),
}


def element(tensor: Tensor) -> Element:
    """The C element of an activation."""
    return _ELEMENTS[tensor.dtype]


def by_bytes(emit: Callable[[Layer], Code]) -> Callable[[Layer], Code]:
    """An emitter of an operator that only moves values, made to move int16 as pairs of bytes: one more axis of 2."""

    def either(layer: Layer) -> Code:
        return emit(_paired(layer)) if layer.output.dtype == "int16" else emit(layer)

    return either


def _paired(layer: Layer) -> Layer:
    rank, params = len(layer.output.dims), layer.params
    if isinstance(params, TransposeParams):
        params = TransposeParams((*params.perm, rank))
    elif isinstance(params, SliceParams):
        params = SliceParams((*params.begin, 0), (*params.size, 2), (*params.stride, 1))
    elif isinstance(params, GatherParams):
        params = GatherParams((*params.axes, (0, 1)))
    elif isinstance(params, PadParams):
        params = PadParams((*params.pads, (0, 0)), params.value)
    inputs = tuple(tensor.replace(shape=(*tensor.dims, 2), data=None) for tensor in layer.inputs)
    output = layer.output.replace(shape=(*layer.output.dims, 2))
    return replace(layer, params=params, inputs=inputs, output=output)


def by_byte_channels(layer: Layer) -> Layer:
    """A layer on int16 with each channel of its input and output as two of bytes, for code that moves whole patches."""
    return replace(layer, inputs=(_by_bytes(layer.inputs[0]), *layer.inputs[1:]), output=_by_bytes(layer.output))


def _by_bytes(tensor: Tensor) -> Tensor:
    return tensor.replace(shape=(*tensor.dims[:-1], 2 * tensor.dims[-1]))


def argument(kind: Element, place: str, *, written: bool = False) -> str:
    """A pointer into the int8 arena as a pointer to ``kind``; the planner aligns every tensor to 16 bytes.

    ``{y}`` and variable tensors are written to, everything else is read unless ``written``.
    """
    if kind.name == "int8_t":
        return place
    const = "" if written or place in ("{y}", "{m0}", "{m1}") else "const "
    return f"({const}{kind.name} *)({const}void *)({place})"
