"""resize_bilinear in C: four neighbours, weights with 10 fractional bits from tables."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.kernel import Code, Function, Layer, whole
from edgekit.deploy.c.text import array_lines, fill, indent
from edgekit.graph.integer.params import BilinearParams, Line

_BILINEAR = """\
static void @self@(const int8_t *x, int8_t *y) {
@tables@    for (int32_t row = 0; row < @out_height@; row++) {
        const int32_t down = rows[row][2];
        for (int32_t column = 0; column < @out_width@; column++) {
            const int32_t right = columns[column][2];
            const int8_t *a = x + (rows[row][0] * @width@ + columns[column][0]) * @channels@;
            const int8_t *b = x + (rows[row][1] * @width@ + columns[column][0]) * @channels@;
            const int8_t *c = x + (rows[row][0] * @width@ + columns[column][1]) * @channels@;
            const int8_t *d = x + (rows[row][1] * @width@ + columns[column][1]) * @channels@;
            for (int32_t i = 0; i < @channels@; i++) {
                const int32_t sum = (a[i] * (1024 - down) + b[i] * down) * (1024 - right)
                                  + (c[i] * (1024 - down) + d[i] * down) * right;
                *y++ = (int8_t)((sum + (sum > 0 ? 524288 : -524288)) / 1048576);
            }
        }
    }
}
"""


def emit_resize_bilinear(layer: Layer) -> Code:
    """resize_bilinear: x int8 [1,H,W,C] to y int8 [1,H',W',C]."""
    params = cast(BilinearParams, layer.params)
    _, height, width, channels = whole(layer.inputs[0], 4, layer)
    _, out_height, out_width, _ = whole(layer.output, 4, layer)
    text = fill(
        _BILINEAR, self="@self@", tables=_table("rows", params.rows) + _table("columns", params.columns),
        out_height=out_height, out_width=out_width, width=width, channels=channels,
    )  # fmt: skip
    function = Function(f"bilinear_{height}x{width}_to_{out_height}x{out_width}x{channels}", text)
    return Code("{f0}({x}, {y});", (function,), kernel=function.name)


def _table(name: str, line: Line) -> str:
    rows = [f"{{{a}, {b}, {w}}}" for a, b, w in zip(line.lower, line.upper, line.weight, strict=True)]
    return indent(f"static const int16_t {name}[{len(rows)}][3] = {{\n{array_lines(rows)}\n}};\n")
