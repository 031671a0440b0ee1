"""pad and reshape in C: values move, none changes."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.nest import loops, offset, strides
from edgekit.deploy.c.text import fill, indent
from edgekit.graph.integer.params_moves import PadParams

_PAD = """\
static void @self@(const int8_t *x, int8_t *y) {
    memset(y, @value@, @bytes@);
@nest@}
"""


def emit_pad(layer: Layer) -> Code:
    """pad: x int8 of any rank inside y int8 that is filled with the zero point; whole runs are copied."""
    params = cast(PadParams, layer.params)
    dims, out = layer.inputs[0].dims, layer.output.dims
    to, from_ = strides(out), strides(dims)
    inner = len(dims)
    while inner > 0 and params.pads[inner - 1] == (0, 0):
        inner -= 1
    inner = max(inner - 1, 0)  # the last padded axis: from there on a run is contiguous on both sides
    axes = list(range(inner))
    start = sum(before * step for (before, _), step in zip(params.pads, to, strict=True))
    run = from_[inner] * dims[inner] if dims else 1
    copy = f"memcpy(y + {start} + {offset(dims, to, axes)}, x + {offset(dims, from_, axes)}, {run});\n"
    nest = indent(loops(dims, axes, copy))
    text = fill(_PAD, self="@self@", value=paren(params.value), bytes=layer.output.elements, nest=nest)
    function = Function("pad_to_" + "x".join(map(str, out)), text)
    return Code("{f0}({x}, {y});", (function,), kernel=function.name)


def emit_reshape(layer: Layer) -> Code:
    """reshape: nothing where the planner gave both tensors one buffer (see generate.py), else a copy."""
    return Code(f"memcpy({{y}}, {{x}}, {layer.output.elements});", kernel="copy")
