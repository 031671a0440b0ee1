"""add, sub, mul and quantize with MVE: four elements a vector, int8 and int16, with broadcasting.

VQRDMULH and VRSHL rescale as requantize.py says; its argument holds for each of the roundings of a sum or product. The
innermost loop is of vectors: an input goes on from element to element there, or repeats one. The twin is the portable
kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.add import emit_add
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.mul import emit_mul
from edgekit.deploy.c.nest import broadcast, loops, offset, strides
from edgekit.deploy.c.requantize import emit_requantize
from edgekit.deploy.c.text import fill, indent, text_of
from edgekit.deploy.c.wide import element
from edgekit.graph.integer.params import AddParams, Clamp, MulParams, RequantizeParams, Rescale
from edgekit.graph.rounding import ONCE
from edgekit.graph.tensor import Tensor

LANES = 4
_LETTER = {"int8": "b", "int16": "h"}

_BOTH = """\
#if defined(__ARM_FEATURE_MVE)
static void @self@(@parameters@) {
@nest@}
#else
@twin@#endif
"""

_VECTORS = """\
for (int32_t n = 0; n < @count@; n += @lanes@) {
    const mve_pred16_t live = vctp32q((uint32_t)(@count@ - n));
@lines@}
"""


def fits_add(layer: Layer) -> bool:
    """Rescalings that do not shift left."""
    params = layer.params
    if not isinstance(params, AddParams):
        return False
    return all(how.shift <= 0 for how in (*params.rescales, params.output_rescale)) and _long(layer)


def fits_mul(layer: Layer) -> bool:
    """A rescaling that does not shift left."""
    return isinstance(layer.params, MulParams) and layer.params.rescale.shift <= 0 and _long(layer)


def fits_requantize(layer: Layer) -> bool:
    """A rescaling that is no copy; 17 bits shifted by 15 stay in a word."""
    params = layer.params
    rescale = params.rescale if isinstance(params, RequantizeParams) else None
    return rescale is not None and rescale.shift <= 15 and _long(layer)


def emit_vector_add(layer: Layer) -> Code:
    """add, sub: a ± b to y, all int8 or all int16; correct for y on the buffer of an input of y's shape."""
    params = cast(AddParams, layer.params)

    def lines(values: list[str]) -> list[str]:
        out = []
        for name, value, zero, how in zip(("left", "right"), values, params.zero_points, params.rescales, strict=True):
            shift = params.left_shift - (1 if how.is_half else 0)
            out.append(f"int32x4_t {name} = vshlq_n_s32({centred(value, zero)}, {shift});")
            out += [] if how.is_half else rescaled(name, how)
        sign = "vaddq_s32" if params.sign > 0 else "vsubq_s32"
        out.append(f"int32x4_t v = {sign}(left, right);")
        return [*out, *rescaled("v", params.output_rescale), *stored(params.output_zero_point, params.clamp)]

    return _code(layer, emit_add(layer), lines)


def emit_vector_mul(layer: Layer) -> Code:
    """mul: a · b to y, all int8 or all int16; correct for y on the buffer of an input of y's shape."""
    params = cast(MulParams, layer.params)

    def lines(values: list[str]) -> list[str]:
        first, second = (centred(value, zero) for value, zero in zip(values, params.zero_points, strict=True))
        out = [f"int32x4_t v = vmulq_s32({first}, {second});", *rescaled("v", params.rescale)]
        return [*out, *stored(params.output_zero_point, params.clamp)]

    return _code(layer, emit_mul(layer), lines)


def emit_vector_requantize(layer: Layer) -> Code:
    """relu, relu6, quantize: x to y of the same shape, between int8 and int16."""
    params = cast(RequantizeParams, layer.params)
    rescale = cast(Rescale, params.rescale)

    def lines(values: list[str]) -> list[str]:
        out = [f"int32x4_t v = {centred(values[0], params.input_zero_point)};"]
        if rescale.shift > 0:
            out.append(f"v = vshlq_n_s32(v, {rescale.shift});")
        return [*out, *rescaled("v", rescale), *stored(params.output_zero_point, params.clamp)]

    return _code(layer, emit_requantize(layer), lines)


def _long(layer: Layer) -> bool:
    """The innermost loop fills a vector."""
    dims, _ = broadcast([tensor.dims for tensor in layer.inputs], layer.output.dims)
    return dims[-1] >= LANES


def centred(value: str, zero: int) -> str:
    """A vector less its zero point."""
    return f"vsubq_n_s32({value}, {paren(zero)})" if zero else value


def rescaled(name: str, how: Rescale) -> list[str]:
    """Statements that multiply a vector by a factor that does not shift left."""
    if how.rounding == ONCE and how.shift < 0:  # requantize.finish() says why
        return [
            f"{name} = vrshlq_n_s32(vqdmulhq_n_s32({name}, {how.multiplier}), {paren(how.shift)});",
        ]
    lines = [f"{name} = vqrdmulhq_n_s32({name}, {how.multiplier});"]
    if how.shift < 0:
        lines.append(f"{name} = vrshlq_n_s32(vaddq_s32({name}, vshrq_n_s32({name}, 31)), {paren(how.shift)});")
    return lines


def stored(zero: int, clamp: Clamp, name: str = "v") -> list[str]:
    """Statements that move a vector to its zero point and clip it."""
    lines = [f"{name} = vaddq_n_s32({name}, {paren(zero)});"] if zero else []
    limits = f"vdupq_n_s32({paren(clamp.low)})), vdupq_n_s32({paren(clamp.high)})"
    return [*lines, f"{name} = vminq_s32(vmaxq_s32({name}, {limits});"]


def _code(layer: Layer, portable: Code, lines: Callable[[list[str]], list[str]]) -> Code:
    """The portable code with its one function also in vectors."""
    (twin,) = portable.functions
    dims, steps = broadcast([tensor.dims for tensor in layer.inputs], layer.output.dims)
    outer = list(range(len(dims) - 1))
    names = ["a", "b"] if len(layer.inputs) == 2 else ["x"]
    values = [
        _load(tensor, f"{name} + {offset(dims, step, outer)}", step[-1])
        for tensor, name, step in zip(layer.inputs, names, steps, strict=True)
    ]
    to = f"y + {offset(dims, strides(dims), outer)} + n"
    store = f"vstr{_LETTER[layer.output.dtype]}q_p_s32({to}, v, live);"
    body = fill(
        _VECTORS, count=dims[-1], lanes=LANES,
        lines=text_of([*lines(values), store], 1),
    )  # fmt: skip
    inputs = [f"const {element(tensor).name} *{name}" for tensor, name in zip(layer.inputs, names, strict=True)]
    text = fill(
        _BOTH, self="@self@", parameters=", ".join([*inputs, f"{element(layer.output).name} *y"]),
        nest=indent(loops(dims, outer, body)), twin=twin.text,
    )  # fmt: skip
    return Code(portable.call, (Function(twin.name, text),), kernel=f"mve {twin.name}")


def _load(tensor: Tensor, place: str, step: int) -> str:
    """Four elements, or one four times."""
    if step == 0:
        return f"vdupq_n_s32(({place})[0])"
    return f"vldr{_LETTER[tensor.dtype]}q_z_s32({place} + n, live)"
