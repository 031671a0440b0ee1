"""resize_nearest and mirror_pad in C: positions along each axis from tables; runs that stay together are copied."""

from __future__ import annotations

from math import prod
from typing import cast

from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.nest import loops, offset, strides
from edgekit.deploy.c.text import array_lines, fill, indent
from edgekit.graph.integer.params_moves import GatherParams

_GATHER = """\
static void @self@(const int8_t *x, int8_t *y) {
@tables@@nest@}
"""


def emit_gather(layer: Layer) -> Code:
    """resize_nearest, mirror_pad: x to y, elements at all combinations of the axes' positions."""
    axes = cast(GatherParams, layer.params).axes
    dims, source = layer.output.dims, strides(layer.inputs[0].dims)
    moved = [axis for axis, line in enumerate(axes) if line != tuple(range(layer.inputs[0].dims[axis]))]
    inner = max(moved, default=-1) + 1
    tables, terms = "", []
    for axis in range(inner):
        if axis in moved:
            values = array_lines(str(position * source[axis]) for position in axes[axis])
            tables += indent(f"static const int32_t at{axis}[{len(axes[axis])}] = {{\n{values}\n}};\n")
            terms.append(f"at{axis}[{f'i{axis}' if dims[axis] > 1 else '0'}]")
        elif dims[axis] > 1:
            terms.append(f"i{axis} * {source[axis]}")
    run, place = prod(dims[inner:]), " + ".join(terms) or "0"
    to = offset(dims, strides(dims), list(range(inner)))
    copy = f"memcpy(y + {to}, x + {place}, {run});\n" if run > 1 else f"y[{to}] = x[{place}];\n"
    text = fill(_GATHER, self="@self@", tables=tables, nest=indent(loops(dims, list(range(inner)), copy)))
    function = Function(f"{layer.node.op}_to_" + "x".join(map(str, dims)), text)
    return Code("{f0}({x}, {y});", (function,), kernel=function.name)
