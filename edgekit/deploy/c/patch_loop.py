"""The loop over a convolution's patches that instruction sets share: patches fill a block, a block meets all filters.

Patches are copied away before their outputs are written, so that outputs may lie on them as the memory plan allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.deploy.c.conv2d import gather_patch
from edgekit.deploy.c.kernel import Function, Layer, whole
from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.c.wide import by_byte_channels
from edgekit.graph.integer.params import ConvParams
from edgekit.graph.scratch import Patches

_LAYER = """\
static void @self@(const @weight@ *w, const @channel@ *c, const int8_t *x, int8_t *y, int8_t *scratch) {
@begin@@position@    for (int32_t left = @pixels@; left > 0; left -= @count@) {
@fetch@@products@        y += @block_outputs@;
    }
}
"""

_FETCH = """\
for (int32_t p = 0; p < @count@ && p < left; p++) {
@one@}
"""

_POSITION = """\
    int32_t row = 0;
    int32_t column = 0;
"""

_STEP = """\
column++;
if (column == @out_width@) {
    column = 0;
    row++;
}
"""


@dataclass(frozen=True)
class BlockParts:
    """What an instruction set brings for one layer.

    Texts are C in the scope of the loop, whose variables are ``w``, ``c``, ``x``, ``y``, ``scratch``, the number ``p``
    of a patch in its block and the number ``left`` of patches from the block's first on; ``@p0@`` … stand for
    ``functions`` by their places.

    Attributes:
        functions: callees first.
        count: patches at a time.
        weight, channel: C types of both tables.
        begin: statements in front of the loop.
        place: statement that puts the patch ``@from@`` into the block.
        products: statements that compute all outputs of a block.
        gathered: where patches that are gathered go: an expression, or the place of a patch by itself.
        placed: gathered patches lie in the block then, and need no ``place``.
        place_all: statement that puts a whole block of patches that lie one behind the other at x there, "" for none.
    """

    functions: tuple[Function, ...]
    count: int
    weight: str
    channel: str
    begin: str
    place: str
    products: str
    gathered: str
    placed: bool = False
    place_all: str = ""


def patch_loop(layer: Layer, params: ConvParams, patches: Patches, parts: BlockParts) -> tuple[Function, ...]:
    """The functions of a conv2d on int8 or int16; the last is ``(w, c, x, y, scratch)``, all of bytes."""
    _, out_height, out_width, outputs = whole(layer.output, 4, layer)
    each = 2 if layer.output.dtype == "int16" else 1
    functions = list(parts.functions)
    if patches.direct:
        fetch = _loop(parts, f"{parts.place.replace('@from@', 'x')}\nx += {each * patches.depth};\n")
        if parts.place_all:
            whole_block = f"{parts.place_all}\nx += {each * parts.count * patches.depth};"
            fetch = full_or_rest(patches, parts.count, whole_block, fetch.rstrip())
        name = f"pointwise_{patches.pixels}x{patches.depth}_to_{outputs}"
    else:
        place = "" if parts.placed else parts.place.replace("@from@", parts.gathered) + "\n"
        step = fill(_STEP, out_width=out_width)
        fetch = _loop(parts, f"@p{len(functions)}@(x, row, column, {parts.gathered});\n{place}{step}")
        functions.append(gather_patch(layer if each == 1 else by_byte_channels(layer), params))
        kernel_h, kernel_w, channels = patches.kernel
        name = f"conv2d_{kernel_h}x{kernel_w}x{channels}_to_{out_height}x{out_width}x{outputs}"
    text = fill(
        _LAYER, self="@self@", weight=parts.weight, channel=parts.channel, begin=_named(indent(parts.begin), functions),
        position="" if patches.direct else _POSITION, pixels=patches.pixels, count=parts.count,
        fetch=_named(indent(fetch, 2), functions), products=_named(indent(parts.products, 2), functions),
        block_outputs=each * parts.count * outputs,
    )  # fmt: skip
    return (*functions, Function(name if each == 1 else f"wide_{name}", text))


def full_or_rest(patches: Patches, count: int, full: str, rest: str) -> str:
    """Statements that call ``full`` for a whole block and ``rest`` for what is left of one at the end."""
    if patches.pixels % count == 0:
        return f"{full}\n"
    if patches.pixels < count:
        return f"{rest}\n"
    return f"if (left >= {count}) {{\n{indent(full)}\n}} else {{\n{indent(rest)}\n}}\n"


def _loop(parts: BlockParts, one: str) -> str:
    """A statement for every patch of a block, or of what is left of one."""
    return fill(_FETCH, count=parts.count, one=indent(one))


def _named(text: str, functions: Sequence[Function]) -> str:
    for place in range(len(functions)):
        text = text.replace(f"@p{place}@", f"@f{place}@")
    return text
