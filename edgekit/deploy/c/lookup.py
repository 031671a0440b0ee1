"""Functions of one int8 value in C: a table of 256 bytes in flash."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import LookupParams

_LOOKUP = """\
static void @self@(const int8_t *table, const int8_t *x, int8_t *y) {
    for (int32_t i = 0; i < @elements@; i++) {
        y[i] = table[x[i] + 128];
    }
}
"""


def emit_lookup(layer: Layer) -> Code:
    """logistic, tanh and the like: x int8 to y int8 of the same shape, correct in place."""
    params = cast(LookupParams, layer.params)
    table = f"table_{layer.index}"
    function = Function(f"lookup_{layer.output.elements}", fill(_LOOKUP, self="@self@", elements=layer.output.elements))
    return Code(
        f"{{f0}}({table}, {{x}}, {{y}});", (function,), (int8_array(table, params.table),), kernel=function.name
    )
